"""Who answers for the outcome of a job: this process, or the other machines of its team."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.unit.sample import plan
from worker import lead as lead_module
from worker.config.cli import parse_job
from worker.context import Context
from worker.errors import (
    BadSourceError,
    InternalError,
    SourceFault,
    StorageUnavailableError,
    TakenError,
    TerminatedError,
    WorkerError,
)
from worker.layout import STATUS, json_file, machine_key
from worker.lead import Lead
from worker.monitoring import status as status_module
from worker.outcome import outcome_of, published
from worker.records.job import Outcome
from worker.records.status import StatusRecord
from worker.records.team import MachineRecord
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools
from worker.steps import Steps
from worker.storage import lease as lease_module
from worker.storage.local import LocalStore
from worker.team import heartbeat as heartbeat_module
from worker.team import team as team_module
from worker.team_steps import TeamSteps

RUN, TEAM = "0123456789abcdef", "array-job"
STOPPED = outcome_of(TerminatedError("stopped"))
BUG = outcome_of(InternalError("a bug"))
TAKEN = outcome_of(TakenError("another job has the destination"))
NO_STORE = outcome_of(StorageUnavailableError("the store does not answer"))
DAMAGED = outcome_of(BadSourceError("damaged", code=SourceFault.DAMAGED))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "_WATCH_S", 0.05)
    monkeypatch.setattr(status_module, "_SUCCESSOR_GRACE_S", 0.2)
    monkeypatch.setattr(team_module, "_LAST_ROLL_GRACE_S", 0.5)
    monkeypatch.setattr(team_module, "_LAST_ROLL_EVERY_S", 0.1)


class Machine:
    """One machine of a team, which has planned or joined a run in a local folder."""

    def __init__(self, folder: Path, number: int, *, has_begun: bool = True) -> None:
        self.folder = folder
        job = parse_job(
            ["--source", str(folder / "in.mp4"), "--destination", str(folder)],
            {"AWS_BATCH_JOB_ID": f"{TEAM}:{number - 1}", "WORKER_MACHINES": "3"},
        )
        self.budget = Budget(time_limit_s=600, clock=time.monotonic)
        context = Context(
            budget=self.budget, tools=Tools(), now=lambda: datetime.now(UTC), on_terminal=False
        )
        self.lead = Lead(job, context)
        self.lead.claim()
        assert self.lead.team
        self.team = self.lead.team
        if has_begun:
            self.team.begin(RUN, plan())

    def meet(self, number: int, outcome: Outcome | None = None) -> None:
        """Have another machine there, live or ended."""
        owner = f"{number:032d}"
        record = MachineRecord(
            owner=owner,
            team=TEAM,
            number=number,
            job_id=f"{TEAM}:{number - 1}",
            state="ended" if outcome else "encoding",
            outcome=outcome,
        )
        self.lead.store.put(json_file(machine_key(RUN, TEAM, owner), record.to_json()))
        self.team.call_the_roll()

    def leave(self, outcome: Outcome, reason: WorkerError | None = None) -> bool:
        """Leave as a job does, whose budget ends with what ends the job."""
        if reason:
            self.budget.stop(reason)
        return self.lead.leave(outcome)

    def lose_to_another_job(self) -> None:
        """Have another job take the destination over from the team."""
        record = self.status.model_copy(update={"job_id": "other", "owner": "x", "team": None})
        (self.folder / STATUS).write_bytes(record.to_json())

    @property
    def status(self) -> StatusRecord:
        return StatusRecord.from_json((self.folder / STATUS).read_bytes())


@pytest.fixture
def leader(tmp_path: Path) -> Machine:
    return Machine(tmp_path, 1)


def test_the_first_machine_leads_and_the_next_follows(leader: Machine) -> None:
    assert leader.lead.leads
    assert not Machine(leader.folder, 2).lead.leads


def test_a_leader_that_is_stopped_leaves_the_job_to_the_others(leader: Machine) -> None:
    leader.meet(2)
    assert leader.leave(STOPPED, TerminatedError("stopped"))
    assert leader.status.owner is None
    assert leader.status.state == "running"
    assert Machine(leader.folder, 3).lead.leads, "at once, without watching"


def test_the_last_machine_answers_for_the_outcome(leader: Machine) -> None:
    leader.meet(2, STOPPED)
    assert not leader.leave(STOPPED, TerminatedError("stopped"))


@pytest.mark.parametrize("outcome", [published("published"), DAMAGED])
def test_an_outcome_of_the_video_is_everyones(leader: Machine, outcome: Outcome) -> None:
    leader.meet(2)
    assert not leader.leave(outcome)


def test_a_bug_is_everyones_where_a_second_machine_has_it(leader: Machine) -> None:
    leader.meet(2)
    leader.meet(3, BUG)
    assert not leader.leave(BUG)


def test_a_bug_of_one_machine_is_left_to_the_others(leader: Machine) -> None:
    leader.meet(2)
    assert leader.leave(BUG, InternalError("a bug"))


@pytest.mark.parametrize("outcome", [STOPPED, BUG, DAMAGED, published("published")])
def test_a_machine_that_follows_answers_for_nothing(leader: Machine, outcome: Outcome) -> None:
    other = Machine(leader.folder, 2)
    before = leader.status.owner
    assert other.leave(outcome)
    assert leader.status.owner == before


def test_how_a_machine_ended_is_there_for_the_one_that_leads(leader: Machine) -> None:
    other = Machine(leader.folder, 2)
    other.leave(STOPPED)
    machines = {m.number: m for m in leader.team.call_the_roll().machines}
    assert machines[2].state == "ended"
    assert machines[2].exit_status == STOPPED.exit_status


@pytest.mark.parametrize(("number", "answers"), [(1, True), (2, False)])
@pytest.mark.parametrize("led", [True, False])
def test_machine_1_answers_where_another_job_has_the_destination(
    tmp_path: Path, number: int, *, led: bool, answers: bool
) -> None:
    """Whether it led or followed; the others leave it to that one."""
    other = None if led else Machine(tmp_path, 3)
    machine = Machine(tmp_path, number)
    assert machine.team.leads == led
    machine.meet(1 if number == 2 else 2)
    machine.lose_to_another_job()
    assert machine.leave(TAKEN, TakenError("taken")) != answers
    assert machine.status.job_id == "other"
    assert machine.status.state == "running"
    del other


@pytest.mark.parametrize("has_begun", [True, False])
def test_where_machine_1_has_left_before_the_one_that_led_answers(
    tmp_path: Path, *, has_begun: bool
) -> None:
    """Before a run is planned no machine is seen, and machine 1 finds it out as it starts."""
    machine = Machine(tmp_path, 2, has_begun=has_begun)
    if has_begun:
        machine.meet(1, STOPPED)
        machine.meet(3)
    machine.lose_to_another_job()
    assert machine.leave(TAKEN, TakenError("taken")) != has_begun


@pytest.mark.parametrize("number", [1, 2])
def test_machine_1_answers_where_the_store_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Then nobody can be seen to lead."""
    leader = Machine(tmp_path, 3)
    machine = Machine(tmp_path, number)
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "get", _unanswered)
        assert machine.leave(NO_STORE, StorageUnavailableError("no answer")) == (number == 2)
    assert leader.status.state == "running", "a machine that can go on does"


