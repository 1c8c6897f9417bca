"""Does what setpriv(1) of util-linux 2.41 does, for a system with an older one, in its words.

Run as a program. Python starts each time, so that it takes longer than setpriv, and imports little:
nothing of the worker.
"""

from __future__ import annotations

import ctypes
import os
import sys

_FAILED = 127
_SIGKILL = 9
_SET_PDEATHSIG, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 1, 22, 38
_FILTER_MODE = 2
_INSTRUCTION_BYTES = 8
# The same on x86-64 and ARM64.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
# In the order of the kernel's bits.
_RIGHTS = (
    *("execute", "write-file", "read-file", "read-dir", "remove-dir", "remove-file"),
    *("make-char", "make-dir", "make-reg", "make-sock", "make-fifo", "make-block", "make-sym"),
    *("refer", "truncate"),
)
_libc = ctypes.CDLL(None, use_errno=True)


class _PathBeneath(ctypes.Structure):
    """As `struct landlock_path_beneath_attr`."""

    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Program(ctypes.Structure):
    """As `struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def main(words: list[str]) -> None:
    """Restrict this process as the words say, and become the program that follows them."""
    end = words.index("--")
    given: dict[str, list[str]] = {}
    for word in words[:end]:
        name, _, value = word.partition("=")
        given.setdefault(name, []).append(value)
    # Read before Landlock denies it.
    filters = [_read(path) for path in given.pop("--seccomp-filter", [])]
    rules = given.pop("--landlock-rule", [])
    for name, (value,) in given.items():
        if name == "--pdeathsig" and value == "KILL":
            _control(_SET_PDEATHSIG, _SIGKILL)
        elif name == "--no-new-privs":
            _control(_SET_NO_NEW_PRIVS, 1)
        elif name == "--landlock-access":
            _restrict_files(value, rules)
        else:
            raise OSError(f"unknown: {name}={value}")
    for instructions in filters:
        program = _Program(len(instructions) // _INSTRUCTION_BYTES, instructions)
        _control(_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program))
    os.execv(words[end + 1], words[end + 1 :])  # noqa: S606 (there is no shell to start it with)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 (pathlib takes a third of the time of a start)
        return file.read()


def _restrict_files(access: str, rules: list[str]) -> None:
    handled = ctypes.c_uint64(_bits(access.partition(":")[2]))
    ruleset = _call(_CREATE_RULESET, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    for rule in rules:
        _, rights, path = rule.split(":", 2)
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        beneath = _PathBeneath(_bits(rights), parent)
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(beneath), 0)
        os.close(parent)
    _call(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _bits(names: str) -> int:
    return sum(1 << _RIGHTS.index(name) for name in names.split(","))


def _call(number: int, *arguments: object) -> int:
    # A variadic function of C: each number must fill its register.
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    status: int = _libc.syscall(ctypes.c_long(number), *words)
    if status < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"system call {number}")
    return status


def _control(option: int, *arguments: object) -> None:
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    rest = [ctypes.c_long(0)] * (4 - len(words))
    if _libc.prctl(option, *words, *rest):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"prctl {option}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.stderr.write(f"launcher: {error}\n")
        sys.exit(_FAILED)
