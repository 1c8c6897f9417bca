"""The eight orientations of a frame, and the one that a display matrix requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """Swap the axes first, then mirror left and right, then up and down."""

    swaps: bool
    mirrors_x: bool
    mirrors_y: bool

    def apply(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Rotate and mirror square frames (n, side, side)."""
        if self.swaps:
            frames = np.swapaxes(frames, 1, 2)
        return frames[:, :: -1 if self.mirrors_y else 1, :: -1 if self.mirrors_x else 1]

    def __str__(self) -> str:
        return _NAMES[self.swaps, self.mirrors_x, self.mirrors_y]


# Degrees are clockwise.
_NAMES = {
    (False, False, False): "0",
    (True, True, False): "90",
    (False, True, True): "180",
    (True, False, True): "270",
    (False, True, False): "mirrored",
    (False, False, True): "mirrored 180",
    (True, False, False): "mirrored 270",
    (True, True, True): "mirrored 90",
}
UPRIGHT = Orientation(swaps=False, mirrors_x=False, mirrors_y=False)
_TURNS = {
    0: UPRIGHT,
    90: Orientation(swaps=True, mirrors_x=True, mirrors_y=False),
    180: Orientation(swaps=False, mirrors_x=True, mirrors_y=True),
    270: Orientation(swaps=True, mirrors_x=False, mirrors_y=True),
}
ALL = tuple(Orientation(*each) for each in product((False, True), repeat=3))


def from_matrix(matrix: Sequence[int]) -> Orientation | None:
    """Read a display matrix (ISO/IEC 14496-12, 6.2.2); None where it is no quarter turn.

    (x, y) goes to (a·x + c·y, b·x + d·y), and the matrix is a b u c d v x y w.
    """
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if a and d and not (b or c):
        return Orientation(swaps=False, mirrors_x=a < 0, mirrors_y=d < 0)
    if b and c and not (a or d):
        return Orientation(swaps=True, mirrors_x=c < 0, mirrors_y=b < 0)
    return None


def from_rotation(clockwise_deg: int) -> Orientation | None:
    """Return a quarter turn; None for other angles."""
    return _TURNS.get(clockwise_deg % 360)
