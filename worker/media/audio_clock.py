"""How the times of a stream's packets keep to what the packets hold. Pure.

The samples of a microphone come at an even rate. Their times in a file often do not: a browser
stamps packets when they arrive, and a recorder's clock is not that of its microphone. What is a
gap, jitter or drift shows only in how far each packet's time is ahead of the samples before it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median

# Within this, times and samples agree: a container's tick, or the rounding of a muxer.
_AGREED_S = 0.01
# Packets before and after one, by which it is judged.
_AROUND = 12
# Of the packets that are off; the few beyond are more likely at a gap.
_JITTER_SHARE = 0.99
# A single packet this far off is none that came late.
_LONGEST_JITTER_S = 0.1
# Lengths of packets that differ by less are one: the sample rates of MPEG audio are 9 % apart.
_ALIKE = 0.05
# Fewer packets of another length are a container's rounding; more changes than that say nothing.
_LEAST_PACKETS, _MOST_STRETCHES = 3, 64


@dataclass(slots=True)
class Stretch:
    """Packets in a row that hold as much as each other: `packet_s` each."""

    packet_s: float
    start_s: float
    end_s: float
    packets: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioClock:
    """`length_s` is what all packets hold. `spread_s` is how far their times run apart from that.

    `jitter_s` is how far single packets are off from those around them. `stretches` are where
    packets are of one length, if they are not so all the way.
    """

    length_s: float = 0.0
    spread_s: float = 0.0
    jitter_s: float = 0.0
    stretches: tuple[Stretch, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the samples alone give the time, all the way."""
        return self.spread_s <= _AGREED_S

    def later(self, by_s: float) -> AudioClock:
        """Return the same clock, of packets that are shown later."""
        moved = (
            replace(each, start_s=each.start_s + by_s, end_s=each.end_s + by_s)
            for each in self.stretches
        )
        return replace(self, stretches=tuple(moved))


@dataclass(slots=True)
class AudioClockTally:
    """Builds an `AudioClock` packet by packet, in the order of the file; eight bytes each."""

    length_s: float = 0.0
    _ahead_s: array[float] = field(default_factory=lambda: array("d"))
    _stretches: list[Stretch] = field(default_factory=list)
    _is_open: bool = False

    def add(self, at_s: float, duration_s: float | None) -> None:
        """Count a packet; one without a duration lasts until the next."""
        if self._is_open:
            self.length_s = at_s - self._ahead_s[-1]
        self._ahead_s.append(at_s - self.length_s)
        self._is_open = not duration_s
        self.length_s += duration_s or 0.0
        if duration_s:
            self._stretch(at_s, duration_s)

    def _stretch(self, at_s: float, packet_s: float) -> None:
        last = self._stretches[-1] if self._stretches else None
        if last is None or abs(packet_s - last.packet_s) > _ALIKE * last.packet_s:
            if last and last.packets < _LEAST_PACKETS:
                self._stretches.pop()
            last = Stretch(packet_s=packet_s, start_s=at_s, end_s=at_s)
            # One beyond the most shows that there are too many.
            if len(self._stretches) <= _MOST_STRETCHES:
                self._stretches.append(last)
        last.end_s = max(last.end_s, at_s + packet_s)
        last.packets += 1

    def clock(self) -> AudioClock:
        """Return what was counted."""
        ahead_s = self._ahead_s
        if not ahead_s:
            return AudioClock()
        spread_s = max(ahead_s) - min(ahead_s)
        jitter_s = _jitter_s(ahead_s) if spread_s > _AGREED_S else 0.0
        few = 1 < len(self._stretches) <= _MOST_STRETCHES
        return AudioClock(
            length_s=self.length_s,
            spread_s=spread_s,
            jitter_s=jitter_s,
            stretches=tuple(self._stretches) if few else (),
        )


def _jitter_s(ahead_s: Sequence[float]) -> float:
    """Return how far packets are off that come neither with those before nor with those after.

    A gap is a step between the two, at which every packet keeps to one of them; and so does drift.
    """
    off = sorted(
        min(
            abs(ahead_s[i] - median(ahead_s[max(0, i - _AROUND) : i])),
            abs(ahead_s[i] - median(ahead_s[i : i + _AROUND])),
        )
        for i in range(1, len(ahead_s))
        if abs(ahead_s[i] - ahead_s[i - 1]) > _AGREED_S / 2
    )
    usual = [each for each in off if each <= _LONGEST_JITTER_S]
    return usual[int(_JITTER_SHARE * (len(usual) - 1))] if usual else 0.0
