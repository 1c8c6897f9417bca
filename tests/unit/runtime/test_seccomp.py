"""The filter of system calls, read as the kernel reads it, for both architectures."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence

import pytest

from worker.runtime import seccomp
from worker.runtime.seccomp import (
    DENIED,
    NAMESPACE_FLAGS,
    NoFilterError,
    filter_descriptor,
    write_filter,
)

ALLOWED, KILLED = 0x7FFF0000, 0
ERRNO = 0x00050000
# AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64, and numbers from the kernel's tables.
ARCHITECTURES = {
    "x86_64": (
        0xC000003E,
        {"socket": 41, "connect": 42, "ptrace": 101, "kill": 62, "tgkill": 234, "openat": 257}
        | {"read": 0, "clone": 56, "prlimit64": 302, "fcntl": 72, "truncate": 76, "execve": 59}
        | {"chmod": 90, "unshare": 272},
    ),
    "aarch64": (
        0xC00000B7,
        {"socket": 198, "connect": 203, "ptrace": 117, "kill": 129, "tgkill": 131, "openat": 56}
        | {"read": 63, "clone": 220, "prlimit64": 261, "fcntl": 25, "truncate": 45, "execve": 221}
        | {"fchmodat": 53, "unshare": 97},
    ),
}
CLONE3, IO_URING_SETUP = 435, 425  # the same on both
THREAD_FLAGS = 0x3D0F00
F_DUPFD, F_SETFL, F_SETOWN, F_SETSIG, F_SETOWN_EX = 0, 4, 8, 10, 15


def program(architecture: str) -> list[tuple[int, int, int, int]]:
    descriptor = os.memfd_create("filter")
    try:
        write_filter(descriptor, architecture)
        size = os.fstat(descriptor).st_size
        return list(struct.iter_unpack("=HBBI", os.pread(descriptor, size, 0)))
    finally:
        os.close(descriptor)


def answer(
    instructions: Sequence[tuple[int, int, int, int]],
    number: int,
    *arguments: int,
    audit: int,
) -> int:
    """Return what the kernel would do with a call: classic BPF over `struct seccomp_data`."""
    data = struct.pack("=IIQ6Q", number, audit, 0, *(*arguments, *[0] * 6)[:6])
    accumulator = position = 0
    while True:
        code, if_true, if_false, value = instructions[position]
        position += 1
        if code == 0x20:  # load a word
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif code == 0x54:  # and
            accumulator &= value
        elif code == 0x05:  # jump
            position += value
        elif code == 0x06:  # return
            return value
        else:
            compare = {
                0x15: accumulator == value,
                0x25: accumulator > value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }
            position += if_true if compare[code] else if_false


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_calls_are_denied_by_name_on_both_architectures(architecture: str) -> None:
    audit, numbers = ARCHITECTURES[architecture]
    instructions = program(architecture)
    denied = {*DENIED} & {*numbers}
    assert len(denied) >= 8
    for name, number in numbers.items():
        expected = ERRNO | errno.EPERM if name in denied else ALLOWED
        assert answer(instructions, number, audit=audit) == expected, name
    assert answer(instructions, IO_URING_SETUP, audit=audit) == ERRNO | errno.EPERM
    assert answer(instructions, CLONE3, audit=audit) == ERRNO | errno.ENOSYS


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_threads_are_allowed_and_namespaces_denied(architecture: str) -> None:
    audit, numbers = ARCHITECTURES[architecture]
    instructions = program(architecture)
    assert answer(instructions, numbers["clone"], THREAD_FLAGS, audit=audit) == ALLOWED
    assert len(NAMESPACE_FLAGS) == 8
    for flag in NAMESPACE_FLAGS:
        flags = THREAD_FLAGS | flag
        assert answer(instructions, numbers["clone"], flags, audit=audit) == ERRNO | errno.EPERM


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_own_limits_and_files_are_allowed_those_of_other_processes_denied(
    architecture: str,
) -> None:
    audit, numbers = ARCHITECTURES[architecture]
    instructions = program(architecture)
    denied = ERRNO | errno.EPERM
    calls: list[tuple[str, tuple[int, ...], int]]
    calls = [("prlimit64", (0,), ALLOWED), ("prlimit64", (7,), denied)]
    calls += [("fcntl", (3, command), ALLOWED) for command in (F_DUPFD, F_SETFL)]
    calls += [("fcntl", (3, command), denied) for command in (F_SETOWN, F_SETSIG, F_SETOWN_EX)]
    for name, arguments, expected in calls:
        found = answer(instructions, numbers[name], *arguments, audit=audit)
        assert found == expected, (name, arguments)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_calls_of_another_architecture_end_the_program(architecture: str) -> None:
    """Their numbers mean other calls: x86-64 runs programs of i386."""
    _, numbers = ARCHITECTURES[architecture]
    assert answer(program(architecture), numbers["read"], audit=0x40000003) == KILLED


def test_nobody_can_change_the_filter() -> None:
    """FFmpeg inherits the descriptor, and the next one is restricted by the same file."""
    with pytest.raises(PermissionError):
        os.write(filter_descriptor(), b"x")
    with pytest.raises(PermissionError):
        os.ftruncate(filter_descriptor(), 0)


def test_without_libseccomp_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seccomp, "_LIBRARY", "libnothing.so.2")
    with pytest.raises(NoFilterError, match=r"libnothing.*install.*libseccomp2"):
        write_filter(-1)


def test_a_filter_that_cannot_be_written_is_an_error() -> None:
    with pytest.raises(NoFilterError, match="libseccomp"):
        write_filter(-1)
