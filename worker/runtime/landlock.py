"""Which files FFmpeg may open, as rules of Landlock in the words of setpriv(1)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path

_CREATE_RULESET = 444  # the same on x86-64 and ARM64
_GET_VERSION = 1
# In the order of the kernel's bits, as setpriv names them; what is not listed in a rule is denied.
_FIRST_RIGHTS = (
    *("execute", "write-file", "read-file", "read-dir", "remove-dir", "remove-file"),
    *("make-char", "make-dir", "make-reg", "make-sock", "make-fifo", "make-block", "make-sym"),
)
_LATER_RIGHTS = ((2, "refer"), (3, "truncate"))
_READ_FOLDER, _READ_FILE = "read-file,read-dir", "read-file"
# No folder of programs is readable: the dynamic loader, which may be run, would run what it reads.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_LOADERS = "lib*/ld-*.so.*"
_FILES = ("/etc/ld.so.cache", "/dev/null", "/dev/urandom")


def landlock_version() -> int:
    """Return the version of the kernel's Landlock (its ABI); 0 where it has none."""
    call = ctypes.CDLL(None).syscall
    version: int = call(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), _GET_VERSION)
    return max(0, version)


def landlock_words(
    version: int,
    *,
    program: Path,
    folder: Path,
    readable: Sequence[Path],
    library_path: str,
    root: Path = Path("/"),
) -> Iterator[str]:
    """Yield the words: a program may run itself, read these files and write in this folder.

    `library_path` is the value of LD_LIBRARY_PATH.
    """
    rights = (*_FIRST_RIGHTS, *(right for since, right in _LATER_RIGHTS if version >= since))
    yield f"--landlock-access=fs:{','.join(rights)}"
    write = f"{_READ_FOLDER},write-file,make-reg,remove-file"
    yield _rule(write + (",truncate" if "truncate" in rights else ""), folder)
    for each in (program, *sorted(root.glob(_LOADERS))):
        yield _rule(f"execute,{_READ_FILE}", each)
    beside = program.resolve().parent.parent / "lib"
    named = (Path(each) for each in library_path.split(":") if each.startswith("/"))
    for each in dict.fromkeys((*(Path(each) for each in _LIBRARIES), beside, *named)):
        if each.is_dir():
            yield _rule(_READ_FOLDER, each)
    for each in (*(Path(each) for each in _FILES), *readable):
        if each.exists():
            yield _rule(_READ_FILE, each)


def _rule(rights: str, path: Path) -> str:
    return f"--landlock-rule=path-beneath:{rights}:{path}"
