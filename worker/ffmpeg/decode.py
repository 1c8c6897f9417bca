"""Decodes a span's frames and puts them on the grid: FFmpeg's filters. Pure."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

from worker.ffmpeg.dedup import drop_duplicates, mark_rows
from worker.ffmpeg.inputs import open_input, seconds
from worker.media.streams import Media, VideoStream
from worker.media.timeline import Grid, source_rate
from worker.plan.plan import TAIL_TOLERANCE_S, Plan, Span
from worker.plan.refusals import MAX_PIXELS

# Beyond a whole GOP: leading frames of an open one need the GOP before.
_SEEK_MARGIN_S = 2
# Frames of 1080 rows may become 1088, and sizes are even: that is no change of the aspect.
_ALIKE = 0.02
# transpose's directions, by what is swapped after columns have become rows.
_TURNS = {
    (False, False): "cclock_flip",
    (True, False): "clock",
    (False, True): "cclock",
    (True, True): "clock_flip",
}


def decode_span(plan: Plan, span: Span, source: Path) -> Any:
    """Decode the frames of a span and put them on the grid, times from the span's own zero.

    They are the same, bit for bit, as in a decode of the whole. The plan is that of one part.
    """
    grid, video = plan.grid, plan.media.video
    frames = range(grid.first_frame(span.first), grid.first_frame(span.end))
    start = _start_frame(plan, span)
    # Beside other lanes one thread decodes as fast, and holds fewer frames.
    options: dict[str, Any] = {"threads": plan.threads} if plan.threads else {}
    if sought_s := plan.media.begins_s + reads_from_s(plan, span):
        # -accurate_seek would drop the frame that is on screen when the span starts.
        options |= {"ss": seconds(sought_s), "noaccurate_seek": None}
    stream = open_video(source, video, **options).filter(
        "setpts", from_origin(plan.media, lag_s=video.lag_s)
    )
    stream = deinterlace(stream, video, grid).filter(
        "fps", str(grid.rate), start_time=seconds(start / grid.rate)
    )
    if frames.stop > _certain_frames(plan):
        stream = stream.filter("tpad", stop=_padding_frames(plan, frames.stop), stop_mode="clone")
    lead = {"start_frame": frames.start - start} if frames.start > start else {}
    stream = stream.filter("trim", **lead, end_frame=frames.stop - start)
    stream = fit_frames(stream.filter("setpts", "PTS-STARTPTS"), video, grid)
    return turn_upright(drop_duplicates(stream, video, grid, frames), video)


def reads_from_s(plan: Plan, span: Span) -> Fraction:
    """Return the second from which a source is read for a span of the plan of one part.

    MPEG-TS is sought by time, not to a keyframe: a whole GOP earlier there is one for certain.
    Before 0 is what a clip leaves out of its file.
    """
    start_s, begins_s = _start_frame(plan, span) / plan.grid.rate, plan.media.begins_s
    gop_s = plan.media.video.packets.longest_gop_s
    early_s = _SEEK_MARGIN_S + Fraction(gop_s or start_s + begins_s)
    return max(-begins_s, start_s - early_s)


def from_origin(media: Media, *, lag_s: Fraction = Fraction(0)) -> str:
    """Put t=0 at the container's start. -copyts keeps FFmpeg from choosing another.

    It would take the first timestamp of the streams it was given to use, which differs between
    the video's and the audio's process where the two start apart (MPEG-TS).
    """
    return f"round(PTS-{seconds(media.origin_s + lag_s)}/TB)"


def open_video(source: Path, video: VideoStream, **options: Any) -> Any:
    """Open a source's video track, with input options."""
    # A graph that is rebuilt where frames change their size (a phone that is turned in a call)
    # starts counting again; scale takes any size as it comes. And frames are turned by the plan:
    # what FFmpeg would turn by itself depends on its version.
    guard = {"reinit_filter": 0, "max_pixels": MAX_PIXELS, "noautorotate": None}
    return open_input(source, **guard, **options)[str(video.index)]


