"""Downloads a source to disk: ranges side by side, each continued from where it broke off."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from functools import partial
from pathlib import Path

from worker.errors import CannotWriteError, StorageUnavailableError
from worker.runtime.budget import Budget
from worker.runtime.threads import DaemonThreadPool, run_in_thread
from worker.storage.base import BrokenOffError, RemoteFile
from worker.storage.retrying import retry

_RANGE_BYTES = 16 << 20
_POLL_S = 0.25
# Space for segments on their way to the store, beside the source.
_DISK_MARGIN_BYTES = 256 << 20

# Not os.posix_fallocate: where the file system has no fallocate (NFS before 4.2), glibc writes to
# each block, which takes as long as the download.
_FALLOCATE = ctypes.CDLL(None, use_errno=True).fallocate
_FALLOCATE.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_CANNOT_ALLOCATE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINTR)

OnProgress = Callable[[int, int | None], None]


def download(
    remote: RemoteFile, path: Path, *, budget: Budget, threads: int, on_progress: OnProgress
) -> None:
    """Write the remote file to `path`; `on_progress` gets bytes so far and in all.

    Raises:
        CannotWriteError: the work folder has too little space, found before the first byte.
        NoSourceError: the source went away or was replaced meanwhile.
        StorageUnavailableError: it did not answer, or ended before its announced size.

    """
    size = remote.size_bytes
    _check_space(path.parent, size or 0)
    # In a thread: a network file system may be slow to answer.
    run_in_thread(lambda: _allocate(path, size or 0), budget.check)
    ranges = [(0, size or 0)]
    if size is not None and remote.takes_ranges:
        ranges = [(at, min(at + _RANGE_BYTES, size)) for at in range(0, size, _RANGE_BYTES)]
    transfer = _Download(remote, path, budget=budget, on_progress=on_progress)
    with DaemonThreadPool("download", min(threads, len(ranges) or 1)) as pool:
        try:
            parts = [pool.submit(transfer.range_reader(*bounds)) for bounds in ranges]
            _await(parts, budget)
        finally:
            # Ranges under way notice the stop at their next chunk; they are not waited for.
            transfer.stopped.set()
    found = path.stat().st_size
    if size is not None and (found != size or transfer.done != size):
        raise StorageUnavailableError(
            f"the source came as {transfer.done} bytes, not the {size} announced; submit again"
        )


class _Download:
    """One file under way: its ranges share the target and the count of bytes."""

    def __init__(
        self, remote: RemoteFile, path: Path, *, budget: Budget, on_progress: OnProgress
    ) -> None:
        self.done = 0
        self.stopped = threading.Event()
        self._remote = remote
        self._path = path
        self._budget = budget
        self._on_progress = on_progress
        self._lock = threading.Lock()

    def range_reader(self, start: int, end: int) -> Callable[[], None]:
        """Return what writes bytes [start, end), continuing where a connection broke off."""

        def read_range() -> None:
            if self.stopped.is_set():
                return
            # Opened here: a thread that outlives the job must not write to a descriptor that is
            # another file's by then.
            with self._path.open("r+b", buffering=0) as file:
                at: int | None = start
                while at is not None:
                    read_on = partial(self._read_on, file.fileno(), at, end)
                    at = retry(read_on, self._budget)

        return read_range

    def _read_on(self, fd: int, start: int, end: int) -> int | None:
        """Write what comes; return where to continue, None at the end.

        A connection that brought something before it broke off is no failure: only one that brings
        nothing counts as an attempt.
        """
        at = start
        try:
            for chunk in self._remote.read(start, end):
                if self.stopped.is_set():
                    return None
                _write(fd, chunk, at)
                at += len(chunk)
                self._count(len(chunk))
        except BrokenOffError:
            if not self._remote.takes_ranges:
                self._count(start - at)
                raise
            if at == start:
                raise
            return at
        if self._remote.size_bytes is None or at >= end:
            return None
        if not self._remote.takes_ranges or at == start:
            self._count(start - at)
            raise BrokenOffError(
                f"the source broke off at byte {at} of {end}; submit the job again"
            )
        return at

    def _count(self, count: int) -> None:
        with self._lock:
            self.done += count
            self._on_progress(self.done, self._remote.size_bytes)


def _allocate(path: Path, size: int) -> None:
    """Make the target and allocate its blocks, so that a full disk is noticed now."""
    try:
        with path.open("wb") as file:
            if size:
                _fallocate(file.fileno(), size)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _fallocate(handle: int, size: int) -> None:
    if _FALLOCATE(handle, 0, 0, size) == 0:
        return
    number = ctypes.get_errno()
    if number not in _CANNOT_ALLOCATE:
        raise OSError(number, os.strerror(number))


def _await(parts: list[Future[None]], budget: Budget) -> None:
    waiting = set(parts)
    while waiting:
        budget.check()
        done, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
        for part in done:
            part.result()


def _write(fd: int, chunk: bytes, at: int) -> None:
    view = memoryview(chunk)
    try:
        while view:
            count = os.pwrite(fd, view, at)
            view, at = view[count:], at + count
    except OSError as error:
        raise _cannot_write("the work folder", error) from error


def _check_space(folder: Path, size: int) -> None:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _cannot_write(folder, error) from error
    if free < size + _DISK_MARGIN_BYTES:
        raise CannotWriteError(
            f"the work folder {folder} has {free >> 20} MiB free, the source and its segments need"
            f" {(size + _DISK_MARGIN_BYTES) >> 20} MiB; give the job a larger volume"
        )


def _cannot_write(what: object, error: OSError) -> CannotWriteError:
    return CannotWriteError(f"cannot write {what}: {error.strerror}; make room or grant access")
