"""One machine of a team: what it does after it stood still, and what it leaves behind."""

from __future__ import annotations

import time

import pytest

from tests.unit.fakes import Clock, RecordingStore, retrying
from tests.unit.sample import plan
from worker.config.team import TeamMachine
from worker.errors import TerminatedError
from worker.layout import STATUS, json_file, machine_checkpoint_key, team_prefix
from worker.outcome import outcome_of, published
from worker.records.status import StatusRecord
from worker.runtime.budget import Budget
from worker.storage import lease
from worker.team import heartbeat
from worker.team import team as module
from worker.team.shares import Share
from worker.team.team import Team, TeamEndedError

RUN, NAME = "0123456789abcdef", "array-job"
NOW = "2026-11-29T12:00:00+00:00"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time as heartbeats see it; none is written after the first."""
    clock = Clock()
    monkeypatch.setattr(heartbeat, "now_s", clock)
    monkeypatch.setattr(heartbeat, "BEAT_S", 3600.0)
    return clock


@pytest.fixture
def store() -> RecordingStore:
    return RecordingStore()


def machine(store: RecordingStore, number: int = 1) -> Team:
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    team = Team(
        TeamMachine(number=number, of=2),
        name=NAME,
        job_id=f"{NAME}:{number - 1}",
        store=retrying(store, budget),
        budget=budget,
    )
    team.begin(RUN, plan())
    return team


def everything(_share: Share) -> bool:
    return True


def end_for_all(store: RecordingStore) -> None:
    record = StatusRecord(
        job_id=f"{NAME}:1",
        team=NAME,
        owner="leader",
        state="ended",
        outcome=published("published"),
        started_at=NOW,
        updated_at=NOW,
    )
    store.put(json_file(STATUS, record.to_json()))


@pytest.mark.usefixtures("clock")
def test_a_machine_whose_claims_are_gone_finds_that_the_job_has_ended(
    store: RecordingStore,
) -> None:
    team = machine(store)
    assert team.claim(everything)
    store.delete(store.list(team_prefix(RUN, NAME)))
    end_for_all(store)
    with pytest.raises(TeamEndedError):
        team.claim(everything)


@pytest.mark.usefixtures("clock")
def test_a_machine_that_led_finds_that_another_one_has_ended_the_job(store: RecordingStore) -> None:
    """That one answers for it: a video counts once."""
    team = machine(store)
    team.lead()
    assert team.claim(everything)
    store.delete(store.list(team_prefix(RUN, NAME)))
    end_for_all(store)
    with pytest.raises(TeamEndedError):
        team.claim(everything)
    assert not team.leads


@pytest.mark.usefixtures("clock")
def test_a_listing_that_is_behind_ends_nothing(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = machine(store)
    monkeypatch.setattr(store, "list", lambda _prefix: {})
    assert team.claim(everything)
    assert team.claim(everything)
    assert team.mine == list(team.shares[:2])


@pytest.mark.parametrize(("silent_s", "notices"), [(10, False), (3600, True)])
def test_a_machine_that_stood_still_first_finds_out_what_happened(
    store: RecordingStore, clock: Clock, *, silent_s: float, notices: bool
) -> None:
    """Before its next heartbeat is written."""
    team = machine(store)
    end_for_all(store)
    clock.now_s += silent_s
    if notices:
        with pytest.raises(TeamEndedError):
            team.claim(everything)
    else:
        assert team.claim(everything)


def test_what_was_taken_over_meanwhile_is_the_other_machines(
    store: RecordingStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = machine(store, 1), machine(store, 2)
    one.claim(everything)
    one.claim(everything)
    first, second = one.mine
    monkeypatch.setattr(two.machines, "find_dead", set)
    assert two.take_over([first])
    clock.now_s += lease.STALE_S
    one.claim(lambda _share: False)
    assert one.mine == [second]


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of them, a hundred times faster."""
    monkeypatch.setattr(module, "_LAST_ROLL_GRACE_S", 0.3)
    monkeypatch.setattr(module, "_LAST_ROLL_EVERY_S", 0.01)


@pytest.mark.usefixtures("clock", "seconds")
@pytest.mark.parametrize("others_are_stopped", [True, False])
def test_the_last_machine_that_is_stopped_cannot_be_spared(
    store: RecordingStore, *, others_are_stopped: bool
) -> None:
    """Where all are stopped at once, one must say how the job ended."""
    stopped = TerminatedError("SIGTERM")
    one, two = machine(store, 1), machine(store, 2)
    one._budget.stop(stopped)
    if others_are_stopped:
        two._budget.stop(stopped)
        two.end(outcome_of(stopped), is_over=False)
    assert one.can_be_spared() == (not others_are_stopped)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("is_over", [True, False])
def test_a_machine_leaves_nothing_once_all_is_over(store: RecordingStore, *, is_over: bool) -> None:
    """Where others go on, they read what it has made."""
    team = machine(store)
    team.claim(everything)
    store.put(json_file(machine_checkpoint_key(RUN, NAME, team.owner), b"{}"))
    team.end(published("published"), is_over=is_over)
    assert len(store.list(team_prefix(RUN, NAME))) == (0 if is_over else 3)
