"""status.json as a machine reads it that does not lead: who leads, and who should."""

from __future__ import annotations

import time

import pytest

from tests.unit.fakes import Clock, RecordingStore, retrying
from worker.errors import PUBLISHED, TerminatedError
from worker.layout import STATUS, json_file
from worker.outcome import outcome_of, published
from worker.records.job import Outcome, State
from worker.records.status import StatusRecord
from worker.runtime.budget import Budget
from worker.storage import lease
from worker.storage.lease import Lease, TeammateError
from worker.team import standing as module
from worker.team.standing import Standing

TEAM = "array-job"
NOW = "2026-11-29T12:00:00+00:00"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "now_s", clock)
    return clock


@pytest.fixture
def store() -> RecordingStore:
    return RecordingStore()


def write(
    store: RecordingStore,
    *,
    beat: int = 1,
    owner: str | None = "leader",
    team: str | None = TEAM,
    state: State = "running",
    outcome: Outcome | None = None,
) -> None:
    record = StatusRecord(
        job_id="array-job:0",
        team=team,
        owner=owner,
        beat=beat,
        state=state,
        outcome=outcome,
        started_at=NOW,
        updated_at=NOW,
    )
    store.put(json_file(STATUS, record.to_json()))


def standing(store: RecordingStore) -> Standing:
    return Standing(retrying(store), team=TEAM)


def test_a_leader_whose_heartbeat_moves_leads(store: RecordingStore, clock: Clock) -> None:
    seen = standing(store)
    for beat in range(10):
        write(store, beat=beat)
        seen.poll()
        assert not seen.has_no_leader
        clock.now_s += 40


@pytest.mark.parametrize(("waited_s", "is_dead"), [(44.0, False), (45.0, True)])
def test_a_leader_that_stands_still_is_dead(
    store: RecordingStore, clock: Clock, *, waited_s: float, is_dead: bool
) -> None:
    seen = standing(store)
    write(store)
    seen.poll()
    clock.now_s += waited_s
    seen.poll()
    assert seen.has_no_leader == is_dead
    assert (seen.dead is not None) == is_dead


def test_a_leader_that_left_is_not_waited_for(store: RecordingStore, clock: Clock) -> None:
    del clock
    seen = standing(store)
    write(store, owner=None)
    seen.poll()
    assert seen.has_no_leader


def test_nobody_leads_a_job_that_has_ended(store: RecordingStore, clock: Clock) -> None:
    seen = standing(store)
    write(store, state="ended", outcome=published("published"))
    seen.poll()
    clock.now_s += 3600
    assert seen.has_ended
    assert not seen.has_no_leader
    assert seen.record
    assert seen.record.outcome == published("published")


def test_a_job_that_the_last_leader_failed_is_done_by_who_comes_late(store: RecordingStore) -> None:
    """It has released the destination, and said how it ended where nobody else could."""
    seen = standing(store)
    write(store, state="ended", owner=None, outcome=outcome_of(TerminatedError("SIGTERM")))
    seen.poll()
    assert not seen.has_ended
    assert seen.has_no_leader
    Member(store).lease.take()


@pytest.mark.parametrize("team", [None, "another"])
def test_another_jobs_record_is_none_of_this_team(
    store: RecordingStore, clock: Clock, team: str | None
) -> None:
    """The destination is to be claimed: then it is seen whether that job lives."""
    del clock
    seen = standing(store)
    write(store, team=team)
    seen.poll()
    assert seen.record is None
    assert seen.has_no_leader


def test_a_machine_that_led_watches_anew(store: RecordingStore, clock: Clock) -> None:
    seen = standing(store)
    write(store)
    seen.poll()
    clock.now_s += 60
    seen.forget()
    seen.poll()
    assert seen.dead is None


class Member:
    """A machine that may take the lease of its team."""

    def __init__(self, store: RecordingStore, *, team: str | None = TEAM) -> None:
        self.budget = Budget(time_limit_s=600, clock=time.monotonic)
        self.record = StatusRecord(job_id="array-job:1", team=team, started_at=NOW, updated_at=NOW)
        store_of_job = retrying(store, self.budget)
        self.lease = Lease(store_of_job, budget=self.budget, record=lambda: self.record, team=team)

    def publish(self) -> None:
        """Take the lease, and do the job to its end."""
        self.lease.take()
        self.record = self.record.model_copy(update={"state": "ended"})
        self.lease.renew()


