"""Drops frames that repeat the one before: most of a lecture need not be encoded. Pure.

On slides and screen recordings this saves more than any preset. The frames that stay keep their own
time on the grid, so that a segment's bounds stay where they were.
"""

from __future__ import annotations

from typing import Any

from worker.media.streams import VideoStream
from worker.media.timeline import Grid

# Of what mpdecimate compares as it is; another format would be converted, 10 bits cut to 8.
_COMPARABLE = frozenset(
    f"{kind}{subsampling}p" for kind in ("yuv", "yuvj") for subsampling in (420, 422, 444)
)
# Sums of absolute differences over blocks of 8x8, 64 being one code of 255 for each pixel. A
# frame is a new one when one block differs by more than `hi`, or this share of the blocks (their
# grid being of 16x16) by more than `lo`. Measured, see docs/performance.md.
_HI, _LO, _SHARE = 3 * 64, 64, 0.05
# The longest that a frame stays without being sent again. MPEG-TS has no durations of frames: a
# player guesses the last one's from the gap before it, and not every player accepts a long one.
_LONGEST_S = 1
# mpdecimate leaves the edge out: blocks start 8 pixels in and end 8 before the other side.
_MARK_SIDE = 16


def mark_rows(video: VideoStream, grid: Grid) -> int:
    """Return how many rows below the frame are for marks: 0 where nothing is dropped.

    Frames must be such that they can be compared as they are.
    """
    may_drop = (
        grid.segment_frames > 1
        and video.pixel_format in _COMPARABLE
        # The strip for marks must not split a line of chroma.
        and video.width % 2 == 0
        and video.height % 2 == 0
        and video.width >= 4 * _MARK_SIDE
        and video.height >= 4 * _MARK_SIDE
    )
    return _MARK_SIDE if may_drop else 0


def drop_duplicates(stream: Any, video: VideoStream, grid: Grid, frames: range) -> Any:
    """Drop what repeats, of a span of these frames that starts at a segment's start.

    Kept whatever they show: the first and the last of each segment, so that frames show its
    bounds, and one each second. mpdecimate has no option for that, so they are marked in a strip
    below the frame (`mark_rows`) that is cropped again, and never repeat anything: the last of a
    segment, which makes the next one unlike it too, the last of all, and every other second. It
    compares with the last one that it kept, so from each segment's start on it decides alike in
    every span.
    """
    if not mark_rows(video, grid):
        return stream
    second = round(_LONGEST_S * grid.rate)
    marks = (
        f"mod(floor((n+{frames.start})/{second}),2)",
        _ends_of_segments(grid, frames),
        # By itself: of a last segment of one frame it must differ from the end before it.
        f"eq(n,{len(frames) - 1})",
    )
    for column, mark in enumerate(marks):
        stream = stream.filter(
            "drawbox",
            x=column * _MARK_SIDE,
            y=video.height,
            w=_MARK_SIDE,
            h=_MARK_SIDE,
            color="white",
            t="fill",
            enable=mark,
        )
    return stream.filter("mpdecimate", hi=_HI, lo=_LO, frac=_SHARE).filter(
        "crop", h=video.height, y=0
    )


def _ends_of_segments(grid: Grid, frames: range) -> str:
    """Write, in terms of `n` (counted from the span's start), what is 1 at a segment's last frame.

    Thousands of terms where segments are uneven: microseconds for each frame.
    """
    if grid.cuts:
        ends = [f"eq(n,{cut - frames.start - 1})" for cut in grid.cuts if cut - 1 in frames]
        return "+".join(ends) or "0"
    return f"eq(mod(n,{grid.segment_frames}),{grid.segment_frames - 1})"
