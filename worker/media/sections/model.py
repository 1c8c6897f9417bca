"""The sections of a source: its packets between joints, each section on a clock of its own. Pure.

Recordings that were joined, or paused, have timestamps that restart or leap. Both tracks do so, one
after the other; they are moved by the same time, or audio and video would drift apart. Where one
track does so and the other goes on (a damaged header, an encoder's clock), that one alone is moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

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
    put a track that jumped alone back on the clock.
    """

    start_s: float
    end_s: float
    firsts: Mapping[int, int]
    timed_firsts: Mapping[int, int] = field(default_factory=dict)
    moves: Sequence[Move] = ()

    @property
    def moved(self) -> frozenset[int]:
        """The tracks that jump alone."""
        return frozenset(move.index for move in self.moves)

    def follows(self, other: Section) -> bool:
        """Whether the clock runs on from the end of another, so that no time is moved."""
        return -LONGEST_STEP_BACK_S <= self.start_s - other.end_s <= LONGEST_STEP_S


def count_jumps(sections: Sequence[Section]) -> int:
    """Count the joints between sections, and where a track jumps alone."""
    return len(sections) - 1 + sum(len(section.moves) for section in sections)


def shifts_s(sections: Sequence[Section], *, are_joints: Sequence[bool]) -> list[float]:
    """Return by how much each section is moved to begin where the one before it ends.

    `are_joints` says for each but the first whether it lies after a joint that was found by its
    timestamps; one that was found by a header within the file may run on as it is.
    """
    shifts = [0.0]
    for (before, section), is_joint in zip(pairwise(sections), are_joints, strict=True):
        runs_on = not is_joint and section.follows(before)
        end_s = before.end_s + shifts[-1]
        shifts.append(shifts[-1] if runs_on else end_s - section.start_s)
    return shifts


def packet_shifts(
    sections: Sequence[Section], shifts: Sequence[float], index: int, *, only_timed: bool = False
) -> Iterator[tuple[int, float]]:
    """Yield from which packet of a track on its times move by how many seconds more."""
    moved_s = 0.0
    for section, shift_s in zip(sections, shifts, strict=True):
        own = [move for move in section.moves if move.index == index]
        moves = {move.timed_first if only_timed else move.first: move.by_s for move in own}
        firsts = section.timed_firsts if only_timed else section.firsts
        begin = {firsts[index]: 0.0} if index in firsts else {}
        for first, by_s in (begin | moves).items():
            if shift_s + by_s != moved_s:
                yield first, shift_s + by_s - moved_s
                moved_s = shift_s + by_s
