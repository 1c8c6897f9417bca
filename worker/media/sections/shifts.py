"""By how much the packets of each section are moved. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from worker.media.sections.model import Section


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


def shown_shifts(
    sections: Sequence[Section], index: int, *, only_timed: bool = False
) -> Iterator[tuple[int, float]]:
    """Yield the packets of a track whose presentation time alone is moved, and by how much."""
    for section in sections:
        for wild in section.wild:
            if wild.index == index:
                yield wild.timed_first if only_timed else wild.first, wild.by_s
