"""Whether there is time to make the lowest rung of a video first, in a pass of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from worker.plan.forecast import MARGIN, Choice, Forecast, cost, weigh
from worker.plan.plan import Plan


class NoRoomError(Exception):
    """The time limit leaves no room for a second pass."""

    def __init__(self, needed_s: float, remaining_s: float) -> None:
        super().__init__(
            f"both passes need about {needed_s:.0f} s, and {remaining_s:.0f} s are left"
        )
        self.needed_s, self.remaining_s = needed_s, remaining_s


class Room:
    """The second pass of a run, at the preset that the job starts with, beside the first one.

    An early rung is not worth a worse one: so no faster preset is counted on. `done` maps rungs to
    the segments that are in the store already.
    """

    def __init__(self, plan: Plan, first: Plan, done: Mapping[str, Collection[int]]) -> None:
        made = {rung.name for rung in first.rungs}
        rungs = tuple(rung.name for rung in plan.rungs if rung.name not in made)
        grid = plan.grid
        missing = {
            rung: grid.total_frames - grid.frames_in(set(done.get(rung, ()))) for rung in rungs
        }
        self._units = cost(weigh(plan, Choice(preset=plan.presets[0], rungs=rungs)), missing)

    def check(self, forecast: Forecast, remaining_s: float) -> None:
        """Compare the time that is left with what is predicted, once something is measured.

        Raises:
            NoRoomError: both passes do not fit.

        """
        needed_s = forecast.needed_with(self._units)
        if needed_s is not None and needed_s * MARGIN > remaining_s:
            raise NoRoomError(needed_s, remaining_s)
