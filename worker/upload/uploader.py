"""Moves finished segments to the store, several at a time, while encoding goes on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from pathlib import Path

import structlog

from worker.errors import WORK_FOLDER_FULL, CannotWriteError, VerificationError
from worker.hls.encryption import SegmentCipher
from worker.hls.segment import measure_segment, not_as_planned
from worker.hls.transport import MalformedSegmentError, fill_up
from worker.layout import AUDIO, segment_file
from worker.plan.plan import Plan
from worker.records.segment import Segment
from worker.runtime.threads import DaemonThreadPool
from worker.runtime.workspace import Workspace
from worker.storage.retrying import RetryingStore
from worker.upload.checkpoint import Checkpoint
from worker.upload.muxer import Muxer

# Encoding is paused while this much waits on disk, so that a slow store never fills it; and before
# that, a copy, which takes no time to make. Up to 16 lanes may end their first segments at once; of
# more, all would be paused each time.
_FULL_BYTES, _FULL_LANES = 64 << 20, 16
_FILLING_BYTES = 16 << 20
_DISK_FULL_BELOW_BYTES = 1 << 20
_POLL_S = 0.1
# After a stop, how long uploads under way may still take: what they finish need not be made again.
GRACE_S = 4.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A segment that FFmpeg has announced; no preset for audio and copied video."""

    rendition: str
    index: int
    path: Path
    preset: str | None


@dataclass(order=True, slots=True)
class _Waiting:
    """A segment that starts when the audio has come so far; those of one time in any order."""

    needed_ticks: float
    finished: Finished = field(compare=False)
    size: int = field(compare=False)


class Uploader:
    """Threads that read, check, encrypt, store, record and then delete each finished segment.

    Where the audio is muxed, a segment of video waits until its audio is there; then that is put in
    before it is checked. The first failure wins: `check` raises it, and what waits is not stored.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        cipher: SegmentCipher,
        store: RetryingStore,
        checkpoint: Checkpoint,
        workspace: Workspace,
        threads: int,
    ) -> None:
        self._plan, self._cipher = plan, cipher
        self._store = store.with_grace(GRACE_S)
        self._checkpoint = checkpoint
        self._budget = workspace.budget
        self._pool = DaemonThreadPool("upload", threads)
        self._full_bytes = _FULL_BYTES * max(1, plan.lanes // _FULL_LANES)
        self._muxer = Muxer(
            plan, cipher, store=self._store, checkpoint=checkpoint, folder=workspace.folder
        )
        self._waiting = 0
        self._waiting_bytes = 0
        # A heap: a copy may be hours ahead of the audio, and each segment of that starts some.
        self._without_audio: list[_Waiting] = []
        self._bytes_without_audio = 0
        self._lock = threading.Lock()
        self._failure: BaseException | None = None

    def submit(self, finished: Finished) -> None:
        """Hand over a finished segment; never waits."""
        size = finished.path.stat().st_size
        if finished.rendition == AUDIO:
            self._muxer.announce()
        needed_ticks = self._muxer.needed_ticks(finished.rendition, finished.index)
        with self._lock:
            heappush(self._without_audio, _Waiting(needed_ticks, finished, size))
            self._bytes_without_audio += size
        self._start_ready()

    def end_audio(self) -> None:
        """Record that all segments of audio were handed over."""
        self._muxer.end()
        self._start_ready()

    def _start_ready(self) -> None:
        """Start on the segments whose audio is there, or that need none."""
        reached_ticks = self._muxer.reached_ticks
        ready: list[_Waiting] = []
        with self._lock:
            waiting = self._without_audio
            while waiting and waiting[0].needed_ticks <= reached_ticks:
                ready.append(heappop(waiting))
            size = sum(each.size for each in ready)
            self._bytes_without_audio -= size
            self._waiting += len(ready)
            self._waiting_bytes += size
        for each in ready:
            self._pool.submit(partial(self._work, each.finished, each.size))

    @property
    def awaits_audio(self) -> bool:
        """Whether segments wait for audio that is not there yet."""
        return bool(self._without_audio)

    def add_audio(self, segments: Sequence[Segment], *, is_whole: bool) -> None:
        """Record segments of audio that another machine has stored."""
        self._muxer.add_stored(segments, is_whole=is_whole)
        self._start_ready()

    @property
    def is_full(self) -> bool:
        """Whether encoding should be paused until some of it has left."""
        return self._waiting_bytes > self._full_bytes

    @property
    def is_filling(self) -> bool:
        """Whether a copy, which is made at the speed of a disk, should be paused."""
        return self._waiting_bytes + self._bytes_without_audio > _FILLING_BYTES

    @property
    def lacks_audio(self) -> bool:
        """Whether video should be paused until the audio has come so far."""
        return self._bytes_without_audio > self._full_bytes

    def check(self) -> None:
        """Raise the first failure, if there was one."""
        if self._failure is not None:
            raise self._failure

    def drain(self, grace_s: float = 0.0, on_wait: Callable[[], None] = lambda: None) -> None:
        """Wait until all is in the store, or so long after a stop; `on_wait` is called meanwhile.

        Raises:
            WorkerError: the first failure of an upload, or the budget's reason to stop.

        """
        while self._waiting:
            self.check()
            on_wait()
            self._budget.sleep(_POLL_S, grace_s)
        self.check()

    def close(self) -> None:
        """Let the threads end after their current segment; what waits is not stored."""
        with self._lock:
            if self._failure is None and self._waiting:
                self._failure = RuntimeError("the upload was closed")
        self._pool.close()

    def _work(self, finished: Finished, size: int) -> None:
        try:
            if self._failure is None:
                self._move(finished)
                self._checkpoint.save_periodically(self._store, self._budget.elapsed_s)
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
        segment, data = self._cipher.encrypt(*self._check(finished, data))
        stored = self._store.put(segment_file(f"{self._checkpoint.run}/{segment.name}", data))
        self._checkpoint.add(replace(segment, etag=stored.etag, preset=finished.preset))
        log.debug("segment_stored", rendition=segment.rendition, index=segment.index)
        if finished.rendition == AUDIO and self._plan.is_muxed:
            self._muxer.add(segment)
            self._start_ready()
            return
        # Already removed where the job has ended meanwhile.
        finished.path.unlink(missing_ok=True)

    def _check(self, finished: Finished, data: bytes) -> tuple[Segment, bytes]:
        """Read a segment as it is to be stored; return what is in it, and its bytes."""
        rendition, index = finished.rendition, finished.index
        try:
            data = fill_up(self._muxer.mux(rendition, index, data))
            return measure_segment(self._plan, rendition, index, data), data
        except (VerificationError, MalformedSegmentError) as error:
            # On a full disk FFmpeg announces a segment whose end it could not write, and continues.
            if shutil.disk_usage(finished.path.parent).free < _DISK_FULL_BELOW_BYTES:
                raise CannotWriteError(WORK_FOLDER_FULL) from error
            if isinstance(error, MalformedSegmentError):
                raise not_as_planned(rendition, index, str(error)) from error
            raise
