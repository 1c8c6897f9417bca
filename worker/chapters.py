"""Finds where a lecture goes on to something else: chapters. Pure.

Whether there is another slide is told by the key pictures, which are looked at anyway; when it came
by the largest picture between two of them, as a new slide is one. So nothing is measured while it
is encoded, and what a job resumes it knows from the segments' record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from worker.looks import Look, difference
from worker.segment import Segment
from worker.webvtt import Cue, milliseconds, render_track

_LEAST_S, _MOST = 60, 40
# Of 255 over the whole picture: a new slide of the same design has more, a pointer or a new line
# less. What moves all the time (a camera) must move this many times more than usual.
_CHANGE, _TIMES_USUAL = 4.0, 3.0
# Of a key picture's bytes: what a new slide takes at least, and a picture that repeats never.
_JUMP_SHARE = 1 / 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """A part of the video: from when on, in milliseconds, and what it is called."""

    start_ms: int
    title: str


def find_chapters(looks: Sequence[Look], segments: Sequence[Segment]) -> tuple[Chapter, ...]:
    """Find the chapters of a video: none, or at least two, the first at 0.

    The greatest changes count, so far apart that no chapter is shorter than a minute or a fortieth
    of the video. Titles are numbers: what a slide says is not read.

    Args:
        looks: of key pictures, in order.
        segments: all of the rung that they are from.

    """
    end_ms = milliseconds(segments[-1].end_ticks)
    least_ms = max(1000 * _LEAST_S, end_ms // _MOST)
    changes = [(difference(a, b), a, b) for a, b in pairwise(looks)]
    least = max(_CHANGE, _TIMES_USUAL * median(size for size, _, _ in changes)) if changes else 0
    starts_ms = [0]
    for size, a, b in sorted(changes, key=lambda change: change[0], reverse=True):
        start_ms = milliseconds(_when(a.picture, b.picture, segments))
        apart_ms = min(abs(start_ms - other) for other in [*starts_ms, end_ms])
        if size >= least and apart_ms >= least_ms:
            starts_ms.append(start_ms)
    if len(starts_ms) == 1:
        return ()
    return tuple(
        Chapter(start_ms=start_ms, title=str(number))
        for number, start_ms in enumerate(sorted(starts_ms), 1)
    )


def render_chapters(chapters: Sequence[Chapter], segments: Sequence[Segment]) -> str:
    """Render the chapters' WebVTT track."""
    ends_ms = [*(c.start_ms for c in chapters[1:]), milliseconds(segments[-1].end_ticks)]
    return render_track(
        [
            Cue(start_ms=chapter.start_ms, end_ms=end_ms, text=chapter.title)
            for chapter, end_ms in zip(chapters, ends_ms, strict=True)
        ]
    )


def _when(before: Segment, after: Segment, segments: Sequence[Segment]) -> int:
    """Tell at which tick the picture changed between two key pictures."""
    jump = max(segments[before.index : after.index], key=lambda segment: segment.jump_bytes)
    if jump.jump_ticks is None or jump.jump_bytes < _JUMP_SHARE * after.bytes:
        # Nothing new within: the key picture itself is what is new.
        return after.start_ticks
    return jump.jump_ticks
