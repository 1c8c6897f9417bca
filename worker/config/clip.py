"""Which part of the joined timeline is published."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """From where to where, in seconds of the joined timeline; without an end, to its own.

    Both are moved to the nearest frame of the run.
    """

    start_s: Fraction = Fraction(0)
    end_s: Fraction | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut off."""
        return self.start_s == 0 and self.end_s is None
