"""A finished segment: read, held against the grid, and remembered. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction

from worker.command import SEGMENT_SUFFIX, START_OFFSET_S
from worker.errors import VerificationError
from worker.plan import AUDIO, TAIL_TOLERANCE_S, Plan
from worker.timeline import Grid
from worker.transport_stream import (
    CLOCK_HZ,
    MalformedSegmentError,
    SegmentReading,
    read_segment,
)

# The muxer rounds times to the tick, and the grid's offset to the microsecond.
_ROUNDING_TICKS = 2
AAC_FRAME_S = Fraction(1024, 48_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One segment of one rendition, as it stands in the store.

    Ticks are of 90 kHz from the timeline's zero; `etag` is what the store answered. `preset` is
    empty where nobody remembers it, and for sound. A rung's `frames` are fewer than the grid's
    where pictures repeat. Its first `key_bytes` are its first picture, which decodes alone; the
    largest of the others, of `jump_bytes`, shows at `jump_ticks`. Sound has neither.
    """

    rendition: str
    index: int
    bytes: int
    md5: str
    codec: str
    frames: int
    start_ticks: int
    end_ticks: int
    key_bytes: int | None = None
    jump_ticks: int | None = None
    jump_bytes: int = 0
    etag: str = ""
    preset: str = ""

    @property
    def name(self) -> str:
        """Path below the run."""
        return f"{self.rendition}/{self.index:05d}{SEGMENT_SUFFIX}"


def measure_segment(plan: Plan, rendition: str, index: int, data: bytes) -> Segment:
    """Read a segment and hold it against the plan.

    Raises:
        VerificationError: it is not the segment that was planned.

    """
    try:
        reading = read_segment(data)
    except MalformedSegmentError as error:
        raise _unlike_plan(rendition, index, str(error)) from error
    offset = START_OFFSET_S * CLOCK_HZ
    if rendition == AUDIO:
        start, end = reading.first_pts_ticks - offset, (reading.end_ticks or 0) - offset
    else:
        start, end = _check_pictures(plan.grid, rendition, index, reading)
    return Segment(
        rendition=rendition,
        index=index,
        bytes=len(data),
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        codec=reading.codec,
        frames=reading.frames,
        start_ticks=start,
        end_ticks=end,
        key_bytes=reading.key_bytes,
        jump_ticks=None if reading.jump_ticks is None else reading.jump_ticks - offset,
        jump_bytes=reading.jump_bytes,
    )


def is_whole(plan: Plan, segment: Segment) -> bool:
    """Whether a segment of a rung lasts as long as was planned, and starts where."""
    grid = plan.grid
    start, end = (round(grid.start_s(segment.index + i) * CLOCK_HZ) for i in (0, 1))
    may_end_early = segment.index == grid.segment_count - 1 and any(
        rung.is_copied and rung.name == segment.rendition for rung in plan.rungs
    )
    # Nobody holds the last picture of a copy until the sound has ended.
    least = end - (round(TAIL_TOLERANCE_S * CLOCK_HZ) if may_end_early else 0)
    return segment.start_ticks == start and least <= segment.end_ticks <= end


def _check_pictures(
    grid: Grid, rendition: str, index: int, reading: SegmentReading
) -> tuple[int, int]:
    if not reading.starts_with_keyframe:
        raise _unlike_plan(rendition, index, "it does not start with a keyframe")
    first = grid.first_frame(index)
    planned = grid.frames(index) if index < grid.segment_count else 0
    frames = [_frame_at(grid, ticks) for ticks in reading.times_ticks]
    end = frames[-1] + 1
    if frames[0] != first or end > first + planned:
        fault = f"it shows frames {frames[0]} to {end - 1}, not {first} to {first + planned - 1}"
        raise _unlike_plan(rendition, index, fault)
    if len(set(frames)) < len(frames):
        raise _unlike_plan(rendition, index, "it shows two pictures at one time")
    for frame, ticks in zip(frames, reading.times_ticks, strict=True):
        if abs(ticks - _stream_ticks(grid, frame)) > _ROUNDING_TICKS:
            fault = f"frame {frame} is at tick {ticks}, not {_stream_ticks(grid, frame)}"
            raise _unlike_plan(rendition, index, fault)
    # An early end is no fault of the segment: the source broke off, which the encode notices.
    # The grid's own times, not the rounded ones: EXTINF sums stay exact however long the video.
    return round(first / grid.rate * CLOCK_HZ), round(end / grid.rate * CLOCK_HZ)


def _frame_at(grid: Grid, stream_ticks: int) -> int:
    return round((Fraction(stream_ticks, CLOCK_HZ) - START_OFFSET_S) * grid.rate)


def _stream_ticks(grid: Grid, frame: int) -> int:
    return round((START_OFFSET_S + frame / grid.rate) * CLOCK_HZ)


def _unlike_plan(rendition: str, index: int, fault: str) -> VerificationError:
    return VerificationError(
        f"segment {index} of {rendition} is not what was planned: {fault}; nothing was published"
    )