def test_a_teammates_destination_is_left_to_it_at_once(store: RecordingStore) -> None:
    Member(store).lease.take()
    with pytest.raises(TeammateError):
        Member(store).lease.take()


def test_a_job_that_a_teammate_has_ended_is_not_begun_again(store: RecordingStore) -> None:
    write(store, state="ended", outcome=published("published"))
    with pytest.raises(TeammateError):
        Member(store).lease.take()


def test_another_teams_end_keeps_nobody_out(store: RecordingStore) -> None:
    write(store, state="ended", team="another", outcome=published("published"))
    Member(store).lease.take()


def test_a_released_lease_is_taken_at_once(store: RecordingStore) -> None:
    first, second = Member(store).lease, Member(store).lease
    first.take()
    first.release(0)
    second.take()
    with pytest.raises(TeammateError):
        first.renew()


@pytest.mark.parametrize("is_taken", [True, False])
def test_who_releases_a_lease_sees_whether_it_is_taken(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch, *, is_taken: bool
) -> None:
    """Before anything is planned no other machine can be seen: there may be none."""
    monkeypatch.setattr(lease, "_WATCH_S", 0.01)
    first = Member(store)
    first.lease.take()
    first.budget.stop(TerminatedError("SIGTERM"))
    first.lease.release(1)
    if is_taken:
        Member(store).lease.take()
    assert first.lease.await_successor(0.2) == is_taken


def test_a_dead_leaders_lease_is_not_watched_twice(
    store: RecordingStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was watched for 45 s already; one that has moved since is left alone."""
    monkeypatch.setattr(lease, "_WATCH_S", 3600)
    seen = standing(store)
    write(store)
    seen.poll()
    clock.now_s += 45
    dead = seen.dead
    write(store, beat=2)
    with pytest.raises(TeammateError):
        Member(store).lease.take(stood_still=dead)
    write(store, beat=1)
    Member(store).lease.take(stood_still=dead)


def test_a_job_without_a_team_has_no_teammates(store: RecordingStore) -> None:
    """An ended job's destination is taken, whatever its team."""
    write(store, state="ended", outcome=published("published"))
    Member(store, team=None).lease.take()


@pytest.mark.parametrize("others", [[None], ["another"], [None, "another", None]])
@pytest.mark.parametrize("is_running", [True, False])
def test_a_machine_that_starts_when_others_have_published_since_leaves(
    store: RecordingStore, others: list[str | None], *, is_running: bool
) -> None:
    """Its array's other machines have published: it would undo what came after."""
    Member(store, team=TEAM).publish()
    for team in others:
        Member(store, team=team).publish()
    if is_running:
        Member(store, team="the-last").lease.take()
    before = store.objects[STATUS]
    with pytest.raises(TeammateError):
        Member(store).lease.take()
    assert store.objects[STATUS] == before
    seen = standing(store)
    seen.poll()
    assert seen.has_ended
    assert not seen.has_no_leader
    assert seen.record is None
    assert seen.outcome
    assert seen.outcome.exit_status == PUBLISHED


def test_a_leader_that_stood_still_leaves_where_others_have_published_since(
    store: RecordingStore,
) -> None:
    """Its team went on without it, and ended the job."""
    first = Member(store)
    first.lease.take()
    write(store, owner="a teammate", state="ended", outcome=published("published"))
    Member(store, team=None).publish()
    with pytest.raises(TeammateError):
        first.lease.renew()


def test_the_same_job_submitted_again_is_done(store: RecordingStore) -> None:
    Member(store).publish()
    Member(store, team=None).publish()
    Member(store, team="submitted-again").publish()


def test_a_team_that_has_not_ended_does_its_job_also_after_another(store: RecordingStore) -> None:
    """Its last machine was stopped, and released the destination."""
    write(store, state="ended", owner=None, outcome=outcome_of(TerminatedError("SIGTERM")))
    Member(store, team="another").publish()
    seen = standing(store)
    seen.poll()
    assert seen.outcome is None
    assert seen.has_no_leader
    Member(store).lease.take()


def test_of_the_teams_that_ended_the_last_few_are_remembered(store: RecordingStore) -> None:
    for number in range(100):
        Member(store, team=f"array-{number}").publish()
    record = StatusRecord.from_json(store.objects[STATUS])
    assert record.ended_teams == tuple(f"array-{number}" for number in range(98, 90, -1))
