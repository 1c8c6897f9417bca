"""How many machines are chosen, and what is said of the choice."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ops.errors import UsageError
from ops.machines.estimate import Work, choose_machines, describe_choice, read_time

THREE_HOURS = Work(length_s=3 * 3600)


def minutes(work: Work, machines: int) -> float:
    return work.estimate(machines).ran_s / 60


def test_one_machine_takes_what_was_measured() -> None:
    assert minutes(THREE_HOURS, 1) == pytest.approx(73, abs=1)


def test_more_machines_are_faster_and_cost_more() -> None:
    made = [THREE_HOURS.estimate(count) for count in range(1, 65)]
    assert all(a.seconds > b.seconds for a, b in pairwise(made))
    paid = [each.ran_s * each.machines for each in made]
    assert paid == sorted(paid)


def test_larger_machines_and_fewer_rungs_are_faster() -> None:
    larger = Work(length_s=3 * 3600, vcpus=8)
    lower = Work(length_s=3 * 3600, ladder="720,480")
    assert minutes(larger, 1) == pytest.approx(minutes(THREE_HOURS, 4))
    assert minutes(lower, 1) < minutes(THREE_HOURS, 1) / 2
    assert minutes(Work(length_s=3 * 3600, ladder="1080,720,480"), 1) == minutes(THREE_HOURS, 1)


@pytest.mark.parametrize("within_s", [5400, 1800, 1200, 900])
def test_the_fewest_machines_that_are_fast_enough_are_chosen(within_s: float) -> None:
    machines = choose_machines(THREE_HOURS, within_s)
    assert THREE_HOURS.estimate(machines).seconds <= within_s
    assert machines == 1 or THREE_HOURS.estimate(machines - 1).seconds > within_s


def test_a_time_that_no_number_reaches_is_refused_with_the_least_there_is() -> None:
    with pytest.raises(UsageError, match="even 64 machines would take about 11 min; 10 min of it"):
        choose_machines(THREE_HOURS, 600)


def test_a_short_video_has_no_more_machines_than_shares() -> None:
    assert Work(length_s=250).most_machines == 4
    assert Work(length_s=5).most_machines == 1
    with pytest.raises(UsageError, match="even 1 machine would take"):
        choose_machines(Work(length_s=5), 60)


def test_the_choice_is_shown_beside_one_machine_with_what_was_assumed() -> None:
    chosen, single, assumed = describe_choice(THREE_HOURS, 8, 0.04)
    assert chosen == "8 machines: about 18 min, 3.8 vCPU-hours, cost 0.15"
    assert single == "1 machine: about 1 h 17 min, 2.4 vCPU-hours, cost 0.10"
    assert "3 h 00 min of a talking head in 1080,720,480, 2 vCPUs a machine" in assumed
    assert "cost" not in " ".join(describe_choice(THREE_HOURS, 8, None))
    assert len(describe_choice(THREE_HOURS, 1, None)) == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("900s", 900), ("15m", 900), ("3h", 10800), ("1h30m", 5400)]
)
def test_a_time_is_written_with_its_units(text: str, seconds: float) -> None:
    assert read_time("--within", text) == seconds


@pytest.mark.parametrize("text", ["", "15", "0m", "-5m", "1d", "30m1h", "1.5h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--within"):
        read_time("--within", text)
