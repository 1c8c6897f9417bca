"""Finds slide changes of a lecture: chapters. Pure.

Whether there is another slide is seen in the key frames, which are measured anyway; when it came
in the largest frame between two of them, as a new slide is one. So nothing is measured during the
encode, and what a job resumes it knows from the segments' record.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise
from statistics import median

from worker.hls.keyframes import KeyFrame
from worker.hls.webvtt import Cue, milliseconds, render_track
from worker.images.frame_stats import FrameStats, difference
from worker.records.segment import Segment

_LEAST_S, _MOST = 60, 40
# A slide that comes so soon before or after a joint is no chapter of its own.
_NEAR_MS = 10_000
# Of 255 over the whole frame: a new slide of the same design has more, a pointer or a new line
# less. What moves all the time (a camera) must move this many times more than usual.
_CHANGE, _TIMES_USUAL = 4.0, 3.0
# Of a key frame's bytes: what a new slide takes at least, and a repeated frame never.
_JUMP_SHARE = 1 / 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """A part of the video: its start in milliseconds, and its title."""

    start_ms: int
    title: str


def find_chapters(stats: Sequence[FrameStats], segments: Sequence[Segment]) -> tuple[Chapter, ...]:
    """Find the chapters of a video: none, or at least two, the first at 0.

    The greatest changes count, so far apart that no chapter is shorter than a minute or a fortieth
    of the video. Titles are numbers: the text of a slide is not read.

    Args:
        stats: of key frames, in order.
        segments: all of the rung that they are from.

    """
    end_ms = milliseconds(segments[-1].end_ticks)
    least_ms = max(1000 * _LEAST_S, end_ms // _MOST)
    changes = [(difference(a, b), a, b) for a, b in pairwise(stats)]
    least = max(_CHANGE, _TIMES_USUAL * median(size for size, _, _ in changes)) if changes else 0
    starts_ms = [0]
    for size, a, b in sorted(changes, key=lambda change: change[0], reverse=True):
        start_ms = milliseconds(_change_ticks(a.frame, b.frame, segments))
        apart_ms = min(abs(start_ms - other) for other in [*starts_ms, end_ms])
        if size >= least and apart_ms >= least_ms:
            starts_ms.append(start_ms)
    if len(starts_ms) == 1:
        return ()
    return tuple(
        Chapter(start_ms=start_ms, title=str(number))
        for number, start_ms in enumerate(sorted(starts_ms), 1)
    )


def add_joints(
    chapters: Sequence[Chapter], starts_ms: Sequence[int], names: Sequence[str]
) -> tuple[Chapter, ...]:
    """Add a chapter at the start of each of several parts, in which those found are numbered.

    Of one that was found too near to a joint the joint stands. `names` are those of the parts.
    """
    if len(starts_ms) == 1:
        return tuple(chapters)
    joined: list[Chapter] = []
    bounds_ms = pairwise([*starts_ms, math.inf])
    for name, (start_ms, end_ms) in zip(names, bounds_ms, strict=True):
        joined.append(Chapter(start_ms=round(start_ms), title=name))
        within = [c for c in chapters if start_ms + _NEAR_MS < c.start_ms < end_ms - _NEAR_MS]
        joined += (
            replace(chapter, title=f"{name} ({number})") for number, chapter in enumerate(within, 2)
        )
    return tuple(joined)


def render_chapters(chapters: Sequence[Chapter], segments: Sequence[Segment]) -> str:
    """Render the chapters' WebVTT track."""
    ends_ms = [*(c.start_ms for c in chapters[1:]), milliseconds(segments[-1].end_ticks)]
    return render_track(
        [
            # A file may have any name; an arrow in it would be read as another cue's time.
            Cue(start_ms=chapter.start_ms, end_ms=end_ms, text=escape(chapter.title, quote=False))
            for chapter, end_ms in zip(chapters, ends_ms, strict=True)
        ]
    )


def _change_ticks(before: KeyFrame, after: KeyFrame, segments: Sequence[Segment]) -> int:
    """Return the tick at which the content changed between two key frames."""
    jump = max(segments[before.index : after.index], key=lambda segment: segment.jump_bytes)
    if jump.jump_ticks is None or jump.jump_bytes < _JUMP_SHARE * after.bytes:
        # Nothing new within: the key frame itself is what is new.
        return after.start_ticks
    return jump.jump_ticks
