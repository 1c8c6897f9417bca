"""The scheduler over whole encodes: every segment once, at a cost that stays small."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from tests.unit.encode.simulation import SimulatedEncode, copying, long_plan
from tests.unit.sample import plan
from worker.encode.scheduler import Scheduler
from worker.plan.plan import Plan


def same(a_plan: Plan) -> Plan:
    return a_plan


def count_calls(function: Callable[[], object]) -> int:
    """Count the calls of functions and methods: unlike seconds, they do not depend on a machine."""
    calls = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("form", [same, copying])
def test_many_lanes_make_each_segment_once(form: Callable[[Plan], Plan]) -> None:
    encode = SimulatedEncode(form(long_plan(lanes=64, hours=3)), speed=3)
    encode.run()
    assert sorted(encode.made) == list(range(1800))
    # On average a segment takes 1.1 times its length; no lane still works long after the others.
    assert encode.elapsed_s <= 1.2 * 1.1 * 3 * 3600 / 3 / 64


@pytest.mark.parametrize("form", [same, copying])
def test_the_cost_of_a_segment_does_not_depend_on_the_length(form: Callable[[Plan], Plan]) -> None:
    """Or the one thread that drives all FFmpegs would be busy with long videos on many lanes."""
    # In a shorter one, more of the spans are the small last ones.
    hours = (4, 8)
    encodes = [SimulatedEncode(form(long_plan(lanes=64, hours=each)), speed=3) for each in hours]
    four, eight = (count_calls(encode.run) / len(encode.made) for encode in encodes)
    assert eight <= 1.25 * four
    assert eight < 1000


@pytest.mark.parametrize(("lanes", "beside_audio"), [(1, 1), (2, 1), (8, 7)])
def test_beside_the_audio_of_a_team_a_lane_is_left_free(lanes: int, beside_audio: int) -> None:
    scheduler = Scheduler(long_plan(lanes=lanes, hours=1), {}, time_limit_s=14_400)
    scheduler.spares_a_lane = True
    assert len(list(scheduler.assign())) == beside_audio
    scheduler.spares_a_lane = False
    assert len(list(scheduler.assign())) == lanes - beside_audio


def test_of_audio_alone_samples_in_whole_segments_are_done() -> None:
    alone = plan(video=None, declared_s=None)
    scheduler = Scheduler(alone, {}, time_limit_s=60)
    assert list(scheduler.assign()) == []
    assert scheduler.done_frames() == 0
    assert scheduler.expected_segments() == 3
    scheduler.record("audio", 0)
    assert scheduler.done_frames() == 6 * 48_000
    for index in (1, 2):
        scheduler.record("audio", index)
    assert scheduler.done_frames() == alone.grid.total_frames
    resumed = Scheduler(alone, {"audio": {0, 1, 2}}, time_limit_s=60)
    assert resumed.done_frames() == alone.grid.total_frames
