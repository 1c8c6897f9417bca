"""Reads a span's pictures out of the source and lays them on the grid: FFmpeg's filters. Pure."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from worker.inputs import open_input, seconds
from worker.media import Media, VideoStream
from worker.plan import MOST_PIXELS, TAIL_TOLERANCE_S, Plan, Span
from worker.repeats import leave_out_repeats
from worker.timeline import Grid, source_rate

# Beyond a whole GOP: leading pictures of an open one need the GOP before.
_SEEK_MARGIN_S = 2


def lay_pictures(plan: Plan, span: Span, source: Path) -> Any:
    """Decode and lay the pictures of a span on the grid, times from the span's own zero.

    A span is the whole's pictures there, bit for bit.
    """
    grid, video = plan.grid, plan.media.video
    frames = range(grid.first_frame(span.first), grid.first_frame(span.end))
    start = _start_frame(plan, span)
    # Beside other lanes one thread decodes as fast, and holds fewer pictures.
    options: dict[str, Any] = {"threads": plan.threads} if plan.threads else {}
    if read_from_s := reads_from_s(plan, span):
        # -accurate_seek would drop the picture that is on screen when the span starts.
        options |= {"ss": seconds(read_from_s), "noaccurate_seek": None}
    pictures = open_pictures(source, video, **options).filter("setpts", from_origin(plan.media))
    pictures = deinterlace(pictures, video, grid.rate).filter(
        "fps", str(grid.rate), start_time=seconds(start / grid.rate)
    )
    if frames.stop > _certain_frames(plan):
        pictures = pictures.filter(
            "tpad", stop=_padding_frames(plan, frames.stop), stop_mode="clone"
        )
    lead = {"start_frame": frames.start - start} if frames.start > start else {}
    pictures = pictures.filter("trim", **lead, end_frame=frames.stop - start)
    return leave_out_repeats(pictures.filter("setpts", "PTS-STARTPTS"), video, grid, frames)


def reads_from_s(plan: Plan, span: Span) -> Fraction:
    """Return the second from which a source is read for a span: 0 where it is from the start.

    MPEG-TS is sought by time, not to a keyframe: a whole GOP earlier there is one for certain.
    """
    start_s = _start_frame(plan, span) / plan.grid.rate
    early_s = _SEEK_MARGIN_S + Fraction(plan.media.video.packets.longest_gop_s or start_s)
    return max(Fraction(0), start_s - early_s)


def from_origin(media: Media) -> str:
    """Put t=0 at the container's start. -copyts keeps FFmpeg from choosing it by itself.

    It would take the first timestamp of the streams it was told to use, which differs between
    the picture's and the sound's process where the two start apart (MPEG-TS).
    """
    return f"round(PTS-{seconds(media.origin_s)}/TB)"


def open_pictures(source: Path, video: VideoStream, **options: Any) -> Any:
    """Open a source's pictures, with input options."""
    # A graph that is made anew where pictures change their size (a phone that is turned in a call)
    # starts counting anew; scale takes any size as it comes.
    guard = {"reinit_filter": 0, "max_pixels": MOST_PIXELS}
    return open_input(source, **guard, **options)[str(video.index)]


def deinterlace(pictures: Any, video: VideoStream, rate: Fraction) -> Any:
    """Make whole pictures of fields, at their rate where the output's asks for it."""
    if not video.is_interlaced:
        return pictures
    by_field = rate > source_rate(video)
    # Pictures that are marked as whole pass through it.
    return pictures.filter(
        "bwdif", mode="send_field" if by_field else "send_frame", deint="interlaced"
    )


def _start_frame(plan: Plan, span: Span) -> int:
    """Return the frame from which a span's pictures are laid on the grid.

    Its own first; but where the sound goes on after the last picture, that one is what it shows.
    """
    return min(plan.grid.first_frame(span.first), _certain_frames(plan))


def _certain_frames(plan: Plan) -> int:
    """Return until which frame there are pictures, even if the last ones cannot be decoded."""
    grid, times_s = plan.grid, plan.media.video.packets.times_s
    last = int(Fraction(times_s[-1]) * grid.rate) if times_s else grid.total_frames
    return max(0, last - _tolerated_frames(grid))


def _padding_frames(plan: Plan, end: int) -> int:
    """Frames that the last picture may stay on screen beyond its own time, until this one.

    As long as the sound goes on after it, plus the tolerance; not without end, so that a source
    whose decoding breaks off gives a short result, which is noticed, and not a frozen one.
    """
    grid, end_s = plan.grid, plan.media.video.packets.end_s
    shown = grid.total_frames if end_s is None else int(Fraction(end_s) * grid.rate)
    return max(0, end - shown) + _tolerated_frames(grid)


def _tolerated_frames(grid: Grid) -> int:
    return max(2, round(TAIL_TOLERANCE_S * grid.rate))
