"""Moves finished segments to the store, several at a time, while encoding goes on."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from worker.budget import Budget
from worker.checkpoint import Checkpoint
from worker.errors import CannotWriteError, VerificationError
from worker.plan import Plan
from worker.segment import Segment, measure_segment
from worker.store.base import Store

SEGMENT_TYPE = "video/mp2t"
IMMUTABLE = "public, max-age=31536000, immutable"

# Encoding is held while this much waits on disk, so that a slow store never fills it.
_MAX_WAITING_BYTES = 64 << 20
_FULL_BELOW_BYTES = 1 << 20
_POLL_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A segment that FFmpeg has announced."""

    rendition: str
    index: int
    path: Path


class Uploader:
    """Threads that read, check, store, record and then delete each finished segment.

    The first failure wins: `check` raises it, and what still waits is left undone.
    """

    def __init__(self, *, plan: Plan, store: Store, checkpoint: Checkpoint, threads: int) -> None:
        self._plan = plan
        self._store = store
        self._checkpoint = checkpoint
        self._queue: queue.SimpleQueue[tuple[Finished, int] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._threads = threads
        # Daemons: a PUT that hangs in a dead connection must not keep the process from leaving.
        for number in range(threads):
            threading.Thread(target=self._work, name=f"upload-{number}", daemon=True).start()

    def submit(self, finished: Finished) -> None:
        """Hand over a finished segment; never waits."""
        size = finished.path.stat().st_size
        with self._lock:
            self._waiting += 1
            self._waiting_bytes += size
        self._queue.put((finished, size))

    @property
    def waiting_bytes(self) -> int:
        """Bytes handed over that are not in the store yet."""
        return self._waiting_bytes

    @property
    def is_full(self) -> bool:
        """Whether encoding should be held until some of it has left."""
        return self._waiting_bytes > _MAX_WAITING_BYTES

    def check(self) -> None:
        """Raise the first failure, if there was one."""
        if self._failure is not None:
            raise self._failure

    def drain(self, budget: Budget, on_tick: Callable[[], None]) -> None:
        """Wait until all is in the store.

        Raises:
            WorkerError: the first failure of an upload, or the budget's reason to stop.

        """
        while self._waiting:
            self.check()
            on_tick()
            budget.sleep(_POLL_S)
        self.check()

    def close(self) -> None:
        """Let the threads end after what they are at; what waits is left undone."""
        with self._lock:
            if self._failure is None and self._waiting:
                self._failure = RuntimeError("the upload was closed")
        for _ in range(self._threads):
            self._queue.put(None)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            finished, size = item
            try:
                if self._failure is None:
                    self._move(finished)
            except BaseException as error:  # noqa: BLE001 (it is raised again by check)
                with self._lock:
                    self._failure = self._failure or error
            finally:
                with self._lock:
                    self._waiting -= 1
                    self._waiting_bytes -= size

    def _move(self, finished: Finished) -> None:
        try:
            data = finished.path.read_bytes()
        except OSError as error:
            raise CannotWriteError(
                f"cannot read back {finished.path.name} from the work folder: {error.strerror}"
            ) from error
        segment = self._measure(finished, data)
        stored = self._store.put(
            f"{self._checkpoint.run}/{segment.name}",
            data,
            content_type=SEGMENT_TYPE,
            cache_control=IMMUTABLE,
        )
        self._checkpoint.add(replace(segment, etag=stored.etag))
        finished.path.unlink()

    def _measure(self, finished: Finished, data: bytes) -> Segment:
        try:
            return measure_segment(self._plan, finished.rendition, finished.index, data)
        except VerificationError as error:
            # On a full disk FFmpeg announces a segment whose end it could not write, and goes on.
            if shutil.disk_usage(finished.path.parent).free < _FULL_BELOW_BYTES:
                raise CannotWriteError(
                    "the work folder is full; give the job a larger volume"
                ) from error
            raise
