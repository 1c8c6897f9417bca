"""How frames must be turned and mirrored to stand upright, read from display matrices. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Orientation:
    """A quarter turn and mirrors: first columns become rows, then left and right, top and bottom.

    All eight ways in which a frame can lie are among them.
    """

    is_turned: bool = False
    swaps_sides: bool = False
    swaps_top: bool = False


UPRIGHT = Orientation()


def read_orientation(side_data: Iterable[Mapping[str, Any]]) -> Orientation | None:
    """Read the display matrix among side data, as ffprobe writes it; None where there is none.

    Of its rows (a b u), (c d v), (x y w) a and d scale a frame, b and c turn it (ISO/IEC 14496-12,
    8.3.2.3). What is between two quarter turns takes the nearer one.
    """
    for data in side_data:
        rows = [line.partition(":")[2].split() for line in _lines(data)]
        numbers = [[int(text) for text in row] for row in rows if row]
        if len(numbers) < 2:  # noqa: PLR2004 (two rows turn, the third one moves)
            continue
        (a, b, *_), (c, d, *_) = numbers[:2]
        if abs(b) > abs(a):
            return Orientation(is_turned=True, swaps_sides=c < 0, swaps_top=b < 0)
        return Orientation(swaps_sides=a < 0, swaps_top=d < 0)
    return None


def read_rotation_deg(side_data: Iterable[Mapping[str, Any]]) -> int:
    """Read by how much a display matrix turns frames counterclockwise, 0 where there is none."""
    turns = (round(float(data["rotation"])) for data in side_data if "rotation" in data)
    return next((turn % 360 for turn in turns), 0)


def _lines(data: Mapping[str, Any]) -> list[str]:
    return str(data.get("displaymatrix", "")).splitlines()