def _unanswered(_store: LocalStore, _key: str) -> None:
    raise StorageUnavailableError("no answer")


@pytest.mark.parametrize("outcome", [STOPPED, NO_STORE])
def test_machine_1_leaves_a_team_that_is_led(tmp_path: Path, outcome: Outcome) -> None:
    """Another store may be the one that does not answer: that of the source."""
    Machine(tmp_path, 3)
    assert Machine(tmp_path, 1).leave(outcome, TerminatedError("stopped"))


def test_machine_1_has_no_time_to_see_who_leads_and_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow store is no reason to report that the video has failed."""
    monkeypatch.setattr(lead_module, "_CLAIM_GRACE_S", 0.2)
    Machine(tmp_path, 3)
    machine = Machine(tmp_path, 1)
    get = LocalStore.get

    def get_late(store: LocalStore, key: str) -> object:
        time.sleep(0.5)
        return get(store, key)

    monkeypatch.setattr(LocalStore, "get", get_late)
    assert machine.leave(STOPPED, TerminatedError("stopped"))


def test_a_job_that_has_ended_for_all_is_not_answered_for_twice(leader: Machine) -> None:
    """Also where the next job has the destination by the time at which the others leave."""
    first = Machine(leader.folder, 1)
    assert not leader.leave(DAMAGED)
    leader.lead.status.end(DAMAGED)
    first.team.standing.poll()
    leader.lose_to_another_job()
    assert first.leave(DAMAGED)


def test_a_machine_that_takes_the_lead_as_it_leaves_gives_it_back(
    leader: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its heartbeat does so, while the end of the job waits for it."""
    monkeypatch.setattr(heartbeat_module, "BEAT_S", 0.05)
    follower = Machine(leader.folder, 2)
    steps = SimpleNamespace(status=follower.lead.status, context=None)
    take_the_lead = TeamSteps(cast("Steps", steps), follower.team)._take_the_lead
    is_leaving, is_ended = threading.Event(), threading.Event()
    end = follower.team.end

    def take_late() -> None:
        is_leaving.set()
        assert is_ended.wait(10)
        take_the_lead()

    def end_meanwhile(outcome: Outcome, *, is_over: bool) -> None:
        is_ended.set()
        end(outcome, is_over=is_over)

    monkeypatch.setattr(follower.team, "on_leaderless", take_late)
    monkeypatch.setattr(follower.team, "end", end_meanwhile)
    leader.meet(2)
    assert leader.leave(STOPPED, TerminatedError("stopped"))
    assert is_leaving.wait(10)
    assert follower.leave(STOPPED, TerminatedError("stopped"))
    assert (follower.status.state, follower.status.owner) == ("running", None)
    assert follower.status.job_id == f"{TEAM}:1", "it has taken the lead, and given it back"


def test_a_job_without_a_team_answers_for_itself(tmp_path: Path) -> None:
    job = parse_job(["--source", str(tmp_path / "in.mp4"), "--destination", str(tmp_path)], {})
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    context = Context(
        budget=budget, tools=Tools(), now=lambda: datetime.now(UTC), on_terminal=False
    )
    lead = Lead(job, context)
    lead.claim()
    assert lead.leads
    assert not lead.leave(STOPPED)
    assert json.loads((tmp_path / STATUS).read_text())["team"] is None
