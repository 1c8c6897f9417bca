"""Finds the sections of a source from its packets. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from worker.media.packets import LONGEST_STEP_BACK_S, LONGEST_STEP_S, WildTimes
from worker.media.sections.model import MAX_SECTIONS, Move, Section
from worker.media.sections.stretches import (
    UNRESOLVED,
    Stretch,
    began_wild,
    find_joint,
    is_back,
    is_near,
)

# A last packet without a length is taken to last as long as the one before, up to this.
_LONGEST_GUESS_S = 0.1
# Steps that begin a stretch. Of a joint, one track's step may be too short to be a jump by itself;
# a single packet that is a few seconds late shows by the step back after it.
_STRETCH_STEP_S, _STRETCH_STEP_BACK_S = 1.0, 0.5
# Of noise, as much is kept as is more than MAX_SECTIONS: at each joint both tracks restart.
_MAX_RESTARTS = 2 * MAX_SECTIONS + 2


@dataclass(slots=True)
class _Track:
    """One track so far: how many packets, and the last stretch of those that have a time.

    `late` are packets that are shown long after they are decoded, with their stretch, count of
    times, and what is shown: wild ones, until they are found.
    """

    count: int = 0
    timed: int = 0
    step_s: float = 0.0
    stretch: Stretch | None = None
    late: dict[int, tuple[Stretch, int, float, float]] = field(default_factory=dict)
    wild: WildTimes = field(default_factory=WildTimes)


@dataclass(slots=True)
class SectionTally:
    """Finds the sections of video and audio from their packets, in the demuxer's order.

    A step back of one track is a restart. A step forward is a leap where the other track has not
    gone on meanwhile: a frame may stay for minutes while the audio goes on. Where there is no other
    track, or that has ended, `is_mpeg` decides: in MPEG-TS and MPEG-PS a frame comes every 0.7 s
    (ISO/IEC 13818-1, 2.7.4), in other containers it may last as long as it likes.
    """

    is_mpeg: bool
    _tracks: dict[int, _Track] = field(default_factory=dict)
    _stretches: list[Stretch] = field(default_factory=list)
    _restarts: int = 0

    def add(
        self,
        index: int,
        pts_s: float | None,
        dts_s: float | None,
        duration_s: float | None,
        *,
        is_timed: bool = True,
    ) -> None:
        """Count the next packet of a track; `is_timed` says whether the file has a time of it."""
        track = self._tracks.setdefault(index, _Track())
        number, track.count = track.count, track.count + 1
        timed_number, track.timed = track.timed, track.timed + is_timed
        times = [at for at in (dts_s, pts_s) if at is not None]
        if not times:
            return
        decoded_s, shown_s = times[0], times[-1]
        stretch = track.stretch
        step_s = decoded_s - stretch.last_s if stretch else 0.0
        is_step = not -_STRETCH_STEP_BACK_S <= step_s <= _STRETCH_STEP_S
        if stretch is None or (is_step and self._restarts < _MAX_RESTARTS):
            self._restarts += step_s < -LONGEST_STEP_BACK_S
            stretch = Stretch(
                index=index,
                first=number,
                timed_first=timed_number,
                before=track.stretch,
                seen=next((each.stretch for i, each in self._tracks.items() if i != index), None),
                begin_s=decoded_s,
                start_s=math.inf,
                end_s=decoded_s,
                last_s=decoded_s,
                next_s=decoded_s,
            )
            self._stretches.append(stretch)
            track.stretch = stretch
        elif step_s > 0:
            track.step_s = min(step_s, _LONGEST_GUESS_S)
        length_s = duration_s or track.step_s
        stretch.last_s, stretch.next_s = decoded_s, decoded_s + length_s
        stretch.end_s = max(stretch.end_s, stretch.next_s)
        if abs(shown_s - decoded_s) <= LONGEST_STEP_S:
            stretch.show(shown_s, shown_s + length_s)
        else:
            track.late[number] = stretch, timed_number, shown_s, shown_s + length_s
        first, by_s = track.wild.add(number, pts_s, dts_s) or (-1, 0.0)
        if first in track.late:
            its, its_timed, from_s, to_s = track.late.pop(first)
            its.show(from_s + by_s, to_s + by_s)
            its.wild.append(Move(index, first, its_timed, by_s))

    def sections(self) -> tuple[Section, ...]:
        """Return what was found; none without timestamps."""
        for track in self._tracks.values():
            for stretch, _, from_s, to_s in track.late.values():
                stretch.show(from_s, to_s)
        members: list[list[Stretch]] = [[] for _ in range(self._resolve())]
        for each in self._stretches:
            members[each.section].append(each)
        return tuple(_section(each) for each in members)

    def _resolve(self) -> int:
        """Find the section of each stretch, and how it is moved there; return how many there are.

        What comes later in the file is known by now, and what comes before is resolved.
        """
        count = min(1, len(self._stretches))
        for each in self._stretches:
            before, seen = each.before, each.seen
            if each.section != UNRESOLVED:
                continue
            if before is None:
                each.section = seen.section if seen else 0
            elif is_back(each, before) and (earlier := before.earlier):
                before.by_s = earlier.due_s - before.begin_s
                each.section, each.by_s = before.section, earlier.by_s
            elif self._goes_on(each, before, before.by_s):
                each.section, each.by_s = before.section, before.by_s
            elif seen and seen.section > before.section and is_near(each.begin_s, each.seen_s):
                each.section = seen.section
            elif joint := find_joint(each, before):
                for one in joint:
                    one.section = count
                count += 1
            else:
                each.section, each.by_s = before.section, self._move_s(each, before)
        return count

    def _goes_on(self, each: Stretch, before: Stretch, by_s: float) -> bool:
        """Whether a stretch that is moved by so much does not jump from the one before."""
        at_s = each.begin_s + by_s
        end_s, other_s = before.end_s + before.by_s, each.other_end_s(before.section)
        if at_s < before.last_s + before.by_s - LONGEST_STEP_BACK_S:
            return False
        if at_s <= max(end_s, end_s if other_s is None else other_s) + LONGEST_STEP_S:
            return True
        return not self.is_mpeg and (other_s is None or each.other_has_ended)

    def _move_s(self, each: Stretch, before: Stretch) -> float:
        """Return by how much a stretch is moved whose track jumps alone.

        Not at all where it is back on the section's clock, or as before the last jump; otherwise it
        goes on where that track was.
        """
        if began_wild(each, before):
            before.by_s = each.begin_s - before.next_s
            return 0.0
        for by_s in (0.0, before.earlier.by_s if before.earlier else 0.0):
            if self._goes_on(each, before, by_s):
                return by_s
        at_s = before.due_s
        if before.last_s == before.begin_s and each.seen and each.seen.section == before.section:
            # One frame, which stays while the audio goes on.
            at_s = max(at_s, each.seen_s + each.seen.by_s)
        return at_s - each.begin_s


def _section(stretches: Sequence[Stretch]) -> Section:
    moved_s, moves = dict[int, float](), list[Move]()
    for each in stretches:
        if each.by_s != moved_s.get(each.index, 0.0):
            moved_s[each.index] = each.by_s
            moves.append(Move(each.index, each.first, each.timed_first, each.by_s))
    # Of several of a track, the first stays.
    begins = {each.index: each for each in reversed(stretches)}
    return Section(
        start_s=min(each.start_s + each.by_s for each in stretches),
        end_s=max(each.end_s + each.by_s for each in stretches),
        firsts={index: each.first for index, each in begins.items()},
        timed_firsts={index: each.timed_first for index, each in begins.items()},
        moves=moves,
        wild=[wild for each in stretches for wild in each.wild],
    )
