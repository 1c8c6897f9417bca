"""How often a video's frames come, read from the times of all of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import fmean

_COMMON_RATES = tuple(
    Fraction(numerator, denominator)
    for numerator, denominator in (
        (5, 1), (6, 1), (10, 1), (12, 1), (25, 2), (15000, 1001), (15, 1), (20, 1),
        (24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (40, 1), (48, 1), (50, 1),
        (60000, 1001), (60, 1), (72, 1), (75, 1), (90, 1), (100, 1), (120000, 1001), (120, 1),
        (144, 1), (240, 1),
    )
)  # fmt: skip
_SNAP = Fraction(1, 100)
# An interval that is a tenth off, or off by the container's rounding, is an even clock's.
_EVEN_SHARE = 0.1
# One frame in ten may come at any time: a recorder starts, or stops for a moment.
_LEAST_EVEN = 0.9
# Longer than this many frames nothing moved: that says nothing of the clock.
_LONGEST_GAP = 8
# Over so many frames a clock that jitters is right again; a rate that varies is not.
_GROUP = 8
# A frame that comes at an irregular time is shown within half a frame of it: 0.05 s at this rate.
_LEAST_VARIABLE_RATE = Fraction(10)


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameClock:
    """At which rate a video's frames come.

    `is_steady`: at multiples of 1/rate, give or take; some may be missing. Otherwise they come at
    times of their own, and the rate is one that shows all but the closest of them.
    """

    rate: Fraction
    is_steady: bool


def read_clock(times_s: Sequence[float], *, tick_s: float) -> FrameClock | None:
    """Read the clock by which frames are shown at these times, sorted; None where they are none.

    `tick_s` is the unit of the container's timestamps, to which they are rounded (1 ms in
    Matroska): no interval is known better than that, only the mean of many.
    """
    intervals_s = sorted(b - a for a, b in pairwise(times_s) if b > a)
    if not intervals_s:
        return None
    short_s = _percentile(intervals_s, 0.1)
    # The mean over many is finer than any one of them, as long as it does not count missing frames.
    beat_s = fmean(s for s in intervals_s if 0.5 * short_s <= s <= 1.5 * short_s)
    if _is_even(intervals_s, beat_s, tick_s):
        return FrameClock(rate=snap_rate(Fraction(1 / beat_s)), is_steady=True)
    common = _jittery_rate(times_s)
    if common is not None:
        return FrameClock(rate=common, is_steady=True)
    # Of frames that come at any time, the closest are too close for any rate.
    rate = snap_rate(Fraction(1 / short_s), within=max(_SNAP, Fraction(tick_s / short_s)))
    return FrameClock(rate=max(_LEAST_VARIABLE_RATE, rate), is_steady=False)


def snap_rate(rate: Fraction, *, within: Fraction = _SNAP) -> Fraction:
    """Take the nearest common rate where one is within 1%: 30.006 is a phone's 30."""
    nearest = min(_COMMON_RATES, key=lambda common: abs(common - rate))
    return nearest if abs(nearest - rate) <= within * rate else rate.limit_denominator(1001)


def is_common(rate: Fraction) -> bool:
    """Whether cameras, screens and broadcasts have this rate."""
    return rate in _COMMON_RATES


def _is_even(intervals_s: Sequence[float], beat_s: float, tick_s: float) -> bool:
    """Whether frames come at a beat, of which some may be left out (a screen that stands still).

    A tick as long as the beat is the beat: everything is a multiple of it.
    """
    slack_s = max(_EVEN_SHARE * beat_s, min(tick_s, beat_s / 4))
    near = [s for s in intervals_s if s < (_LONGEST_GAP + 0.5) * beat_s]
    even = sum(abs(s - round(s / beat_s) * beat_s) <= slack_s for s in near)
    return even >= _LEAST_EVEN * len(near)


def _jittery_rate(times_s: Sequence[float]) -> Fraction | None:
    """Return the common rate of frames that are each early or late by a part of an interval.

    Few groups of frames then take less time than half of them do; where some are missing, more.
    The mean is not known to a thousandth, so that 30 and 30000/1001 cannot be distinguished.
    """
    groups_s = sorted(b - a for a, b in zip(times_s, times_s[_GROUP:], strict=False))
    if not groups_s:
        return None
    median_s = _percentile(groups_s, 0.5)
    half_s = median_s / _GROUP / 2
    if median_s - _percentile(groups_s, 0.1) > half_s:
        return None
    mean_s = fmean(s for s in groups_s if abs(s - median_s) <= half_s)
    rate = Fraction(round(snap_rate(Fraction(_GROUP / mean_s))))
    is_near = is_common(rate) and abs(rate * Fraction(mean_s) / _GROUP - 1) <= _SNAP
    return rate if is_near and rate >= _LEAST_VARIABLE_RATE else None


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1))]
