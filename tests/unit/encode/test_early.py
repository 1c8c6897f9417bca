"""The lowest rung first: as it is beside the others, and only where both passes fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.encode.simulation import copying, long_plan
from tests.unit.sample import job
from worker.early_steps import EarlySteps, steps_for
from worker.encode.early import NoRoomError, Room
from worker.plan.early import first_rung
from worker.plan.forecast import Forecast
from worker.plan.plan import Plan
from worker.steps import Steps

PLAN = long_plan(lanes=1, hours=1)
# What each of these takes of a second, where only 480p is made: measured from the pace of that.
PACE_S = 1.0


def first_of(a_plan: Plan) -> Plan:
    first = first_rung(a_plan)
    assert first is not None
    return first


def measured(a_plan: Plan, *, segments: int) -> Forecast:
    """A forecast of the first pass, of which so many segments are made, each in a second."""
    first = first_of(a_plan)
    grid = first.grid
    forecast = Forecast(first, time_limit_s=14_400, missing={"480p": grid.total_frames})
    for made in range(segments + 1):
        missing = grid.total_frames - grid.frames_in(set(range(made)))
        forecast.observe(made * PACE_S, {"480p": missing})
    return forecast


def test_the_first_pass_makes_the_lowest_rung_as_the_presets_make_it_beside_the_others() -> None:
    first = first_of(PLAN)
    assert [rung.name for rung in first.rungs] == ["480p"]
    assert (PLAN.presets, first.presets) == (
        ("faster", "superfast"),
        ("veryfast", "superfast"),
    )
    assert first_of(replace(PLAN, presets=("slow",))).presets == ("slow",)


def test_there_is_no_first_pass_of_one_rung() -> None:
    assert first_rung(replace(PLAN, rungs=PLAN.rungs[:1])) is None
    assert first_rung(replace(copying(PLAN), rungs=copying(PLAN).rungs[:1])) is None


def needed_s(a_plan: Plan, done: dict[str, range] | None = None) -> float:
    """The seconds for both passes, by trying when the room is too small."""
    room, forecast = Room(a_plan, first_of(a_plan), done or {}), measured(a_plan, segments=50)
    low, high = 0.0, 1e6
    for _ in range(60):
        middle = (low + high) / 2
        try:
            room.check(forecast, middle)
            high = middle
        except NoRoomError:
            low = middle
    return high


def test_both_passes_are_predicted_from_the_first() -> None:
    """The second one costs as much as decoding, and encoding 1080p and 720p at their presets."""
    pixels = {"1080p": 1920 * 1080, "720p": 1280 * 720, "480p": 854 * 480}
    decode = 0.22 * pixels["1080p"]
    first, second = decode + 0.83 * pixels["480p"], decode + pixels["1080p"] + 0.83 * pixels["720p"]
    expected = 550 * PACE_S + 600 * PACE_S * second / first + 30
    assert needed_s(PLAN) == pytest.approx(1.12 * expected, rel=0.01)


def test_what_is_stored_of_the_others_is_not_counted() -> None:
    whole = range(PLAN.grid.segment_count)
    assert needed_s(PLAN, {"1080p": whole, "720p": whole}) < needed_s(PLAN, {"720p": whole})
    # A copy costs nothing.
    assert needed_s(copying(PLAN)) < needed_s(PLAN)


def test_nothing_is_given_up_before_anything_is_measured() -> None:
    Room(PLAN, first_of(PLAN), {}).check(measured(PLAN, segments=0), 1.0)


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        ((), Steps),
        (("--publish-when", "first-rung"), EarlySteps),
        (("--publish-when", "first-rung", "--machine", "1/2", "--job-id", "a"), Steps),
    ],
)
def test_several_machines_publish_once(words: tuple[str, ...], steps: type[Steps]) -> None:
    assert steps_for(job(*words)) is steps
