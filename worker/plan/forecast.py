"""Predicts when a job will end, and chooses what to give up so that it ends in time. Pure.

Costs are relative: the time of one pixel of one rung at preset `faster` is 1. How many seconds that
is on this machine, for this video, is measured from the segments as they get done.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from worker.errors import BudgetSpentError
from worker.plan.plan import Plan, rung_preset
from worker.records.job import ReplanReason

# CPU time of x264's presets, as `ffmpeg.encode` changes them, against `faster`: the mean of a
# scrolling screen, a talking head and street traffic (FFmpeg 5.1, x86-64). Clips differ by a tenth,
# but those slower than `faster` by a third.
_PRESET_COST = {
    "ultrafast": 0.42,
    "superfast": 0.68,
    "veryfast": 0.83,
    "faster": 1.0,
    "fast": 2.5,
    "medium": 3.0,
    "slow": 4.6,
    "slower": 8.2,
}
# Decoding and conversion to the frame rate, per pixel of the source, measured as above: 0.15 to
# 0.27.
_DECODE_COST = 0.22

# A prediction fits when this many times as much would still be in time.
MARGIN = 1.12
# To return to a slower preset there must be far more time, or it would alternate.
_AMPLE_MARGIN = 2.0
# At the fastest preset there is only a rung left to give up, and noise must not cost one.
_LAST_MARGIN = 1.03
# To give up on a prediction from the table, it must be clearly right.
_HOPELESS = 0.85
# Verifying and publishing: some seconds, little in a short job.
_FINISH_SHARE = 0.03
_FINISH_MAX_S = 30.0
# The pace is that of the last segments: enough for a mean, few enough to see a change.
_LEAST_SAMPLES = 3
_WINDOW_SHARE = 0.06
_WINDOW_LEAST = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What the next segments are made with."""

    preset: str
    rungs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """A prediction that calls for a change. Seconds from the job's start, or left."""

    before: Choice
    after: Choice
    reason: ReplanReason
    needed_s: float
    remaining_s: float