def deinterlace(stream: Any, video: VideoStream, grid: Grid) -> Any:
    """Make whole frames of fields, at the fields' rate where the output has it.

    All of one shape, where they cannot be given it later.
    """
    if _is_fitted_first(video):
        stream = fit_shape(stream, video, below=mark_rows(video, grid))
    if not video.is_interlaced:
        return stream
    by_field = grid.rate > source_rate(video)
    # bwdif reads the frames before and after, which must not be smaller. Frames that are marked as
    # progressive pass through it.
    return stream.filter(
        "bwdif", mode="send_field" if by_field else "send_frame", deint="interlaced"
    )


def fit_frames(stream: Any, video: VideoStream, grid: Grid) -> Any:
    """Give all frames one shape, with the strip below it that `drop_duplicates` marks.

    Those that were made of fields have it already, and those whose aspect depends on the time.
    """
    if _is_fitted_first(video):
        return stream
    return fit_shape(stream, video, below=mark_rows(video, grid))


def turn_upright(stream: Any, video: VideoStream) -> Any:
    """Turn and mirror frames, in the shape of the first one, as they are to be seen."""
    to = video.orientation
    if to.is_turned:
        return stream.filter("transpose", _TURNS[to.swaps_sides, to.swaps_top])
    for name, is_swapped in (("hflip", to.swaps_sides), ("vflip", to.swaps_top)):
        if is_swapped:
            stream = stream.filter(name)
    return stream


def fit_shape(stream: Any, video: VideoStream, *, below: int = 0) -> Any:
    """Put frames whose size or aspect changes on the way into the first one's shape, with bars.

    `below` so many rows are added.
    """
    width, height = video.width, video.height
    # By how much a frame is wider than the first one, both as they are seen.
    wider = f"{_seen_aspect(video)}*{height}/{width}"
    is_alike = f"lt(abs({wider}-1),{_ALIKE})"
    # Without `eval` the size is that of the first frame's, whatever the shape of the others.
    stream = stream.filter(
        "scale",
        f"if({is_alike},{width},2*round({width}*min(1,{wider})/2))",
        f"if({is_alike},{height},2*round({height}*min(1,1/({wider}))/2))",
        eval="frame",
        interl=-1,
    )
    return stream.filter(
        "pad",
        width,
        height + below,
        "(ow-iw)/2",
        f"({height}-ih)/2",
        color="black",
        eval="frame",
    )


def _is_fitted_first(video: VideoStream) -> bool:
    """Whether frames are fitted before they are put on the grid, which takes fewer of them."""
    return video.is_interlaced or bool(video.aspect_changes)


def _seen_aspect(video: VideoStream) -> str:
    """Write the aspect of a frame, as it is seen, over the pixel's aspect of the first one."""
    first = video.sample_aspect_ratio or Fraction(1)
    if not video.aspect_changes:
        return f"dar/({first})"
    terms, before = ["1"], Fraction(1)
    for change in video.aspect_changes:
        now = change.sample_aspect_ratio / first
        # A millisecond early: times were rounded.
        terms.append(f"gte(t,{change.at_s - 1e-3:.6f})*({now - before})")
        before = now
    return f"iw/ih*({'+'.join(terms)})"


def _start_frame(plan: Plan, span: Span) -> int:
    """Return the frame of the grid from which a span is decoded.

    Its own first; but where the audio goes on after the last frame, that one is what it shows.
    """
    return min(plan.grid.first_frame(span.first), _certain_frames(plan))


def _certain_frames(plan: Plan) -> int:
    """Return until which frame of the grid there are some, even if the last cannot be decoded."""
    grid, times_s = plan.grid, plan.media.video.packets.times_s
    last = floor(Fraction(times_s[-1]) * grid.rate) if times_s else grid.total_frames
    # Before a clip there may be the last one, which it shows.
    first = -floor(plan.media.begins_s * grid.rate)
    return max(first, last - _tolerated_frames(grid))


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
