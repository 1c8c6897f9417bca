"""How much of this machine other programs used meanwhile: what makes a measurement noisy."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

# user, nice, system, irq, softirq, steal: of the first line of /proc/stat, after `cpu`.
_BUSY = (0, 1, 2, 5, 6, 7)


class Others:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._started_s, self._busy_s, self._own_s = time.monotonic(), _busy_s(), _own_s()

    @property
    def share(self) -> float:
        """Share of all cores that programs used which this one has not started."""
        elapsed_s = time.monotonic() - self._started_s
        others_s = (_busy_s() - self._busy_s) - (_own_s() - self._own_s)
        # Ticks are coarse: of a short while they may say less than nothing, or more than all.
        return min(1.0, max(0.0, others_s) / (elapsed_s * (os.cpu_count() or 1)))


def busy_ticks(fields: Sequence[str]) -> int:
    """Add up the clock ticks in which a CPU was not idle."""
    return sum(int(fields[index]) for index in _BUSY)


def _busy_s() -> float:
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return busy_ticks(fields) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    """CPU seconds of this process and of those that it has started and waited for."""
    return sum(os.times()[:4])
