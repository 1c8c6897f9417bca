"""How ab-av1 finds a CRF: an interpolated binary search. Pure.

After `src/command/crf_search.rs` of ab-av1 0.7.7 (0d2938ff), with what it defaults to for libx264.
It counts in steps of a tenth of a CRF.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MIN_VMAF, MAX_PERCENT = 95.0, 80.0
_LEAST, _MOST, _STEP = 100, 460, 0.1
# How far above the least VMAF an attempt is good enough: doubled with each, but a tenth at least.
_TOLERANCE = 0.1


class NoCrfError(Exception):
    """No CRF gives the quality within the size: ab-av1 makes nothing then."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A sample encode: its VMAF, and its bytes in percent of the sample's own."""

    vmaf: float
    percent: float

    @property
    def is_small(self) -> bool:
        return self.percent <= MAX_PERCENT

    @property
    def is_good(self) -> bool:
        return self.vmaf > MIN_VMAF


def find_crf(encode_sample: Callable[[float], Attempt]) -> float:
    """Return the CRF to encode with.

    Raises:
        NoCrfError: there is none.

    """
    attempts: dict[int, Attempt] = {}
    tenths = (_LEAST + _MOST) // 2
    while True:
        found = attempts[tenths] = encode_sample(tenths * _STEP)
        tolerance = max(_TOLERANCE, _STEP * 2 ** (len(attempts) - 1) * _TOLERANCE)
        if found.is_good and found.is_small and found.vmaf < MIN_VMAF + tolerance:
            return tenths * _STEP
        following = _next(attempts, tenths)
        if following is None or following in attempts:
            best = tenths if found.is_good else tenths - 1
            if best in attempts and attempts[best].is_good and attempts[best].is_small:
                return best * _STEP
            raise NoCrfError(
                f"no CRF gives a VMAF of {MIN_VMAF:g} in {MAX_PERCENT:g} % of the upload's bytes"
            )
        tenths = following


def _next(attempts: dict[int, Attempt], tenths: int) -> int | None:
    """Return what is tried after an attempt; None where the search has ended."""
    found, is_first = attempts[tenths], len(attempts) == 1
    if found.is_good:
        above = min((each for each in attempts if each > tenths), default=None)
        if above is not None:
            return None if above == tenths + 1 else _between(attempts, tenths, above)
        return (tenths + _MOST) // 2 if is_first else _MOST
    if not found.is_small:
        return None
    below = max((each for each in attempts if each < tenths), default=None)
    if below is not None:
        return None if below == tenths - 1 else _between(attempts, below, tenths)
    return (_LEAST + tenths) // 2 if is_first else _LEAST


def _between(attempts: dict[int, Attempt], better: int, worse: int) -> int:
    """Return where the least VMAF would be, were it a line between two attempts."""
    gain = attempts[better].vmaf - attempts[worse].vmaf
    share = (MIN_VMAF - attempts[worse].vmaf) / gain
    return min(max(round(worse - (worse - better) * share), better + 1), worse - 1)
