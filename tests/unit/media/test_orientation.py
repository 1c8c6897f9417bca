"""Display matrices: how frames are turned and mirrored, all eight ways and what is between."""

from __future__ import annotations

import math
from typing import Any

import pytest

from worker.media.orientation import UPRIGHT, Orientation, read_orientation, read_rotation_deg


def side_data(a: float, b: float, c: float, d: float, rotation: float = 0) -> dict[str, Any]:
    """A display matrix as ffprobe writes it, of fixed point numbers."""
    rows = [[round(n * 65536) for n in row] for row in ((a, b, 0), (c, d, 0), (0, 0, 16384))]
    text = "".join(f"\n{i:08x}: {x:10d} {y:10d} {z:10d}" for i, (x, y, z) in enumerate(rows))
    return {"side_data_type": "x", "displaymatrix": text + "\n", "rotation": rotation}


# Where the frame's upper left corner and its right neighbor go: to which side, or to which end.
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, 0, 0, 1), UPRIGHT),
        ((-1, 0, 0, 1), Orientation(swaps_sides=True)),
        ((1, 0, 0, -1), Orientation(swaps_top=True)),
        ((-1, 0, 0, -1), Orientation(swaps_sides=True, swaps_top=True)),
        ((0, 1, 1, 0), Orientation(is_turned=True)),
        ((0, 1, -1, 0), Orientation(is_turned=True, swaps_sides=True)),
        ((0, -1, 1, 0), Orientation(is_turned=True, swaps_top=True)),
        ((0, -1, -1, 0), Orientation(is_turned=True, swaps_sides=True, swaps_top=True)),
        # Twice as large, and nothing at all.
        ((2, 0, 0, 2), UPRIGHT),
        ((0, 0, 0, 0), UPRIGHT),
    ],
)
def test_each_way_in_which_a_frame_lies(
    numbers: tuple[float, float, float, float], expected: Orientation
) -> None:
    assert read_orientation([{"side_data_type": "SEI"}, side_data(*numbers)]) == expected


@pytest.mark.parametrize(("degrees", "is_turned"), [(10, False), (80, True), (100, True)])
def test_between_two_quarter_turns_the_nearer_one_is_taken(
    degrees: float, *, is_turned: bool
) -> None:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    found = read_orientation([side_data(cosine, sine, -sine, cosine)])
    assert found == Orientation(is_turned=is_turned, swaps_sides=is_turned)


def test_without_a_matrix_nothing_is_known() -> None:
    assert read_orientation([]) is None
    assert read_orientation([{"side_data_type": "SEI", "displaymatrix": "\n"}]) is None
    assert read_rotation_deg([{"side_data_type": "SEI"}]) == 0


def test_a_rotation_is_counted_counterclockwise() -> None:
    assert read_rotation_deg([side_data(0, 1, -1, 0, rotation=-90)]) == 270
    assert read_rotation_deg([side_data(0, -1, 1, 0, rotation=90)]) == 90
