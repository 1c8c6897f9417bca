"""Which key pictures stand for a video, and the storyboard for scrubbing that they make. Pure.

Every segment starts with a picture that decodes alone, and shows what is on screen at its start. So
pictures at known times are there for a few bytes each, and without decoding what lies between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from worker.segment import Segment
from worker.transport_stream import CLOCK_HZ
from worker.webvtt import Cue, milliseconds, render_track

# A lecture of twenty minutes has one for each of its segments of 6 s, one of two hours one in 30 s.
_LEAST_S, _MOST = 5, 240
# They are read back from the store, and lie in the work folder once.
_MOST_BYTES = 64 << 20
_TILE_LONG_SIDE = 192
_COLUMNS, _ROWS = 5, 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """How the pictures lie on a sheet, in rows from the top left; sizes in pixels."""

    width: int
    height: int
    columns: int
    rows: int

    @property
    def places(self) -> int:
        """Pictures on a whole sheet."""
        return self.columns * self.rows


def choose_pictures(pictures: Sequence[Segment]) -> tuple[Segment, ...]:
    """Choose some of a rung's key pictures, evenly, bounded in number and bytes."""
    duration_s = Fraction(pictures[-1].end_ticks, CLOCK_HZ)
    interval_s = max(Fraction(_LEAST_S), duration_s / _MOST)
    chosen = _spread(pictures, interval_s)
    while len(chosen) > 1 and sum(picture.bytes for picture in chosen) > _MOST_BYTES:
        interval_s *= 2
        chosen = _spread(pictures, interval_s)
    return chosen


def _spread(pictures: Sequence[Segment], interval_s: Fraction) -> tuple[Segment, ...]:
    chosen: list[Segment] = []
    for picture in pictures:
        if not chosen or picture.start_ticks - chosen[-1].start_ticks >= interval_s * CLOCK_HZ:
            chosen.append(picture)
    return tuple(chosen)


def lay_out(count: int, width: int, height: int) -> Sheet:
    """Lay out so many pictures of this shape."""
    scale = _TILE_LONG_SIDE / max(width, height)
    return Sheet(
        # Even, as colour has half the picture's resolution.
        width=max(2, round(width * scale / 2) * 2),
        height=max(2, round(height * scale / 2) * 2),
        columns=min(_COLUMNS, count),
        rows=min(_ROWS, -(-count // _COLUMNS)),
    )


def sheet_name(index: int) -> str:
    """Name a sheet within the storyboard's folder."""
    return f"sheet-{index:03d}.jpg"


def render_storyboard(pictures: Sequence[Segment], sheet: Sheet, *, end_ticks: int) -> str:
    """Render the WebVTT track that tells which part of which sheet to show at a time.

    A picture is shown from its own time until the next one's, the last until the video's end (Media
    Fragments URI, 4.2.2).
    """
    bounds_ms = [*(milliseconds(p.start_ticks) for p in pictures), milliseconds(end_ticks)]
    cues = []
    for at, (start_ms, end_ms) in enumerate(pairwise(bounds_ms)):
        number, place = divmod(at, sheet.places)
        row, column = divmod(place, sheet.columns)
        x, y = column * sheet.width, row * sheet.height
        text = f"{sheet_name(number)}#xywh={x},{y},{sheet.width},{sheet.height}"
        cues.append(Cue(start_ms=start_ms, end_ms=end_ms, text=text))
    return render_track(cues)