class Forecast:
    """Predicts one encode. `missing` maps each rung to the frames that it still lacks.

    Where several machines encode, the pace is this one's, as they are alike, and what is missing is
    what all of them have not made.
    """

    def __init__(self, plan: Plan, *, time_limit_s: float, missing: Mapping[str, int]) -> None:
        self._plan = plan
        self._finish_s = min(_FINISH_MAX_S, _FINISH_SHARE * time_limit_s)
        encoded = [rung.name for rung in plan.rungs if not rung.is_copied]
        copied = tuple(rung.name for rung in plan.rungs if rung.is_copied)
        self._sets = tuple(rung_sets(encoded, copied))
        self._presets = plan.presets
        # A preset that was asked for is kept, and so is the ladder: submitted again, the job
        # continues.
        self._may_change = len(plan.presets) > 1
        self._lanes = plan.lanes
        segments = plan.grid.segment_count
        window = max(_WINDOW_LEAST, _LEAST_SAMPLES * plan.lanes, round(_WINDOW_SHARE * segments))
        self._samples: deque[tuple[float, float]] = deque(maxlen=window + 1)
        self._seconds_a_unit: float | None = None
        self._missing = self._missing_here = dict(missing)
        self._machines = 1
        self._units = 0.0
        self._weights: dict[Choice, Weights] = {}
        self.choice = Choice(preset=plan.presets[0], rungs=self._sets[0])

    def observe(
        self,
        elapsed_s: float,
        missing: Mapping[str, int],
        *,
        elsewhere: Mapping[str, int] | None = None,
        machines: int = 1,
    ) -> None:
        """Record that fewer frames are missing now.

        `missing` are those that this machine has not made, `elsewhere` those that others have, and
        `machines` how many there are to make the rest.
        """
        before = self._cost(self.choice, self._missing_here)
        self._units += max(0.0, before - self._cost(self.choice, missing))
        self._missing_here = dict(missing)
        made = elsewhere or {}
        self._missing = {rung: max(0, n - made.get(rung, 0)) for rung, n in missing.items()}
        self._machines = machines
        self._samples.append((elapsed_s, self._units))
        if self._is_measured:
            # A machine that has become slower shows in the last segments first.
            paces = [self._pace(len(self._samples)), self._pace(_LEAST_SAMPLES * self._lanes + 1)]
            self._seconds_a_unit = max(paces)

    def needed_s(self, choice: Choice | None = None) -> float | None:
        """Return the seconds until everything is published; None before anything is measured."""
        if self._seconds_a_unit is None:
            return None
        cost = self._cost(choice or self.choice, self._missing)
        return self._seconds_a_unit * cost / self._machines + self._finish_s

    def needed_with(self, units: float) -> float | None:
        """Return `needed_s` with so much more work; None before anything is measured."""
        needed_s = self.needed_s()
        if needed_s is None or self._seconds_a_unit is None:
            return None
        return needed_s + self._seconds_a_unit * units

    def decide(self, remaining_s: float) -> Decision | None:
        """Return a change that the time left calls for; `choice` has changed by then.

        Raises:
            BudgetSpentError: nothing worth publishing can be made in time.

        """
        needed_s = self.needed_s()
        if needed_s is None or not self._may_change or not self._is_measured:
            return None
        if not any(self._missing[rung] for rung in self.choice.rungs):
            return None
        if needed_s * MARGIN <= remaining_s:
            after, reason = self._better(remaining_s), ReplanReason.TIME_FOR_SLOWER_PRESET
        else:
            after, reason = self._lesser(remaining_s)
        if after == self.choice:
            return None
        decision = Decision(
            before=self.choice,
            after=after,
            reason=reason,
            needed_s=needed_s,
            remaining_s=remaining_s,
        )
        self.choice = after
        # What was measured holds until there are measurements of the new choice.
        self._samples.clear()
        return decision

    def with_need(self, error: BudgetSpentError) -> BudgetSpentError:
        """Return the error with the seconds still needed, where they are known."""
        needed_s = self.needed_s()
        if error.needed_s is not None or needed_s is None:
            return error
        message = f"{error}; about {math.ceil(needed_s)} s more are needed"
        return BudgetSpentError(message, needed_s=needed_s)

    @property
    def _is_measured(self) -> bool:
        rounds = min(2 * self._lanes, _WINDOW_LEAST)
        return len(self._samples) > max(_LEAST_SAMPLES, rounds, self._lanes)

    def _pace(self, samples: int) -> float:
        """Return seconds a unit over the last so many samples.

        Over whole rounds of the lanes: side by side, segments come in bursts.
        """
        steps = (min(samples, len(self._samples)) - 1) // self._lanes * self._lanes
        first_s, first = self._samples[-1 - steps]
        last_s, last = self._samples[-1]
        return (last_s - first_s) / (last - first) if last > first else 0.0

    def _better(self, remaining_s: float) -> Choice:
        for choice in self._choices(self.choice.rungs):
            if choice == self.choice:
                break
            if self._seconds(choice) * _AMPLE_MARGIN <= remaining_s:
                return choice
        return self.choice

    def _lesser(self, remaining_s: float) -> tuple[Choice, ReplanReason]:
        fastest = Choice(preset=self._presets[-1], rungs=self.choice.rungs)
        for choice in self._choices(self.choice.rungs):
            if self._seconds(choice) * MARGIN <= remaining_s and choice != self.choice:
                return choice, ReplanReason.TOO_LATE_AT_THIS_PRESET
        # A rung is given up when the fastest preset has been measured, or is clearly too slow.
        if self.choice != fastest and self._seconds(fastest) * _HOPELESS <= remaining_s:
            return fastest, ReplanReason.TOO_LATE_AT_THIS_PRESET
        if self._seconds(fastest) * _LAST_MARGIN <= remaining_s:
            return fastest, ReplanReason.JUST_IN_TIME_AT_FASTEST
        smaller = [
            choice
            # Not only subsets: of a rung that was given up, what was made is there.
            for rungs in self._sets[self._sets.index(self.choice.rungs) + 1 :]
            for choice in self._choices(rungs)
        ]
        for choice in smaller:
            if self._seconds(choice) * MARGIN <= remaining_s:
                return choice, ReplanReason.TOO_LATE_AT_FASTEST
        # Nothing fits. A rung that is nearly done may need less than a smaller one that is not.
        least = min([fastest, *smaller], key=self._seconds)
        needed_s = self._seconds(least)
        if needed_s * _HOPELESS > remaining_s:
            raise BudgetSpentError(
                f"about {math.ceil(needed_s)} s more are needed for {'+'.join(least.rungs)} alone"
                f" at the fastest preset, and {remaining_s:.0f} s are left; submit the job again on"
                " more vCPUs or with a larger --time-limit (it continues from here), or with a"
                " fixed --preset to finish it in several submissions",
                needed_s=needed_s,
            )
        return least, ReplanReason.TOO_LATE_AT_FASTEST

    def _choices(self, rungs: tuple[str, ...]) -> Iterator[Choice]:
        return (Choice(preset=preset, rungs=rungs) for preset in self._presets)

    def _seconds(self, choice: Choice) -> float:
        return self.needed_s(choice) or 0.0

    def _cost(self, choice: Choice, missing: Mapping[str, int]) -> float:
        weights = self._weights.get(choice)
        if weights is None:
            weights = self._weights[choice] = weigh(self._plan, choice)
        return cost(weights, missing)


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """The relative cost of a frame: of decoding it, and of encoding it for each rung."""

    decode: float
    encode: Mapping[str, float]


def weigh(plan: Plan, choice: Choice) -> Weights:
    """Return what frames of a choice cost; a rung that is copied costs nothing, and is left out."""
    pixels = sum(
        part.frames * part.media.video.width * part.media.video.height for part in plan.parts
    )
    return Weights(
        decode=_DECODE_COST * pixels / plan.grid.total_frames,
        encode={
            rung.name: _PRESET_COST[rung_preset(plan, rung.name, choice.preset)]
            * (rung.width * rung.height)
            for rung in plan.rungs
            if rung.name in choice.rungs and not rung.is_copied
        },
    )


def cost(weights: Weights, frames: Mapping[str, int]) -> float:
    """Return the relative cost of so many frames of each rung; they are decoded once."""
    decoded, encoded = 0, 0.0
    for rung, weight in weights.encode.items():
        count = frames.get(rung, 0)
        decoded = max(decoded, count)
        encoded += weight * count
    return weights.decode * decoded + encoded


def rung_sets(rungs: Sequence[str], copied: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield what may be published of a ladder (largest rung first), the most useful first.

    The rungs in the middle are given up first: the top one is for reading slides, the lowest for
    poor networks. Then the top one alone, then ever smaller ones. A copied top rung costs nothing
    and stays, but never alone: only the encode of another one shows whether the source can be
    decoded.
    """
    if copied:
        yield from ((*copied, *rungs[first:]) for first in range(len(rungs)))
        return
    kept = list(rungs)
    yield tuple(kept)
    while len(kept) > 2:  # noqa: PLR2004 (the top and the lowest)
        del kept[-2]
        yield tuple(kept)
    if len(rungs) > 1:
        for rung in rungs:
            yield (rung,)
