"""The sections of a source: its packets between joints, each section on a clock of its own. Pure.

Recordings that were joined, or paused, have timestamps that restart or leap. Both tracks do so, one
after the other; they are moved by the same time, or audio and video would drift apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from worker.media.packets import LONGEST_STEP_BACK_S, LONGEST_STEP_S

# More joints than a recording has: the timestamps are noise.
MAX_SECTIONS = 1000
# A last packet without a length is taken to last as long as the one before, up to this.
_LONGEST_GUESS_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Packets of all tracks on one clock, from `start_s` to `end_s` of it.

    `firsts` maps a track's index to the number of its first packet here, as the demuxer counts them
    from 0. A track that has none here is absent. `timed_firsts` counts packets alone that have a
    time of their own in the file: in MPEG-TS and MPEG-PS, those that begin a PES packet.
    """

    start_s: float
    end_s: float
    firsts: Mapping[int, int]
    timed_firsts: Mapping[int, int] = field(default_factory=dict)

    def follows(self, other: Section) -> bool:
        """Whether the clock runs on from the end of another, so that no time is moved."""
        return -LONGEST_STEP_BACK_S <= self.start_s - other.end_s <= LONGEST_STEP_S


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


@dataclass(slots=True)
class _Track:
    """One track so far: how many packets, in which section, and the last one's time."""

    section: int
    count: int = 0
    timed: int = 0
    last_s: float | None = None
    step_s: float = 0.0


@dataclass(slots=True)
class _Open:
    """A section that is being read."""

    start_s: float
    end_s: float
    firsts: dict[int, int] = field(default_factory=dict)
    timed_firsts: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class SectionTally:
    """Finds the sections of some tracks from their packets, in the demuxer's order.

    A step back of one track is a restart. A step forward is a leap where no other track has gone on
    meanwhile: a frame may stay for minutes while the audio goes on. Where there is no other track,
    `is_mpeg` decides: in MPEG-TS and MPEG-PS a frame comes every 0.7 s (ISO/IEC 13818-1, 2.7.4), in
    other containers it may last as long as it likes.
    """

    is_mpeg: bool
    _tracks: dict[int, _Track] = field(default_factory=dict)
    _open: list[_Open] = field(default_factory=list)

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
        track = self._tracks.setdefault(index, _Track(section=max(0, len(self._open) - 1)))
        number, track.count = track.count, track.count + 1
        timed_number, track.timed = track.timed, track.timed + is_timed
        times = [at for at in (dts_s, pts_s) if at is not None]
        if not times:
            return
        decoded_s, shown_s = times[0], times[-1]
        if track.last_s is not None:
            if self._jumps(track, decoded_s):
                track.section += 1
                # Of a joint that another track has passed already, or a new one.
                track.section = max(track.section, len(self._open) - 1)
            elif decoded_s > track.last_s:
                track.step_s = min(decoded_s - track.last_s, _LONGEST_GUESS_S)
        track.last_s = decoded_s
        end_s = max(times) + (duration_s or track.step_s)
        if track.section == len(self._open):
            self._open.append(_Open(start_s=shown_s, end_s=end_s))
        section = self._open[track.section]
        section.start_s = min(section.start_s, shown_s)
        section.end_s = max(section.end_s, end_s)
        section.firsts.setdefault(index, number)
        section.timed_firsts.setdefault(index, timed_number)

    def sections(self) -> tuple[Section, ...]:
        """Return what was found; none without timestamps."""
        return tuple(
            Section(
                start_s=each.start_s,
                end_s=each.end_s,
                firsts=each.firsts,
                timed_firsts=each.timed_firsts,
            )
            for each in self._open
        )

    def _jumps(self, track: _Track, decoded_s: float) -> bool:
        last_s = track.last_s or 0.0
        if decoded_s < last_s - LONGEST_STEP_BACK_S:
            return True
        if track.section < len(self._open) - 1:
            return decoded_s > last_s + LONGEST_STEP_S
        is_known = self.is_mpeg or len(self._tracks) > 1
        return is_known and decoded_s > self._open[track.section].end_s + LONGEST_STEP_S


def packet_shifts(
    sections: Sequence[Section], shifts: Sequence[float], index: int, *, only_timed: bool = False
) -> Iterator[tuple[int, float]]:
    """Yield from which packet of a track on its times move by how many seconds more."""
    moved_s = 0.0
    for section, shift_s in zip(sections, shifts, strict=True):
        firsts = section.timed_firsts if only_timed else section.firsts
        if index in firsts and shift_s != moved_s:
            yield firsts[index], shift_s - moved_s
            moved_s = shift_s
