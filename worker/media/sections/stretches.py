"""Whether a track jumps alone or with the other one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from worker.media.packets import LONGEST_STEP_BACK_S, LONGEST_STEP_S
from worker.media.sections.model import Move

UNRESOLVED = -1
# As many stretches last ten seconds, which are a second apart. A few may be wild.
_LOOK_AHEAD = 16


@dataclass(slots=True, eq=False)
class Stretch:
    """Packets of one track in a row, between two steps that may be jumps.

    It begins with packet `first`, decoded at `begin_s`, and after packet `last_s` the next one is
    due at `next_s`. `start_s` to `end_s` is what is shown. `seen` is the other track's stretch
    when it begins, of which the next packet is due at `seen_s` then, and `seen_end_s` the end.
    `by_s` puts it on the clock of its section.
    """

    index: int
    first: int
    timed_first: int
    before: Stretch | None
    seen: Stretch | None
    begin_s: float
    start_s: float
    end_s: float
    last_s: float
    next_s: float
    seen_s: float = 0.0
    seen_end_s: float = 0.0
    after: Stretch | None = None
    section: int = UNRESOLVED
    by_s: float = 0.0
    wild: list[Move] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.before:
            self.before.after = self
        if self.seen:
            self.seen_s, self.seen_end_s = self.seen.next_s, self.seen.end_s

    def show(self, from_s: float, to_s: float) -> None:
        """Count what is shown of a packet."""
        self.start_s, self.end_s = min(self.start_s, from_s), max(self.end_s, to_s)

    @property
    def due_s(self) -> float:
        """When the packet behind it is due, on the clock of its section."""
        return self.next_s + self.by_s

    @property
    def earlier(self) -> Stretch | None:
        """The stretch before, if that is in the same section."""
        return self.before if self.before and self.before.section == self.section else None

    @property
    def other_has_ended(self) -> bool:
        """Whether the other track has given its last packets, or has none.

        FFmpeg's muxers keep the last packet of audio back until the video ends.
        """
        seen = self.seen
        if seen is None:
            return True
        return seen.after is None and seen.next_s - self.seen_s <= LONGEST_STEP_BACK_S

    def other_end_s(self, section: int) -> float | None:
        """Return how far the other track was on a section's clock; None where it had no packet."""
        other, end_s = self.seen, self.seen_end_s
        while other and other.section > section and other.before:
            other = other.before
            end_s = other.end_s
        return end_s + other.by_s if other and other.section == section else None


def find_joint(each: Stretch, before: Stretch) -> list[Stretch]:
    """Return the stretches of both tracks that begin a section; none where one jumps alone.

    The other track jumps to the same clock, or has no packets then. It does not where it goes on,
    on the clock that both had: for ten seconds, or, at the end of the file, for less.
    """
    if each.seen and each.seen.section > before.section:
        return []
    by_s, is_elsewhere = 0.0, False
    for other in islice(_from(each.seen), _LOOK_AHEAD):
        if other.section == before.section:
            goes_on, by_s = True, other.by_s
        elif other.section != UNRESOLVED:
            continue
        elif other.seen is not each:
            break
        else:
            # On which of the two clocks: that where this track is by then, or would be by then.
            new_s = abs(other.begin_s - other.seen_s)
            old_s = abs(other.begin_s + by_s - (before.due_s + other.seen_s - each.begin_s))
            if new_s <= min(old_s, LONGEST_STEP_S):
                return [each, other]
            goes_on = old_s <= LONGEST_STEP_S
            is_elsewhere = is_elsewhere or not goes_on
        since_s = each.seen_s + by_s if other is each.seen else before.due_s
        longest_s = LONGEST_STEP_S if other.after else LONGEST_STEP_BACK_S
        if goes_on and other.next_s + by_s - since_s > longest_s:
            return []
    return [] if is_elsewhere or _comes_back(each, before) else [each]


def _comes_back(each: Stretch, before: Stretch) -> bool:
    """Whether a track is on its old clock after a stretch."""
    if each.after is None:
        return False
    step_s = each.after.begin_s + before.by_s - (before.due_s + each.next_s - each.begin_s)
    return -LONGEST_STEP_BACK_S <= step_s <= LONGEST_STEP_S


def is_back(each: Stretch, before: Stretch) -> bool:
    """Whether a track is where it was due without the stretch before, which is wild."""
    earlier = before.earlier
    if earlier is None or abs(before.begin_s - earlier.next_s) <= LONGEST_STEP_BACK_S:
        return False
    due_s = earlier.next_s + before.next_s - before.begin_s
    return abs(each.begin_s - due_s) <= LONGEST_STEP_BACK_S


def began_wild(each: Stretch, before: Stretch) -> bool:
    """Whether a track's first packets alone are off the clock of the other one."""
    if before.before or not each.seen or each.seen.section != before.section:
        return False
    other_s = each.seen_s + each.seen.by_s
    is_short = before.next_s - before.begin_s <= LONGEST_STEP_S
    return is_short and is_near(each.begin_s, other_s) and not is_near(before.next_s, other_s)


def is_near(one_s: float, other_s: float) -> bool:
    """Whether two times may be those of packets side by side in a file."""
    return abs(one_s - other_s) <= LONGEST_STEP_S


def _from(stretch: Stretch | None) -> Iterator[Stretch]:
    while stretch:
        yield stretch
        stretch = stretch.after
