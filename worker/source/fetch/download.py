"""Downloads a source to disk: ranges side by side, each continued from where it broke off."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass
from pathlib import Path

from worker.errors import StorageUnavailableError
from worker.media.streams import ByteRange
from worker.runtime.budget import Budget
from worker.runtime.threads import DaemonThreadPool, run_in_thread
from worker.source.fetch.disk import allocate, check_space, write_at
from worker.storage.base import BrokenOffError, RemoteFile
from worker.storage.retrying import retry

_RANGE_BYTES = 16 << 20
_POLL_S = 0.25
# A connection has to bring its share of this, on average over the window: at 16 KiB/s not even a
# short lecture (225 MiB) would come within the 14,400 s of a job. A slow line of 50 kB/s brings
# three times as much, and shares it among the same connections.
_LEAST_BYTES_PER_S = 16 << 10
# Long enough for a line that halts for seconds. Four windows are the patience of `retrying`.
_WINDOW_S = 30.0

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
    check_space(path.parent, size or 0)
    # In a thread: a network file system may be slow to answer.
    run_in_thread(lambda: allocate(path, size or 0), budget.check)
    _fetch(
        remote,
        path,
        [_Range(0, size or 0)] if size is None or not remote.takes_ranges else _split([(0, size)]),
        budget=budget,
        threads=threads,
        on_progress=on_progress,
    )
    found = path.stat().st_size
    if size is not None and found != size:
        raise _came_as(found, size)


def fetch_ranges(
    remote: RemoteFile,
    path: Path,
    ranges: Sequence[ByteRange],
    *,
    budget: Budget,
    threads: int,
    on_progress: OnProgress,
) -> None:
    """Write ranges of a remote file that serves them into a file of its size.

    `on_progress` gets bytes so far and in all, of these ranges.

    Raises:
        WorkerError: as `download` raises it.

    """
    check_space(path.parent, sum(end - start for start, end in ranges))
    _fetch(remote, path, _split(ranges), budget=budget, threads=threads, on_progress=on_progress)


def _fetch(
    remote: RemoteFile,
    path: Path,
    ranges: Sequence[_Range],
    *,
    budget: Budget,
    threads: int,
    on_progress: OnProgress,
) -> None:
    size = None if remote.size_bytes is None else sum(part.end - part.at for part in ranges)
    connections = min(threads, len(ranges) or 1)
    transfer = _Download(
        remote, path, size, budget=budget, connections=connections, on_progress=on_progress
    )
    with DaemonThreadPool("download", connections) as pool:
        try:
            parts = [pool.submit(transfer.range_reader(part)) for part in ranges]
            _await(parts, budget)
        finally:
            # Ranges under way notice the stop at their next chunk; they are not waited for.
            transfer.stopped.set()
    if size is not None and transfer.done != size:
        raise _came_as(transfer.done, size)


def _split(ranges: Sequence[ByteRange]) -> list[_Range]:
    return [
        _Range(at, min(at + _RANGE_BYTES, end))
        for start, end in ranges
        for at in range(start, end, _RANGE_BYTES)
    ]


def _came_as(found: int, expected: int) -> StorageUnavailableError:
    return StorageUnavailableError(
        f"the source came as {found} bytes, not the {expected} announced; submit again"
    )


@dataclass(slots=True)
class _Range:
    """A part of the file: where its next byte belongs, and where it ends."""

    at: int
    end: int


class _Download:
    """One file under way: its ranges share the target and the count of bytes."""

    def __init__(
        self,
        remote: RemoteFile,
        path: Path,
        size: int | None,
        *,
        budget: Budget,
        connections: int,
        on_progress: OnProgress,
    ) -> None:
        self.done = 0
        self.stopped = threading.Event()
        self._remote = remote
        self._path = path
        self._size = size
        self._budget = budget
        self._least_bytes_per_s = _LEAST_BYTES_PER_S / connections
        self._on_progress = on_progress
        self._lock = threading.Lock()

    def range_reader(self, part: _Range) -> Callable[[], None]:
        """Return what writes a range, continuing where a connection broke off."""

        def read_range() -> None:
            if self.stopped.is_set():
                return
            # Opened here: a thread that outlives the job must not write to a descriptor that is
            # another file's by then.
            with self._path.open("r+b", buffering=0) as file:
                # A source that brought enough before it broke off has all the patience again.
                while not retry(lambda: self._read_on(file.fileno(), part), self._budget):
                    pass

        return read_range

    def _read_on(self, fd: int, part: _Range) -> bool:
        """Write what comes; return whether that was the rest.

        A connection that brought enough for its time before it broke off is no failure: only one
        that did not counts as an attempt. What it brought is kept.
        """
        begun_s, start = self._budget.elapsed_s, part.at
        try:
            self._write_chunks(fd, part)
        except BrokenOffError:
            if not self._remote.takes_ranges:
                # From the start again: the next answer may be shorter, where no size is announced.
                self._count(-part.at)
                part.at = 0
                if self._remote.size_bytes is None:
                    os.ftruncate(fd, 0)
                raise
            if self._is_slow(part.at - start, begun_s):
                raise
            return False
        return True

    def _write_chunks(self, fd: int, part: _Range) -> None:
        window_s, window_bytes = self._budget.elapsed_s, 0
        for chunk in self._remote.read(part.at, part.end):
            if self.stopped.is_set():
                return
            write_at(fd, chunk, part.at)
            part.at += len(chunk)
            self._count(len(chunk))
            window_bytes += len(chunk)
            passed_s = self._budget.elapsed_s - window_s
            if passed_s >= _WINDOW_S:
                if self._is_slow(window_bytes, window_s):
                    raise BrokenOffError(
                        f"the source is sent too slowly: {window_bytes} bytes in {passed_s:.0f} s,"
                        f" up to byte {part.at}; submit the job again when its server is faster"
                    )
                window_s, window_bytes = window_s + passed_s, 0
        if self._remote.size_bytes is not None and part.at < part.end:
            raise BrokenOffError(
                f"the source broke off at byte {part.at} of {part.end}; submit the job again"
            )

    def _is_slow(self, count: int, since_s: float) -> bool:
        """Whether a connection brought less than its share of the least rate since then."""
        least = self._least_bytes_per_s * (self._budget.elapsed_s - since_s)
        return count == 0 or count < least

    def _count(self, count: int) -> None:
        with self._lock:
            self.done += count
            self._on_progress(self.done, self._size)


def _await(parts: list[Future[None]], budget: Budget) -> None:
    waiting = set(parts)
    while waiting:
        budget.check()
        done, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
        for part in done:
            part.result()
