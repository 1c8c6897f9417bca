"""The file that a source is fetched to: its space, its blocks, what is written to it."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path

from worker.errors import CannotWriteError

# Space for segments on their way to the store, beside the source.
_DISK_MARGIN_BYTES = 256 << 20

# Not os.posix_fallocate: where the file system has no fallocate (NFS before 4.2), glibc writes to
# each block, which takes as long as the download.
_FALLOCATE = ctypes.CDLL(None, use_errno=True).fallocate
_FALLOCATE.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_CANNOT_ALLOCATE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINTR)


def check_space(folder: Path, size: int) -> None:
    """Make sure that the work folder has space for so many bytes of a source.

    Raises:
        CannotWriteError: it has not.

    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _cannot_write(folder, error) from error
    if free < size + _DISK_MARGIN_BYTES:
        raise CannotWriteError(
            f"the work folder {folder} has {free >> 20} MiB free, the source and its segments need"
            f" {(size + _DISK_MARGIN_BYTES) >> 20} MiB; give the job a larger volume"
        )


def allocate(path: Path, size: int) -> None:
    """Make a file and allocate its blocks, so that a full disk is noticed now.

    Raises:
        CannotWriteError: the disk is full, or the work folder cannot be written to.

    """
    try:
        with path.open("wb") as file:
            if size:
                _fallocate(file.fileno(), size)
    except OSError as error:
        raise _cannot_write(path, error) from error


def make_sparse(path: Path, size: int) -> None:
    """Make a file of this size whose bytes take no blocks until they are written.

    Raises:
        CannotWriteError: the work folder cannot be written to.

    """
    try:
        with path.open("wb") as file:
            file.truncate(size)
    except OSError as error:
        raise _cannot_write(path, error) from error


def write_at(fd: int, chunk: bytes, at: int) -> None:
    """Write all of a chunk to a file, from byte `at` on.

    Raises:
        CannotWriteError: the disk is full.

    """
    view = memoryview(chunk)
    try:
        while view:
            count = os.pwrite(fd, view, at)
            view, at = view[count:], at + count
    except OSError as error:
        raise _cannot_write("the work folder", error) from error


def _fallocate(handle: int, size: int) -> None:
    if _FALLOCATE(handle, 0, 0, size) == 0:
        return
    number = ctypes.get_errno()
    if number not in _CANNOT_ALLOCATE:
        raise OSError(number, os.strerror(number))


def _cannot_write(what: object, error: OSError) -> CannotWriteError:
    return CannotWriteError(f"cannot write {what}: {error.strerror}; make room or grant access")
