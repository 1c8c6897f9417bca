"""A program that tries what a decoder that was taken over would; prints what came of each attempt.

Run in the sandbox as FFmpeg is, so that it imports nothing of the worker or of the tests.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path

victim, port, outside, inside, source = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6]
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, PTRACE_SEIZE, PTRACE_DETACH = 0x10000000, 0x4206, 17


def checked(status: int) -> None:
    if status < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def read_environment() -> None:
    if b"SECRET" not in Path(f"/proc/{victim}/environ").read_bytes():
        raise OSError("there is no secret in it")


def open_memory() -> None:
    os.close(os.open(f"/proc/{victim}/mem", os.O_RDWR))


def trace() -> None:
    checked(libc.ptrace(PTRACE_SEIZE, victim, 0, 0))


class Range(ctypes.Structure):
    """As `struct iovec`."""

    _fields_ = (("start", ctypes.c_void_p), ("size", ctypes.c_size_t))


def read_memory() -> None:
    here = Range(ctypes.addressof(ctypes.create_string_buffer(8)), 8)
    there = Range(8, 8)
    status = libc.process_vm_readv(victim, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    # Nothing is there: that is said only to a process that may read.
    if ctypes.get_errno() != errno.EFAULT:
        checked(status)


def fetch_credentials() -> None:
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        if connection.recv(100) != b"credentials":
            raise OSError("another answer")


def run(*command: str) -> Callable[[], None]:
    def attempt() -> None:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(OSError):
                os.execv(command[0], command)  # noqa: S606 (a shell is what it tries)
            os._exit(9)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
            raise OSError("it did not run")

    return attempt


def run_through_loader() -> None:
    loaders = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
    run(next(path for path in loaders if Path(path).exists()), "/bin/sh", "-c", "exit 0")()


def run_from_memory() -> None:
    copy = os.memfd_create("program")
    os.write(copy, Path("/bin/true").read_bytes())
    run(f"/proc/self/fd/{copy}")()


def signal_by_file() -> None:
    reading, _ = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, victim)


def new_user_namespace() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0 if libc.unshare(CLONE_NEWUSER) == 0 else 9)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise OSError("denied")


def write(path: str) -> Callable[[], None]:
    def attempt() -> None:
        with Path(path).open("ab") as file:
            file.write(b"x")

    return attempt


ATTEMPTS: dict[str, Callable[[], object]] = {
    "read its environment": read_environment,
    "open its memory": open_memory,
    "read its memory": read_memory,
    "trace it": trace,
    "signal it": lambda: os.kill(victim, 0),
    "signal a thread of it": lambda: checked(libc.tgkill(victim, victim, 0)),
    "signal it through a file": signal_by_file,
    "change its limits": lambda: resource.prlimit(victim, resource.RLIMIT_CORE),
    "connect to this machine": fetch_credentials,
    "open a Unix socket": socket.socketpair,
    "run a shell": run("/bin/sh", "-c", "exit 0"),
    "run a shell through the dynamic loader": run_through_loader,
    "run a program from memory": run_from_memory,
    "read a file of the user": lambda: Path(outside).read_bytes(),
    "write a file of the user": write(outside),
    "truncate a file of the user": lambda: os.truncate(outside, 1),
    "change the mode of a file of the user": lambda: Path(outside).chmod(0o644),
    "read /etc/passwd": lambda: Path("/etc/passwd").read_bytes(),
    "list the processes": lambda: list(Path("/proc").iterdir()),
    "make a user namespace": new_user_namespace,
    # What FFmpeg needs.
    "write in the work folder": write(f"{inside}/written"),
    "read the source": lambda: Path(source).read_bytes(),
}


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return error.strerror or str(error)
    return "done"


print(json.dumps({name: outcome(attempt) for name, attempt in ATTEMPTS.items()}))
