"""Which key frames show the whole video, and the storyboard for scrubbing made of them. Pure.

Every segment starts with a frame that decodes alone, and shows what is on screen at its start. So
frames at known times cost a few bytes each, and nothing between them is decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from worker.hls.keyframes import KeyFrame
from worker.hls.webvtt import Cue, milliseconds, render_track
from worker.media.timeline import CLOCK_HZ

# A lecture of twenty minutes has one for each of its segments of 6 s, one of two hours one in 30 s.
_LEAST_S, _MOST = 5, 240
# They are read back from the store, and lie in the work folder once.
_MAX_BYTES = 64 << 20
_TILE_LONG_SIDE = 192
_COLUMNS, _ROWS = 5, 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """How images are tiled on a sheet, in rows from the top left; sizes in pixels."""

    width: int
    height: int
    columns: int
    rows: int

    @property
    def tiles(self) -> int:
        """Images on a whole sheet."""
        return self.columns * self.rows


def choose_frames(frames: Sequence[KeyFrame]) -> tuple[KeyFrame, ...]:
    """Choose some of a rung's key frames, evenly, bounded in number and bytes."""
    duration_s = Fraction(frames[-1].end_ticks, CLOCK_HZ)
    interval_s = max(Fraction(_LEAST_S), duration_s / _MOST)
    chosen = _spread(frames, interval_s)
    while len(chosen) > 1 and sum(frame.bytes for frame in chosen) > _MAX_BYTES:
        interval_s *= 2
        chosen = _spread(frames, interval_s)
    return chosen


def _spread(frames: Sequence[KeyFrame], interval_s: Fraction) -> tuple[KeyFrame, ...]:
    chosen: list[KeyFrame] = []
    for frame in frames:
        if not chosen or frame.start_ticks - chosen[-1].start_ticks >= interval_s * CLOCK_HZ:
            chosen.append(frame)
    return tuple(chosen)


def lay_out(count: int, width: int, height: int) -> Sheet:
    """Lay out so many frames of this size."""
    scale = _TILE_LONG_SIDE / max(width, height)
    return Sheet(
        # Even, as chroma has half the resolution.
        width=max(2, round(width * scale / 2) * 2),
        height=max(2, round(height * scale / 2) * 2),
        columns=min(_COLUMNS, count),
        rows=min(_ROWS, -(-count // _COLUMNS)),
    )


def render_storyboard(
    frames: Sequence[KeyFrame], sheet: Sheet, names: Sequence[str], *, end_ticks: int
) -> str:
    """Render the WebVTT track that says which part of which sheet to show at a time.

    `names` are the sheets', as the track names them.

    A tile is shown from its frame's time until the next one's, the last until the video's end
    (Media Fragments URI, 4.2.2).
    """
    bounds_ms = [*(milliseconds(frame.start_ticks) for frame in frames), milliseconds(end_ticks)]
    cues = []
    for at, (start_ms, end_ms) in enumerate(pairwise(bounds_ms)):
        number, tile = divmod(at, sheet.tiles)
        row, column = divmod(tile, sheet.columns)
        x, y = column * sheet.width, row * sheet.height
        text = f"{names[number]}#xywh={x},{y},{sheet.width},{sheet.height}"
        cues.append(Cue(start_ms=start_ms, end_ms=end_ms, text=text))
    return render_track(cues)
