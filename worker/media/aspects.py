"""When the shape of a broadcast's pixels changes: 4:3 and 16:9 in frames of one size. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

# Of PAL. What is higher has one aspect (Rec. ITU-R BT.709).
_MOST_LINES = 576
# Each is a term of the filter's expression.
_MOST_CHANGES = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class AspectChange:
    """From `at_s` on, from the container's start, pixels have this sample aspect ratio."""

    at_s: float
    sample_aspect_ratio: Fraction


def may_change_aspect(height: int, *, is_mpeg: bool) -> bool:
    """Whether a source may be a broadcast that changes its aspect on the way."""
    return is_mpeg and height <= _MOST_LINES


def read_changes(rows: Iterable[str], *, origin_s: float) -> tuple[AspectChange, ...]:
    """Read the key frames that `show_key_frames` lists; the first of these is no change."""
    changes: list[AspectChange] = []
    last: str | None = None
    for row in rows:
        time, aspect, *_ = (*row.split(","), "", "")
        width, _, height = aspect.partition(":")
        if aspect == last or not (width.isdigit() and height.isdigit()) or int(height) == 0:
            continue
        try:
            at_s = float(time) - origin_s
        except ValueError:
            continue
        if last is not None and int(width):
            ratio = Fraction(int(width), int(height))
            changes.append(AspectChange(at_s=at_s, sample_aspect_ratio=ratio))
        last = aspect
    return tuple(changes) if len(changes) <= _MOST_CHANGES else ()
