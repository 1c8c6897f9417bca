"""Reads a finished segment and compares it with the plan. Pure."""

from __future__ import annotations

from fractions import Fraction

from worker.errors import VerificationError
from worker.hls.mpegts import MalformedSegmentError, SegmentReading, read_segment
from worker.layout import AUDIO, md5_of
from worker.media.timeline import CLOCK_HZ, START_OFFSET_S, Grid
from worker.plan.ladder import Rung
from worker.plan.plan import TAIL_TOLERANCE_S, Plan
from worker.records.segment import Segment

# The muxer rounds times to the tick, and the grid's offset to the microsecond.
_ROUNDING_TICKS = 2
AAC_FRAME_S = Fraction(1024, 48_000)


def measure_segment(plan: Plan, rendition: str, index: int, data: bytes) -> Segment:
    """Read a segment and compare it with the plan.

    Raises:
        VerificationError: it is not the segment that was planned.

    """
    try:
        reading = read_segment(data)
    except MalformedSegmentError as error:
        raise _not_as_planned(rendition, index, str(error)) from error
    offset = START_OFFSET_S * CLOCK_HZ
    if rendition == AUDIO:
        start, end = reading.first_pts_ticks - offset, (reading.end_ticks or 0) - offset
    else:
        start, end = _check_frames(plan.grid, rendition, index, reading)
    return Segment(
        rendition=rendition,
        index=index,
        bytes=len(data),
        md5=md5_of(data),
        codec=reading.codec,
        frames=reading.frames,
        start_ticks=start,
        end_ticks=end,
        key_bytes=reading.key_bytes,
        jump_ticks=None if reading.jump_ticks is None else reading.jump_ticks - offset,
        jump_bytes=reading.jump_bytes,
    )


def is_whole(plan: Plan, segment: Segment) -> bool:
    """Whether a segment of a rung starts and ends where it was planned."""
    grid = plan.grid
    start, end = (round(grid.start_s(segment.index + i) * CLOCK_HZ) for i in (0, 1))
    may_end_early = segment.index == grid.segment_count - 1 and any(
        rung.is_copied and rung.name == segment.rendition for rung in plan.rungs
    )
    # The last frame of a copy is not held until the audio has ended.
    least = end - (round(TAIL_TOLERANCE_S * CLOCK_HZ) if may_end_early else 0)
    return segment.start_ticks == start and least <= segment.end_ticks <= end


def has_planned_codec(plan: Plan, segment: Segment) -> bool:
    """Whether a segment's codec string is the one that its rung is encoded with.

    A copied rung has the source's, and the audio has that of AAC.
    """
    rung = next((rung for rung in plan.rungs if rung.name == segment.rendition), None)
    if rung is None or rung.is_copied:
        return True
    return segment.codec == encoded_codec(plan, rung)


def encoded_codec(plan: Plan, rung: Rung) -> str:
    """Return the codec string of an encoded rung: profile High at the planned level (RFC 6381)."""
    # x264 sets constraint_set3_flag where it may make nothing but keyframes.
    flags = 0x10 if plan.grid.segment_frames == 1 else 0
    return f"avc1.64{flags:02x}{round(10 * float(rung.level)):02x}"


def _check_frames(
    grid: Grid, rendition: str, index: int, reading: SegmentReading
) -> tuple[int, int]:
    if not reading.starts_with_keyframe:
        raise _not_as_planned(rendition, index, "it does not start with a keyframe")
    first = grid.first_frame(index)
    planned = grid.frames(index) if index < grid.segment_count else 0
    frames = [_frame_at(grid, ticks) for ticks in reading.times_ticks]
    end = frames[-1] + 1
    if frames[0] != first or end > first + planned:
        fault = f"it shows frames {frames[0]} to {end - 1}, not {first} to {first + planned - 1}"
        raise _not_as_planned(rendition, index, fault)
    if len(set(frames)) < len(frames):
        raise _not_as_planned(rendition, index, "it shows two frames at one time")
    for frame, ticks in zip(frames, reading.times_ticks, strict=True):
        if abs(ticks - _stream_ticks(grid, frame)) > _ROUNDING_TICKS:
            fault = f"frame {frame} is at tick {ticks}, not {_stream_ticks(grid, frame)}"
            raise _not_as_planned(rendition, index, fault)
    # An early end is no fault of the segment: the source broke off, which the encode notices.
    # The grid's own times, not the rounded ones: EXTINF sums stay exact however long the video.
    return round(first / grid.rate * CLOCK_HZ), round(end / grid.rate * CLOCK_HZ)


def _frame_at(grid: Grid, stream_ticks: int) -> int:
    return round((Fraction(stream_ticks, CLOCK_HZ) - START_OFFSET_S) * grid.rate)


def _stream_ticks(grid: Grid, frame: int) -> int:
    return round((START_OFFSET_S + frame / grid.rate) * CLOCK_HZ)


def _not_as_planned(rendition: str, index: int, fault: str) -> VerificationError:
    return VerificationError(
        f"segment {index} of {rendition} is not what was planned: {fault}; nothing was published"
    )
