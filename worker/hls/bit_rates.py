"""Measures what playlists state of a rendition: durations and bit rates (RFC 8216). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from worker.media.timeline import CLOCK_HZ, round_half_up


class Part(Protocol):
    """What a playlist lists: a segment, or the key frame of one. Ticks are of 90 kHz."""

    @property
    def bytes(self) -> int:
        """Its size."""
        ...

    @property
    def start_ticks(self) -> int:
        """When it starts."""
        ...

    @property
    def end_ticks(self) -> int:
        """When it ends."""
        ...


Parts = Sequence[Part]


@dataclass(frozen=True, kw_only=True, slots=True)
class BitRates:
    """Measured rates of a rendition, TS overhead included: bits per second of its playing time."""

    peak_bps: int
    average_bps: int

    def __add__(self, other: BitRates) -> BitRates:
        return BitRates(
            peak_bps=self.peak_bps + other.peak_bps,
            average_bps=self.average_bps + other.average_bps,
        )


def segment_durations_s(parts: Parts) -> tuple[Fraction, ...]:
    """Return how long each part plays: until the next one starts, the last until its own end.

    What lies before the timeline's zero (the AAC encoder's priming) is not played.
    """
    starts = [max(0, part.start_ticks) for part in parts]
    ends = [*starts[1:], parts[-1].end_ticks] if parts else []
    return tuple(Fraction(end - start, CLOCK_HZ) for start, end in zip(starts, ends, strict=True))


def target_duration_s(renditions: Iterable[Parts]) -> int:
    """Return EXT-X-TARGETDURATION: each EXTINF, rounded, is at most this (section 4.3.3.1).

    The rungs and the audio of a presentation have the same; subtitles and key frames may have
    their own (section 6.2.4).
    """
    return max([1, *(round_half_up(d) for parts in renditions for d in segment_durations_s(parts))])


def measure_bit_rates(parts: Parts, target_s: int) -> BitRates:
    """Measure average and peak rate.

    The peak is the highest rate over any run of segments that lasts 0.5 to 1.5 target durations
    (RFC 8216, section 4.1).
    """
    durations = segment_durations_s(parts)
    peak = Fraction(0)
    for first in range(len(parts)):
        run_s, run_bits = Fraction(0), 0
        for part, duration in zip(parts[first:], durations[first:], strict=True):
            run_s += duration
            run_bits += 8 * part.bytes
            if run_s > Fraction(3, 2) * target_s:
                break
            if run_s >= Fraction(1, 2) * target_s:
                peak = max(peak, run_bits / run_s)
    total_bits = 8 * sum(part.bytes for part in parts)
    average = total_bits / sum(durations, Fraction(0))
    # A rendition shorter than half its target has no run that counts: its average is its peak.
    return BitRates(peak_bps=_ceil(max(peak, average)), average_bps=_ceil(average))


def _ceil(value: Fraction) -> int:
    return -int(-value // 1)
