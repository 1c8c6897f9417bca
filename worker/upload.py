"""Moves finished segments to the store, several at a time, while encoding goes on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from worker.apart import Crew
from worker.budget import Budget
from worker.checkpoint import Checkpoint
from worker.errors import WORK_FOLDER_FULL, CannotWriteError, VerificationError
from worker.plan import Plan
from worker.segment import Segment, measure_segment
from worker.store import SteadyStore

SEGMENT_TYPE = "video/mp2t"
IMMUTABLE = "public, max-age=31536000, immutable"

# Encoding is held while this much waits on disk, so that a slow store never fills it; and before
# that, what needs no time to make.
_MAX_WAITING_BYTES = 64 << 20
_MANY_WAITING_BYTES = 16 << 20
_FULL_BELOW_BYTES = 1 << 20
_POLL_S = 0.1
# After a stop, how long uploads under way may still take: what they finish need not be made again.
LINGER_S = 4.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A segment that FFmpeg has announced."""

    rendition: str
    index: int
    path: Path
    preset: str


class Uploader:
    """A crew that reads, checks, stores, records and then deletes each finished segment.

    The first failure wins: `check` raises it, and what still waits is left undone.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        store: SteadyStore,
        checkpoint: Checkpoint,
        budget: Budget,
        threads: int,
    ) -> None:
        self._plan = plan
        self._store = store.lingering(LINGER_S)
        self._checkpoint = checkpoint
        self._budget = budget
        self._crew = Crew("upload", threads)
        self._waiting = 0
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._failure: BaseException | None = None

    def submit(self, finished: Finished) -> None:
        """Hand over a finished segment; never waits."""
        size = finished.path.stat().st_size
        with self._lock:
            self._waiting += 1
            self._waiting_bytes += size
        self._crew.submit(lambda: self._work(finished, size))

    @property
    def is_full(self) -> bool:
        """Whether encoding should be held until some of it has left."""
        return self._waiting_bytes > _MAX_WAITING_BYTES

    @property
    def is_filling(self) -> bool:
        """Whether what is made at the speed of a disk, and not of an encode, should be held."""
        return self._waiting_bytes > _MANY_WAITING_BYTES

    def check(self) -> None:
        """Raise the first failure, if there was one."""
        if self._failure is not None:
            raise self._failure

    def drain(self, linger_s: float = 0.0, on_wait: Callable[[], None] = lambda: None) -> None:
        """Wait until all is in the store, or so long after a stop; `on_wait` is called meanwhile.

        Raises:
            WorkerError: the first failure of an upload, or the budget's reason to stop.

        """
        while self._waiting:
            self.check()
            on_wait()
            self._budget.sleep(_POLL_S, linger_s)
        self.check()

    def close(self) -> None:
        """Let the threads end after what they are at; what waits is left undone."""
        with self._lock:
            if self._failure is None and self._waiting:
                self._failure = RuntimeError("the upload was closed")
        self._crew.close()

    def _work(self, finished: Finished, size: int) -> None:
        try:
            if self._failure is None:
                self._move(finished)
                self._checkpoint.save_now_and_then(self._store, self._budget.elapsed_s)
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
        self._checkpoint.add(replace(segment, etag=stored.etag, preset=finished.preset))
        log.debug("segment_stored", rendition=segment.rendition, index=segment.index)
        # Gone already where the job has ended meanwhile.
        finished.path.unlink(missing_ok=True)

    def _measure(self, finished: Finished, data: bytes) -> Segment:
        try:
            return measure_segment(self._plan, finished.rendition, finished.index, data)
        except VerificationError as error:
            # On a full disk FFmpeg announces a segment whose end it could not write, and goes on.
            if shutil.disk_usage(finished.path.parent).free < _FULL_BELOW_BYTES:
                raise CannotWriteError(WORK_FOLDER_FULL) from error
            raise
