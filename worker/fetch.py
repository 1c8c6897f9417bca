"""Fetches a source to disk: ranges side by side, each going on from where it broke off."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from functools import partial
from pathlib import Path

from worker.apart import Crew
from worker.budget import Budget
from worker.errors import CannotWriteError, StorageUnavailableError
from worker.store import BrokenOffError, RemoteFile, ask_again

_RANGE_BYTES = 16 << 20
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
        StorageUnavailableError: it stayed away, or ended before its announced size.

    """
    size = remote.size_bytes
    _check_room(path.parent, size or 0)
    _claim_blocks(path, size or 0)
    ranges = [(0, size or 0)]
    if size is not None and remote.takes_ranges:
        ranges = [(at, min(at + _RANGE_BYTES, size)) for at in range(0, size, _RANGE_BYTES)]
    download = _Download(remote, path, budget=budget, on_progress=on_progress)
    with Crew("fetch", min(threads, len(ranges) or 1)) as crew:
        try:
            fetching = [crew.submit(download.range_fetcher(*bounds)) for bounds in ranges]
            _await(fetching, budget)
        finally:
            # Ranges under way notice the stop at their next chunk; nobody waits for them.
            download.stopped.set()
    found = path.stat().st_size
    if size is not None and (found != size or download.done != size):
        raise StorageUnavailableError(
            f"the source came as {download.done} bytes, not the {size} announced; submit again"
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

    def range_fetcher(self, start: int, end: int) -> Callable[[], None]:
        """Return what writes bytes [start, end), going on where a connection broke off."""

        def fetch_range() -> None:
            if self.stopped.is_set():
                return
            # Opened here: a thread that outlives the job must not write to a descriptor that is
            # another file's by then.
            with self._path.open("r+b", buffering=0) as file:
                at: int | None = start
                while at is not None:
                    read_on = partial(self._read_on, file.fileno(), at, end)
                    at = ask_again(read_on, self._budget)

        return fetch_range

    def _read_on(self, fd: int, start: int, end: int) -> int | None:
        """Write what comes; return where to go on, None at the end.

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


def _claim_blocks(path: Path, size: int) -> None:
    """Make the target and claim its blocks, so that a full disk shows now."""
    try:
        with path.open("wb") as file:
            if size:
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        raise _cannot_write(path, error) from error


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
