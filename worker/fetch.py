"""Fetches a source to disk: ranges side by side, each going on from where it broke off."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

import tenacity

from worker.budget import Budget
from worker.errors import CannotWriteError, StorageUnavailableError
from worker.store.base import BrokenOffError, RemoteFile

_RANGE_BYTES = 16 << 20
_ATTEMPTS = 8
_POLL_S = 0.25
# Room for segments on their way to the store, beside the source.
_DISK_MARGIN_BYTES = 256 << 20

OnProgress = Callable[[int, int | None], None]


def fetch(
    remote: RemoteFile, path: Path, *, budget: Budget, threads: int, on_progress: OnProgress
) -> None:
    """Write the remote file to `path`; `on_progress` gets bytes so far and in all.

    Raises:
        CannotWriteError: the work folder has too little room, told before the first byte.
        NoSourceError: the source went away or was replaced meanwhile.
        StorageUnavailableError: it broke off more often than the retries allow.

    """
    size = remote.size_bytes
    _check_room(path.parent, size or 0)
    ranges = [(0, size or 0)]
    if size is not None and remote.takes_ranges:
        ranges = [(at, min(at + _RANGE_BYTES, size)) for at in range(0, size, _RANGE_BYTES)]
    with _open_for_writing(path, size) as fd:
        download = _Download(remote, fd, budget=budget, on_progress=on_progress)
        pool = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
        try:
            _await([pool.submit(download.fetch_range, start, end) for start, end in ranges], budget)
        finally:
            # Ranges under way notice the stop at their next chunk.
            download.stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
    found = path.stat().st_size
    if size is not None and (found != size or download.done != size):
        raise StorageUnavailableError(
            f"the source came as {download.done} bytes, not the {size} announced; submit again"
        )


class _Download:
    """One file under way: its ranges share the target and the count of bytes."""

    def __init__(
        self, remote: RemoteFile, fd: int, *, budget: Budget, on_progress: OnProgress
    ) -> None:
        self.done = 0
        self.stopped = threading.Event()
        self._remote = remote
        self._fd = fd
        self._budget = budget
        self._on_progress = on_progress
        self._lock = threading.Lock()

    def fetch_range(self, start: int, end: int) -> None:
        """Write bytes [start, end), going on where a connection broke off."""
        at = start
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(BrokenOffError),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=20),
            sleep=self._budget.sleep,
            reraise=True,
        )
        for attempt in retrying:
            with attempt:
                if not self._remote.takes_ranges:
                    self._count(start - at)
                    at = start
                for chunk in self._remote.read(at, end):
                    if self.stopped.is_set():
                        return
                    _write(self._fd, chunk, at)
                    at += len(chunk)
                    self._count(len(chunk))
                if self._remote.size_bytes is not None and at < end:
                    raise BrokenOffError(
                        f"the source broke off at byte {at} of {end}; submit the job again"
                    )

    def _count(self, count: int) -> None:
        with self._lock:
            self.done += count
            self._on_progress(self.done, self._remote.size_bytes)


@contextlib.contextmanager
def _open_for_writing(path: Path, size: int | None) -> Iterator[int]:
    """Open the target, claiming its blocks at once so that a full disk shows now."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        if size:
            os.posix_fallocate(fd, 0, size)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield fd
    finally:
        os.close(fd)


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


def _check_room(folder: Path, size: int) -> None:
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
