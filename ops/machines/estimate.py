"""How many machines make a video in a given time, and what they cost. Pure.

    time(N) = start + serial part + parallel part / N

The estimate is an upper one: a talking head in 1080p. Slides take a tenth of its encode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ops.batch.cost import cost_of
from ops.console import duration
from ops.errors import UsageError
from worker.config.team import LEAST_SHARE_S, MOST_MACHINES

# CPU seconds for a second of a talking head in the rungs of 1080p, the worker's threads included:
# 10 minutes took 223 s on 2 vCPUs, both in use (docs/operations.md, Parallel FFmpegs).
_ENCODE_CPU_S = 2 * 223 / 600
# Seconds for a second of video that more machines do not make fewer: fetching, samples, audio and
# publishing. Of three hours, that took 73 min on 2 vCPUs, 67 were the encode.
_SERIAL_S = (73 - 67) / 180
# An instance takes two to five minutes until its container runs.
_START_S = 240.0
# What a height costs is much as its pixels are; the rungs of `auto` are those of a 1080p source.
_AUTO = (1080, 720, 480)
_HOUR_S = 3600
_UNITS_S = {"s": 1, "m": 60, "h": 3600}
_TIME = re.compile(r"(?:([0-9]{1,3})h)?(?:([0-9]{1,4})m)?(?:([0-9]{1,6})s)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A video to make: its length, its rungs, and the vCPUs of each machine."""

    length_s: float
    ladder: str = "auto"
    vcpus: float = 2.0

    @property
    def most_machines(self) -> int:
        """How many machines have a share of the usual length to make: each of more has less."""
        return max(1, min(MOST_MACHINES, int(self.length_s / LEAST_SHARE_S)))

    def estimate(self, machines: int) -> Estimate:
        """Estimate how long so many machines take."""
        pixels = sum(h * h for h in _heights(self.ladder)) / sum(h * h for h in _AUTO)
        encode_s = self.length_s * _ENCODE_CPU_S * pixels / self.vcpus
        ran_s = self.length_s * _SERIAL_S + encode_s / machines
        return Estimate(machines=machines, vcpus=self.vcpus, seconds=_START_S + ran_s, ran_s=ran_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What so many machines take: from the submission on, and each while its container runs.

    While one machine does the serial part, the others wait: each is paid for to the end.
    """

    machines: int
    vcpus: float
    seconds: float
    ran_s: float

    def describe(self, price: float | None) -> str:
        """Return the estimate for a person; `price`: of a vCPU-hour."""
        vcpus = self.machines * self.vcpus
        cost = cost_of(self.ran_s, vcpus, price)
        paid = "" if cost is None else f", cost {cost:.2f}"
        hours = self.ran_s / _HOUR_S * vcpus
        took = f"about {duration(self.seconds)}, {hours:.1f} vCPU-hours"
        return f"{_count(self.machines)}: {took}{paid}"


def choose_machines(work: Work, within_s: float) -> int:
    """Return the fewest machines that make a video in a time.

    Raises:
        UsageError: even the most do not: who needs it by then should hear so before, not after.

    """
    for machines in range(1, work.most_machines + 1):
        if work.estimate(machines).seconds <= within_s:
            return machines
    least = work.estimate(work.most_machines)
    raise UsageError(
        f"--within: even {_count(least.machines)} would take about {duration(least.seconds)};"
        f" {duration(work.length_s * _SERIAL_S + _START_S)} of it are the same with any number."
        " Give a longer time, or more --vcpus"
    )


def describe_choice(work: Work, machines: int, price: float | None) -> list[str]:
    """Describe what was chosen, beside one machine, and what was assumed."""
    rungs = ",".join(map(str, _heights(work.ladder)))
    estimates = dict.fromkeys((machines, 1))
    assumed = (
        f"assumed: {duration(work.length_s)} of a talking head in {rungs}, {work.vcpus:g} vCPUs a"
        f" machine, {duration(_START_S)} to start; slides take much less"
    )
    return [*(work.estimate(count).describe(price) for count in estimates), assumed]


def read_time(name: str, text: str) -> float:
    """Read a time in seconds: `900s`, `15m`, `1h`, `1h30m`.

    Raises:
        UsageError: it is none of these.

    """
    match = _TIME.fullmatch(text)
    parts = match.groups() if match else ()
    seconds = sum(
        int(part) * _UNITS_S[unit] for part, unit in zip(parts, "hms", strict=False) if part
    )
    if seconds <= 0:
        raise UsageError(f"{name} {text!r}: write 900s, 15m, 1h or 1h30m")
    return float(seconds)


def _count(machines: int) -> str:
    return "1 machine" if machines == 1 else f"{machines} machines"


def _heights(ladder: str) -> tuple[int, ...]:
    return _AUTO if ladder == "auto" else tuple(map(int, ladder.split(",")))
