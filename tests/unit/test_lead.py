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
from worker.config.cli import parse_job
from worker.context import Context
from worker.errors import (
    BadSourceError,
    InternalError,
    SourceFault,
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
from worker.team import heartbeat as heartbeat_module
from worker.team import team as team_module
from worker.team_steps import TeamSteps

RUN, TEAM = "0123456789abcdef", "array-job"
STOPPED = outcome_of(TerminatedError("stopped"))
BUG = outcome_of(InternalError("a bug"))
DAMAGED = outcome_of(BadSourceError("damaged", code=SourceFault.DAMAGED))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "_WATCH_S", 0.05)
    monkeypatch.setattr(status_module, "_SUCCESSOR_GRACE_S", 0.2)
    monkeypatch.setattr(team_module, "_LAST_ROLL_GRACE_S", 0.5)
    monkeypatch.setattr(team_module, "_LAST_ROLL_EVERY_S", 0.1)


class Machine:
    """One machine of a team, which has planned or joined a run in a local folder."""

    def __init__(self, folder: Path, number: int) -> None:
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
