"""A whole encode on simulated lanes: what the scheduler is asked, and when. No process."""

from __future__ import annotations

import heapq
from dataclasses import replace

from tests.unit.sample import plan
from worker.encode.scheduler import Lane, Scheduler
from worker.plan.plan import Plan
from worker.runtime.budget import Budget

# As often as the encoder reports progress at most.
_TICK_S = 0.25
_TIME_LIMIT_S = 14_400


def long_plan(*, lanes: int, hours: float) -> Plan:
    """Plan three rungs of a long video, in segments of six seconds."""
    a_plan = plan("--ladder", "1080,720,480")
    frames = round(hours * 3600 * a_plan.grid.rate)
    (part,) = a_plan.parts
    return replace(
        a_plan,
        grid=replace(a_plan.grid, total_frames=frames),
        parts=(replace(part, frames=frames),),
        lanes=lanes,
    )


def copying(a_plan: Plan) -> Plan:
    """Let the top rung be copied: each segment then has a length of its own."""
    grid, (top, *others) = a_plan.grid, a_plan.rungs
    cuts = tuple(range(0, grid.total_frames, grid.segment_frames))
    return replace(
        a_plan,
        grid=replace(grid, cuts=cuts),
        rungs=(replace(top, is_copied=True), *others),
    )


class SimulatedEncode:
    """Lanes that encode at `speed` times real time, every tenth segment at half of it.

    `made` has the segments in the order in which they were made, and `elapsed_s` the simulated
    seconds that all took.
    """

    def __init__(self, a_plan: Plan, *, speed: float) -> None:
        self.elapsed_s = 0.0
        self.made: list[int] = []
        self._speed = speed
        self._segment_s = float(a_plan.grid.segment_s) / speed
        self._budget = Budget(time_limit_s=_TIME_LIMIT_S, clock=lambda: self.elapsed_s)
        # A copy is done long before the encodes are.
        copied = [rung.name for rung in a_plan.rungs if rung.is_copied]
        done = dict.fromkeys(copied, range(a_plan.grid.segment_count))
        self._scheduler = Scheduler(a_plan, done, time_limit_s=_TIME_LIMIT_S)
        self._ticked_s = 0.0
        # When a lane ends a segment, which lane, and which segment.
        self._ends: list[tuple[float, str, int]] = []

    def run(self) -> None:
        """Encode everything."""
        self._start_spans()
        while self._ends:
            at_s, name, segment = heapq.heappop(self._ends)
            self._tick_until(at_s)
            self.elapsed_s = at_s
            self._end_segment(self._scheduler.lanes[name], segment)

    def _start_spans(self) -> None:
        for lane in self._scheduler.assign():
            if lane.span:
                self._begin_segment(lane, lane.span.first)

    def _begin_segment(self, lane: Lane, segment: int) -> None:
        takes_s = self._segment_s * (1 if segment % 10 else 2)
        heapq.heappush(self._ends, (self.elapsed_s + takes_s, lane.name, segment))

    def _tick_until(self, end_s: float) -> None:
        while self._ticked_s + _TICK_S <= end_s:
            self._ticked_s += _TICK_S
            for lane in self._scheduler.lanes.values():
                lane.encoded_s += _TICK_S * self._speed
            self._scheduler.done_frames()
            self._scheduler.expected_segments()

    def _end_segment(self, lane: Lane, segment: int) -> None:
        scheduler, span = self._scheduler, lane.span
        assert span is not None
        for rung in span.rungs:
            scheduler.record(rung, segment)
        if scheduler.has_finished(span, segment) and scheduler.is_steady:
            scheduler.decide(self._budget)
        self.made.append(segment)
        if segment + 1 < span.end and not scheduler.should_stop(span, segment):
            self._begin_segment(lane, segment + 1)
            return
        lane.span = None
        self._start_spans()
