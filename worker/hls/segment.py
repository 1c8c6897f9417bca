"""Reads a finished segment and compares it with the plan. Pure."""

from __future__ import annotations

from fractions import Fraction

from worker.errors import VerificationError
from worker.hls.mpegts import SegmentReading, read_segment
from worker.hls.transport import MalformedSegmentError
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
        raise not_as_planned(rendition, index, str(error)) from error
    offset = START_OFFSET_S * CLOCK_HZ
    if rendition == AUDIO:
        start, end = reading.first_pts_ticks - offset, (reading.end_ticks or 0) - offset
    else:
        start, end = _check_frames(plan.grid, rendition, index, reading)
    audio = reading.audio
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
        audio_start_ticks=audio.first_pts_ticks - offset if audio else None,
        audio_end_ticks=(audio.end_ticks or 0) - offset if audio else None,
    )


def is_whole(plan: Plan, segment: Segment) -> bool:
    """Whether a segment of a rung starts and ends where it was planned, and so does its audio."""
    grid = plan.grid
    start, end = segment_bounds_ticks(grid, segment.index)
    may_end_early = segment.index == grid.segment_count - 1 and any(
        rung.is_copied and rung.name == segment.rendition for rung in plan.rungs
    )
    # The last frame of a copy is not held until the audio has ended.
    least = end - (round(TAIL_TOLERANCE_S * CLOCK_HZ) if may_end_early else 0)
    if not (segment.start_ticks == start and least <= segment.end_ticks <= end):
        return False
    if not plan.is_muxed:
        return segment.audio_start_ticks is None
    return _has_all_audio(segment, start, end)


def segment_bounds_ticks(grid: Grid, index: int) -> tuple[int, int]:
    """Return where a segment starts and where the next one does, in ticks of 90 kHz."""
    start, end = (round(grid.start_s(index + i) * CLOCK_HZ) for i in (0, 1))
    return start, end


def _has_all_audio(segment: Segment, start: int, end: int) -> bool:
    """Whether a segment has just the AAC frames that start within it; the first, the priming."""
    frame = round(AAC_FRAME_S * CLOCK_HZ)
    first, last = segment.audio_start_ticks, segment.audio_end_ticks
    if first is None or last is None:
        # None starts within the last few milliseconds of a video.
        return end - start < frame
    starts = start <= first < start + frame if segment.index else -2 * frame <= first <= 0
    # The last one may end a little before the video: the audio is cut to the microsecond.
    return starts and -CLOCK_HZ // 1000 <= last - end <= frame


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
        raise not_as_planned(rendition, index, "it does not start with a keyframe")
    first = grid.first_frame(index)
    planned = grid.frames(index) if index < grid.segment_count else 0
    frames = [_frame_at(grid, ticks) for ticks in reading.times_ticks]
    end = frames[-1] + 1
    if frames[0] != first or end > first + planned:
        fault = f"it shows frames {frames[0]} to {end - 1}, not {first} to {first + planned - 1}"
        raise not_as_planned(rendition, index, fault)
    if len(set(frames)) < len(frames):
        raise not_as_planned(rendition, index, "it shows two frames at one time")
    for frame, ticks in zip(frames, reading.times_ticks, strict=True):
        if abs(ticks - _stream_ticks(grid, frame)) > _ROUNDING_TICKS:
            fault = f"frame {frame} is at tick {ticks}, not {_stream_ticks(grid, frame)}"
            raise not_as_planned(rendition, index, fault)
    # An early end is no fault of the segment: the source broke off, which the encode notices.
    # The grid's own times, not the rounded ones: EXTINF sums stay exact however long the video.
    return round(first / grid.rate * CLOCK_HZ), round(end / grid.rate * CLOCK_HZ)


def _frame_at(grid: Grid, stream_ticks: int) -> int:
    return round((Fraction(stream_ticks, CLOCK_HZ) - START_OFFSET_S) * grid.rate)


def _stream_ticks(grid: Grid, frame: int) -> int:
    return round((START_OFFSET_S + frame / grid.rate) * CLOCK_HZ)


def not_as_planned(rendition: str, index: int, fault: str) -> VerificationError:
    """Return the error for a segment that differs from the plan."""
    return VerificationError(
        f"segment {index} of {rendition} is not what was planned: {fault}; nothing was published"
    )
