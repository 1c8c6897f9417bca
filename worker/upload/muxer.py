"""Puts the audio of a run into its segments of video, as soon as it is there."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from worker.errors import CannotWriteError, VerificationError
from worker.hls.encryption import SegmentCipher
from worker.hls.mpegts import AacFrame, aac_frames
from worker.hls.mux import add_audio
from worker.hls.segment import segment_bounds_ticks
from worker.layout import AUDIO, SEGMENT_PATTERN, file_name
from worker.media.timeline import CLOCK_HZ, START_OFFSET_S
from worker.plan.plan import Plan
from worker.records.segment import Segment
from worker.storage.retrying import RetryingStore
from worker.upload.checkpoint import Checkpoint

_OFFSET_TICKS = START_OFFSET_S * CLOCK_HZ


class Muxer:
    """The segments of audio that are in the store so far; filled and read by many threads.

    They stay in the work folder for as long as the job runs: 29 MB for an hour of one channel.
    Those of an earlier job are fetched into it. Without muxing, nothing waits and nothing changes.
    """

    def __init__(
        self,
        plan: Plan,
        cipher: SegmentCipher,
        *,
        store: RetryingStore,
        checkpoint: Checkpoint,
        folder: Path,
    ) -> None:
        self._plan, self._cipher = plan, cipher
        self._store = store
        self._run = checkpoint.run
        self._folder = folder / AUDIO
        self._lock = threading.Lock()
        self._fetch_lock = threading.Lock()
        recalled = checkpoint.renditions().get(AUDIO, ())
        self._segments = {segment.index: segment for segment in recalled}
        # Those that lie in the work folder as FFmpeg wrote them.
        self._own: set[int] = set()
        self._announced = 0
        self._has_ended = bool(recalled)
        # Up to this segment there is no gap, and so far the audio is there.
        self._next_index = self._next_ticks = 0

    def announce(self) -> None:
        """Count a segment of audio that is on its way to the store."""
        with self._lock:
            self._announced += 1

    def add_stored(self, segments: Sequence[Segment], *, is_whole: bool) -> None:
        """Record all segments of audio that another machine has stored so far, from the first."""
        with self._lock:
            for segment in segments:
                self._record(segment)
            self._has_ended = is_whole

    def add(self, segment: Segment) -> None:
        """Record a segment of audio that is in the store, and in the work folder still."""
        with self._lock:
            self._own.add(segment.index)
            self._announced -= 1
            self._record(segment)

    def _record(self, segment: Segment) -> None:
        self._segments[segment.index] = segment
        while following := self._segments.get(self._next_index):
            self._next_ticks = following.end_ticks
            self._next_index += 1

    def end(self) -> None:
        """Record that no more will be announced."""
        with self._lock:
            self._has_ended = True

    def needed_ticks(self, rendition: str, index: int) -> float:
        """Return how far the audio must be there for a segment; infinity: to its end."""
        if rendition == AUDIO or not self._plan.is_muxed:
            return 0
        if index == self._plan.grid.segment_count - 1:
            return math.inf
        _, end_ticks = segment_bounds_ticks(self._plan.grid, index)
        return end_ticks

    @property
    def reached_ticks(self) -> float:
        """How far the audio is there without a gap; infinity: to its end."""
        with self._lock:
            if self._has_ended and not self._announced:
                return math.inf
            return self._next_ticks

    def mux(self, rendition: str, index: int, data: bytes) -> bytes:
        """Return a segment with its audio, if it is to have some.

        Raises:
            CannotWriteError: the work folder is full, or gone.
            MalformedSegmentError: it, or a segment of audio, cannot be read.
            VerificationError: a segment of audio is gone.
            WorkerError: as the store raises it.

        """
        if rendition == AUDIO or not self._plan.is_muxed:
            return data
        start_ticks, end_ticks = segment_bounds_ticks(self._plan.grid, index)
        is_last = index == self._plan.grid.segment_count - 1
        return add_audio(data, list(self._frames(start_ticks, None if is_last else end_ticks)))

    def _frames(self, start_ticks: int, end_ticks: int | None) -> Iterator[AacFrame]:
        """Yield the frames that start within these bounds; None: all that are left.

        What starts before zero, the encoder's priming, goes with zero.
        """
        with self._lock:
            segments = [self._segments[index] for index in sorted(self._segments)]
        for segment in segments:
            if segment.end_ticks <= start_ticks:
                continue
            if end_ticks is not None and segment.start_ticks >= end_ticks:
                return
            for frame in aac_frames(self._read(segment)):
                at_ticks = max(0, frame.pts_ticks - _OFFSET_TICKS)
                if start_ticks <= at_ticks and (end_ticks is None or at_ticks < end_ticks):
                    yield frame

    def _read(self, segment: Segment) -> bytes:
        is_own = segment.index in self._own
        path = self._folder / (
            SEGMENT_PATTERN % segment.index if is_own else file_name(segment.name)
        )
        try:
            # One thread fetches what all of them need next.
            with self._fetch_lock:
                if not path.exists():
                    path.write_bytes(self._fetch(segment))
                return path.read_bytes()
        except OSError as error:
            raise CannotWriteError(
                f"cannot keep {segment.name} in the work folder: {error.strerror}"
            ) from error

    def _fetch(self, segment: Segment) -> bytes:
        content = self._store.get(f"{self._run}/{segment.name}")
        if content is None:
            raise VerificationError(
                f"{segment.name} is gone from {self._store}: the audio cannot be muxed;"
                " submit the job again"
            )
        return self._cipher.decrypt(AUDIO, segment.index, content.data)
