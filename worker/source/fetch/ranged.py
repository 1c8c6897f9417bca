"""A remote source on disk, of which only some bytes may be there."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

import structlog

from worker.media.streams import ByteRange
from worker.plan.plan import Plan, Span
from worker.runtime.budget import Budget
from worker.runtime.threads import run_in_thread
from worker.source.fetch.disk import make_sparse
from worker.source.fetch.download import OnProgress, download, fetch_ranges
from worker.source.fetch.ranges import merge, ranges_for, subtract
from worker.storage.base import RemoteFile

# A request takes as long as reading so much.
_GAP_BYTES = 1 << 20

log = structlog.get_logger(__name__)


class _How(TypedDict):
    budget: Budget
    threads: int
    on_progress: OnProgress


class RangedSource:
    """A file at `path`, as large as the remote one from the start.

    FFmpeg reads it like a whole download. What is not there yet reads as zeros, so the encode of a
    span may begin only after `ensure`. Several threads may call.
    """

    def __init__(
        self,
        remote: RemoteFile,
        path: Path,
        *,
        budget: Budget,
        threads: int,
        on_progress: OnProgress = lambda _done, _size: None,
    ) -> None:
        self.path = path
        self._remote = remote
        self._budget = budget
        self._how: _How = {"budget": budget, "threads": threads, "on_progress": on_progress}
        self._present: list[ByteRange] = []
        self._is_whole = False
        self._lock = threading.Lock()

    @property
    def bytes_present(self) -> int:
        """How much of the file is there."""
        return sum(end - start for start, end in self._present)

    def ensure(self, plan: Plan, span: Span) -> None:
        """Fetch what is missing of a span; all of a file that cannot be fetched in parts.

        Raises:
            WorkerError: as `download` raises it.

        """
        byte_map, size = plan.media.byte_map, self._remote.size_bytes
        if byte_map is None:
            self._fetch_whole("its plan has no map of its bytes")
        elif size is None or not self._remote.takes_ranges:
            self._fetch_whole("its server takes no ranges")
        else:
            with self._lock:
                self._fetch(ranges_for(plan, span, byte_map), size)

    def complete(self) -> None:
        """Fetch all that is missing, for what reads the source from start to end.

        Raises:
            WorkerError: as `download` raises it.

        """
        self._fetch_whole("all of it is needed")

    def _fetch_whole(self, reason: str) -> None:
        with self._lock:
            if self._is_whole:
                return
            size = self._remote.size_bytes
            log.info(
                "source_fetched_whole", reason=reason, present_bytes=self.bytes_present, bytes=size
            )
            if self._present and size is not None:
                self._fetch([(0, size)], size)
            else:
                download(self._remote, self.path, **self._how)
                self._present = [(0, self.path.stat().st_size)]
            self._is_whole = True

    def _fetch(self, ranges: Iterable[ByteRange], size: int) -> None:
        missing = merge(subtract(merge(ranges), self._present), gap=_GAP_BYTES)
        if not missing:
            return
        if not self._present:
            # In a thread: a network file system may be slow to answer.
            run_in_thread(lambda: make_sparse(self.path, size), self._budget.check)
        fetch_ranges(
            self._remote,
            self.path,
            missing,
            **self._how,
        )
        self._present = merge((*self._present, *missing))
        log.debug(
            "source_part_fetched",
            ranges=len(missing),
            fetched_bytes=sum(end - start for start, end in missing),
            present_bytes=self.bytes_present,
            bytes=size,
        )
