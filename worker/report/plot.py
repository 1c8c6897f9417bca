"""Plots as SVG: steps over time, and stretches below them. Pure.

Colors are classes (`c0` … `c5` of lines, `p0` … `p5` of stretches), so that the page's style
decides, in the light and in the dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from worker.media.timeline import clock_time

# Drawn for a phone's width, where letters must be readable, and scaled up from it.
_WIDTH, _HEIGHT = 480, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 18, 16, 20
_STRIP_HEIGHT = 10
_COLORS = 6
# More steps than the plot has pixels would only make it heavy: 4 h of 6 s have 2,400.
_MOST_STEPS = 360
_TICKS = 5
_ROUND_TO = (1, 2, 5, 10)
_CLOCK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)

Step = tuple[float, float, float]
"""Start, end, value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Steps of one color."""

    name: str
    steps: Sequence[Step]


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """A row of named stretches below the plot: start, end, name."""

    name: str
    stretches: Sequence[tuple[float, float, str]]


def draw(
    series: Sequence[Series],
    *,
    end: float,
    unit: str,
    strips: Sequence[Strip] = (),
    marks: Sequence[float] = (),
) -> str:
    """Draw steps from 0 to `end` seconds, with upright lines at `marks`."""
    shown = [Series(name=one.name, steps=thin(one.steps, _MOST_STEPS)) for one in series]
    top = _round_up(max((step[2] for one in shown for step in one.steps), default=1) or 1)
    height = _HEIGHT + len(strips) * (_STRIP_HEIGHT + 2)
    frame = _Frame(end=max(end, 1e-3), top=top)
    parts = [
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {height}" role="img">',
        *frame.grid(unit),
        *(frame.line(one, i) for i, one in enumerate(shown)),
        *(f'<path class="mark" d="M{frame.x(at)} {_TOP}V{_HEIGHT - _BOTTOM}"/>' for at in marks),
        *(part for row, strip in enumerate(strips) for part in frame.strip(strip, row, strips)),
        "</svg>",
    ]
    return "\n".join(parts)


def thin(steps: Sequence[Step], most: int) -> list[Step]:
    """Join neighbours until there are at most so many; each keeps the area below it."""
    size = math.ceil(len(steps) / most) if steps else 1
    return [_join(steps[at : at + size]) for at in range(0, len(steps), size)]


def _join(steps: Sequence[Step]) -> Step:
    length = sum(end - start for start, end, _ in steps)
    area = sum((end - start) * value for start, end, value in steps)
    return steps[0][0], steps[-1][1], area / length if length else steps[0][2]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frame:
    end: float
    top: float

    def x(self, at: float) -> str:
        share = min(max(at / self.end, 0.0), 1.0)
        return f"{_LEFT + share * (_WIDTH - _LEFT - _RIGHT):.1f}"

    def y(self, value: float) -> str:
        return f"{_HEIGHT - _BOTTOM - value / self.top * (_HEIGHT - _TOP - _BOTTOM):.1f}"

    def grid(self, unit: str) -> Iterator[str]:
        yield f'<text x="2" y="10">{escape(unit)}</text>'
        for i in range(_TICKS):
            value = self.top * i / (_TICKS - 1)
            y = self.y(value)
            yield f'<path class="grid" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>'
            yield f'<text class="y" x="{_LEFT - 4}" y="{float(y) + 4:.1f}">{value:.3g}</text>'
        step_s = next((s for s in _CLOCK_STEPS_S if self.end / s <= _TICKS + 1), _CLOCK_STEPS_S[-1])
        for i in range(int(self.end / step_s) + 1):
            at = i * step_s
            yield f'<text class="x" x="{self.x(at)}" y="{_HEIGHT - 6}">{clock_time(at)}</text>'

    def line(self, series: Series, color: int) -> str:
        """Draw the steps; where one does not begin at the last one's end there is a gap."""
        path: list[str] = []
        reached: float | None = None
        for start, end, value in series.steps:
            joined = reached is not None and abs(start - reached) < 0.1  # noqa: PLR2004 (a frame or two)
            path.append(
                f"V{self.y(value)}" if joined else f"M{self.x(start)} {self.y(value)}",
            )
            path.append(f"H{self.x(end)}")
            reached = end
        return (
            f'<path class="line c{color % _COLORS}" d="{"".join(path)}">'
            f"<title>{escape(series.name)}</title></path>"
        )

    def strip(self, strip: Strip, row: int, strips: Sequence[Strip]) -> Iterator[str]:
        y = _HEIGHT + row * (_STRIP_HEIGHT + 2)
        names = list(dict.fromkeys(name for one in strips for *_, name in one.stretches))
        yield f'<text class="y" x="{_LEFT - 4}" y="{y + 9}">{escape(strip.name)}</text>'
        for start, end, name in strip.stretches:
            width = float(self.x(end)) - float(self.x(start))
            yield (
                f'<rect class="p{names.index(name) % _COLORS}" x="{self.x(start)}" y="{y}"'
                f' width="{width:.1f}" height="{_STRIP_HEIGHT}"><title>{escape(name)}'
                f" {clock_time(start)}–{clock_time(end)}</title></rect>"
            )


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10 times a power of ten: an axis' end."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in _ROUND_TO if factor * power >= value * 0.9999)
