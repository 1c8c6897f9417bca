"""The system calls that FFmpeg is denied, as a filter that libseccomp makes for this architecture.

All others are allowed: a list of what is allowed would differ with each FFmpeg and each C library.
Names are those of libseccomp, so that the list is the same for x86-64 and ARM64.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import functools
import os

_LIBRARY = "libseccomp.so.2"
_NETWORK = (
    *("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4"),
    *("sendto", "sendmsg", "sendmmsg"),
    # It opens sockets, and files, without a system call of theirs.
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
)
_OTHER_PROCESSES = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp"),
    *("pidfd_open", "pidfd_getfd", "pidfd_send_signal", "move_pages", "migrate_pages"),
    # abort() sends itself a signal with tgkill. Denied that, it ends the process by another one.
    *("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"),
)
_NAMESPACES = (
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "mount_setattr"),
    *("move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick"),
)
# A decoder needs none of them, and each has let programs into the kernel.
_KERNEL = (
    *("bpf", "perf_event_open", "userfaultfd", "add_key", "request_key", "keyctl"),
    *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"),
)
# What Landlock does not restrict: modes and owners; truncate before Linux 6.2; files by handle;
# programs in memory.
_FILES = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("truncate", "open_by_handle_at", "memfd_create", "execveat"),
)
DENIED = (*_NETWORK, *_OTHER_PROCESSES, *_NAMESPACES, *_KERNEL, *_FILES)
# Of CLONE_NEWTIME to CLONE_NEWNET.
NAMESPACE_FLAGS = (1 << 7, 1 << 17, *(1 << bit for bit in range(25, 31)))
# An open file can send any signal to any process of the same user.
_SIGNAL_COMMANDS = (fcntl.F_SETOWN, fcntl.F_SETSIG, 15)  # F_SETOWN_EX, which Python does not name
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NOT_EQUAL, _EQUAL, _MASKED_EQUAL = 1, 4, 7
_F_ADD_SEALS, _ALL_SEALS = 1033, 0xF


class NoFilterError(Exception):
    """libseccomp is missing, or refuses the filter."""


class _Argument(ctypes.Structure):
    """As `struct scmp_arg_cmp`: compares one argument of a call."""

    _fields_ = (
        ("index", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


@functools.cache
def filter_descriptor() -> int:
    """Return an open file with the filter, made once; nobody can change it.

    Raises:
        NoFilterError: it cannot be made.

    """
    descriptor = os.memfd_create("seccomp", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    write_filter(descriptor)
    fcntl.fcntl(descriptor, _F_ADD_SEALS, _ALL_SEALS)
    return descriptor


def write_filter(descriptor: int, architecture: str | None = None) -> None:
    """Write the filter as BPF for an architecture as libseccomp names it; default: this one's.

    Raises:
        NoFilterError: it cannot be made.

    """
    library = _load()
    context = library.seccomp_init(_ALLOW)
    if context is None:
        raise NoFilterError(f"{_LIBRARY} makes no filter")
    try:
        if architecture is not None:
            _check(library.seccomp_arch_remove(context, library.seccomp_arch_native()))
            _check(library.seccomp_arch_add(context, _token(library, architecture)))
        _add_rules(library, context)
        _check(library.seccomp_export_bpf(context, descriptor))
    finally:
        library.seccomp_release(context)


def _add_rules(library: ctypes.CDLL, context: int) -> None:
    for name in DENIED:
        _deny(library, context, name)
    # Its flags are in memory, where no filter sees them. The C library uses clone instead.
    _deny(library, context, "clone3", error=errno.ENOSYS)
    for flag in NAMESPACE_FLAGS:
        _deny(library, context, "clone", argument=_Argument(0, _MASKED_EQUAL, flag, flag))
    # Its own limits only: those of the worker could end it.
    _deny(library, context, "prlimit64", argument=_Argument(0, _NOT_EQUAL, 0, 0))
    for command in _SIGNAL_COMMANDS:
        _deny(library, context, "fcntl", argument=_Argument(1, _EQUAL, command, 0))


def _deny(
    library: ctypes.CDLL,
    context: int,
    name: str,
    *,
    error: int = errno.EPERM,
    argument: _Argument | None = None,
) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number == -1:
        # Newer than this libseccomp.
        return
    count, pointer = (1, ctypes.byref(argument)) if argument else (0, None)
    _check(library.seccomp_rule_add_array(context, _ERRNO | error, number, count, pointer))


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise NoFilterError(f"{error}; install it (Debian: libseccomp2)") from error
    context, number = ctypes.c_void_p, ctypes.c_uint32
    library.seccomp_init.restype = context
    library.seccomp_init.argtypes = (number,)
    library.seccomp_release.argtypes = (context,)
    library.seccomp_arch_native.restype = number
    library.seccomp_arch_resolve_name.restype = number
    library.seccomp_arch_resolve_name.argtypes = (ctypes.c_char_p,)
    library.seccomp_arch_add.argtypes = (context, number)
    library.seccomp_arch_remove.argtypes = (context, number)
    library.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
    library.seccomp_rule_add_array.argtypes = (
        *(context, number, ctypes.c_int, ctypes.c_uint),
        ctypes.POINTER(_Argument),
    )
    library.seccomp_export_bpf.argtypes = (context, ctypes.c_int)
    return library


def _token(library: ctypes.CDLL, architecture: str) -> int:
    token: int = library.seccomp_arch_resolve_name(architecture.encode())
    return token


def _check(status: int) -> None:
    if status < 0:
        raise NoFilterError(f"{_LIBRARY}: {os.strerror(-status)}")
