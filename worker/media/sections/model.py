"""The sections of a source: its packets between joints, each section on a clock of its own. Pure.

Recordings that were joined, or paused, have timestamps that restart or leap. Both tracks do so, one
after the other; they are moved by the same time, or audio and video would drift apart. Where one
track does so and the other goes on (a damaged header, an encoder's clock), that one alone is moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from worker.media.packets import LONGEST_STEP_BACK_S, LONGEST_STEP_S

# More jumps than a recording has: the timestamps are noise.
MAX_SECTIONS = 1000


@dataclass(frozen=True, slots=True)
class Move:
    """From packet `first` on, a track's times move by `by_s` beside those of its section.

    `timed_first` is as in `Section`.
    """

    index: int
    first: int
    timed_first: int
    by_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Packets of all tracks on one clock, from `start_s` to `end_s` of it.

    `firsts` maps a track's index to the number of its first packet here, as the demuxer counts them
    from 0. A track that has none here is absent. `timed_firsts` counts packets alone that have a
    time of their own in the file: in MPEG-TS and MPEG-PS, those that begin a PES packet. `moves`
    put a track that jumped alone back on the clock. `wild` are packets with a presentation time
    that cannot be: that alone, of one packet each, is moved to where it is decoded.
    """

    start_s: float
    end_s: float
    firsts: Mapping[int, int]
    timed_firsts: Mapping[int, int] = field(default_factory=dict)
    moves: Sequence[Move] = ()
    wild: Sequence[Move] = ()

    @property
    def moved(self) -> frozenset[int]:
        """The tracks that jump alone, or have wild times."""
        return frozenset(move.index for move in (*self.moves, *self.wild))

    def follows(self, other: Section) -> bool:
        """Whether the clock runs on from the end of another, so that no time is moved."""
        return -LONGEST_STEP_BACK_S <= self.start_s - other.end_s <= LONGEST_STEP_S


def count_jumps(sections: Sequence[Section]) -> int:
    """Count the joints between sections, where a track jumps alone, and wild times."""
    return len(sections) - 1 + sum(len(each.moves) + len(each.wild) for each in sections)
