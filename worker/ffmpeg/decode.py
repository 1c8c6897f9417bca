"""Decodes a span's frames and puts them on the grid: FFmpeg's filters. Pure."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from worker.ffmpeg.dedup import drop_duplicates
from worker.ffmpeg.inputs import open_input, seconds
from worker.media.streams import Media, VideoStream
from worker.media.timeline import Grid, source_rate
from worker.plan.plan import TAIL_TOLERANCE_S, Plan, Span
from worker.plan.refusals import MAX_PIXELS

# Beyond a whole GOP: leading frames of an open one need the GOP before.
_SEEK_MARGIN_S = 2


def decode_span(plan: Plan, span: Span, source: Path) -> Any:
    """Decode the frames of a span and put them on the grid, times from the span's own zero.

    They are the same, bit for bit, as in a decode of the whole.
    """
    grid, video = plan.grid, plan.media.video
    frames = range(grid.first_frame(span.first), grid.first_frame(span.end))
    start = _start_frame(plan, span)
    # Beside other lanes one thread decodes as fast, and holds fewer frames.
    options: dict[str, Any] = {"threads": plan.threads} if plan.threads else {}
    if read_from_s := reads_from_s(plan, span):
        # -accurate_seek would drop the frame that is on screen when the span starts.
        options |= {"ss": seconds(read_from_s), "noaccurate_seek": None}
    stream = open_video(source, video, **options).filter(
        "setpts", from_origin(plan.media, lag_s=video.lag_s)
    )
    stream = deinterlace(stream, video, grid.rate).filter(
        "fps", str(grid.rate), start_time=seconds(start / grid.rate)
    )
    if frames.stop > _certain_frames(plan):
        stream = stream.filter("tpad", stop=_padding_frames(plan, frames.stop), stop_mode="clone")
    lead = {"start_frame": frames.start - start} if frames.start > start else {}
    stream = stream.filter("trim", **lead, end_frame=frames.stop - start)
    return drop_duplicates(stream.filter("setpts", "PTS-STARTPTS"), video, grid, frames)


def reads_from_s(plan: Plan, span: Span) -> Fraction:
    """Return the second from which a source is read for a span: 0 where it is from the start.

    MPEG-TS is sought by time, not to a keyframe: a whole GOP earlier there is one for certain.
    """
    start_s = _start_frame(plan, span) / plan.grid.rate
    early_s = _SEEK_MARGIN_S + Fraction(plan.media.video.packets.longest_gop_s or start_s)
    return max(Fraction(0), start_s - early_s)


def from_origin(media: Media, *, lag_s: Fraction = Fraction(0)) -> str:
    """Put t=0 at the container's start. -copyts keeps FFmpeg from choosing another.

    It would take the first timestamp of the streams it was given to use, which differs between
    the video's and the audio's process where the two start apart (MPEG-TS).
    """
    return f"round(PTS-{seconds(media.origin_s + lag_s)}/TB)"


def open_video(source: Path, video: VideoStream, **options: Any) -> Any:
    """Open a source's video track, with input options."""
    # A graph that is rebuilt where frames change their size (a phone that is turned in a call)
    # starts counting again; scale takes any size as it comes.
    guard = {"reinit_filter": 0, "max_pixels": MAX_PIXELS}
    return open_input(source, **guard, **options)[str(video.index)]


def deinterlace(stream: Any, video: VideoStream, rate: Fraction) -> Any:
    """Make whole frames of fields, at the fields' rate where the output has it."""
    if not video.is_interlaced:
        return stream
    by_field = rate > source_rate(video)
    # Frames that are marked as progressive pass through it.
    return stream.filter(
        "bwdif", mode="send_field" if by_field else "send_frame", deint="interlaced"
    )


def _start_frame(plan: Plan, span: Span) -> int:
    """Return the frame of the grid from which a span is decoded.

    Its own first; but where the audio goes on after the last frame, that one is what it shows.
    """
    return min(plan.grid.first_frame(span.first), _certain_frames(plan))


def _certain_frames(plan: Plan) -> int:
    """Return until which frame of the grid there are some, even if the last cannot be decoded."""
    grid, times_s = plan.grid, plan.media.video.packets.times_s
    last = int(Fraction(times_s[-1]) * grid.rate) if times_s else grid.total_frames
    return max(0, last - _tolerated_frames(grid))


def _padding_frames(plan: Plan, end: int) -> int:
    """Frames for which the last one may stay on screen beyond its own time, until `end`.

    As long as the audio goes on after it, plus the tolerance; not without end, so that a source
    whose decoding breaks off gives a short result, which is noticed, and not a frozen one.
    """
    grid, end_s = plan.grid, plan.media.video.packets.end_s
    shown = grid.total_frames if end_s is None else int(Fraction(end_s) * grid.rate)
    return max(0, end - shown) + _tolerated_frames(grid)


def _tolerated_frames(grid: Grid) -> int:
    return max(2, round(TAIL_TOLERANCE_S * grid.rate))
