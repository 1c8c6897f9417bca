"""Feeds segments of the store, one after the other, to an FFmpeg that reads a FIFO."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Event

from worker.errors import StorageUnavailableError
from worker.layout import md5_of
from worker.records.segment import Segment
from worker.runtime.threads import DaemonThreadPool, read_ahead
from worker.storage.retrying import RetryingStore

# Read ahead of FFmpeg: held in memory, each of some megabytes.
_AHEAD = 4
_POLL_S = 0.02


class Feed:
    """Reads segments of a run and writes them to a FIFO; `stopped` ends it where nobody reads.

    What goes wrong is raised by `run`: FFmpeg itself then sees an end like any other.
    """

    def __init__(
        self, store: RetryingStore, run: str, segments: Sequence[Segment], *, stopped: Event
    ) -> None:
        self._store, self._run, self._segments = store, run, segments
        self._stopped = stopped

    def run(self, fifo: Path) -> None:
        """Write all of them.

        Raises:
            StorageUnavailableError: one is not there as it was stored.
            WorkerError: as the store raises it.

        """
        descriptor = self._open(fifo)
        if descriptor is None:
            return
        with (
            os.fdopen(descriptor, "wb", buffering=0) as target,
            DaemonThreadPool("download", _AHEAD) as pool,
            # FFmpeg ended before the end, and says why.
            contextlib.suppress(BrokenPipeError),
        ):
            reads = [partial(read_stored, self._store, self._run, each) for each in self._segments]
            for reading in read_ahead(pool, reads, _AHEAD):
                _pour(target.fileno(), reading.result())

    def _open(self, fifo: Path) -> int | None:
        """Open the FIFO when FFmpeg does; None where it ended before."""
        while not self._stopped.is_set():
            try:
                descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                time.sleep(_POLL_S)
                continue
            os.set_blocking(descriptor, True)
            return descriptor
        return None


def read_stored(store: RetryingStore, run: str, segment: Segment) -> bytes:
    """Read a segment, and make sure that it is the one that was recorded.

    Raises:
        StorageUnavailableError: it is not.
        WorkerError: as the store raises it.

    """
    content = store.get(f"{run}/{segment.name}")
    if content is None or md5_of(content.data) != segment.md5:
        raise StorageUnavailableError(
            f"{segment.name} cannot be read back as it was stored; submit the job again"
        )
    return content.data


def _pour(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
