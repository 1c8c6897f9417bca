"""A machine of a team, where it leaves the video to another and where it takes part."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.fakes import RecordingStore, retrying
from tests.unit.sample import opened, plan
from worker import lead as lead_module
from worker import team_steps
from worker.callbacks.callbacks import Callbacks
from worker.config.cli import parse_job
from worker.context import Context
from worker.hls.encryption import cipher_for
from worker.layout import STATUS, json_file, plan_key
from worker.lead import Lead
from worker.outcome import JobResult
from worker.plan.digest import run_name
from worker.plan.saved import plan_to_json
from worker.records.status import StatusRecord
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools, Workspace
from worker.steps import Steps
from worker.team_steps import TeamSteps

TEAM = "array-job"


class Machine:
    """One machine of a team on a store, with what its steps need before they encode."""

    def __init__(
        self, store: RecordingStore, number: int, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.job = parse_job(
            ["--source", str(folder / "in.mp4"), "--destination", str(folder)],
            {"AWS_BATCH_JOB_ID": f"{TEAM}:{number - 1}", "WORKER_MACHINES": "3"},
        )
        budget = Budget(time_limit_s=600, clock=time.monotonic)
        context = Context(
            budget=budget, tools=Tools(), now=lambda: datetime.now(UTC), on_terminal=False
        )
        monkeypatch.setattr(
            lead_module, "open_store", lambda _job, budget, **_: retrying(store, budget)
        )
        self.lead = Lead(self.job, context)
        self.lead.claim()
        assert self.lead.team
        self.result = JobResult()
        self.source = opened((str(folder / "in.mp4"), "identity"))
        steps = Steps(
            self.job,
            context,
            self.result,
            self.lead.store,
            self.lead.status,
            cast("Any", None),
            self.source,
            (),
            Callbacks(None, budget=budget, now=context.now),
        )
        self.steps = TeamSteps(steps, self.lead.team)


def test_without_conditional_writes_a_machine_that_came_first_records_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The video is still to be made, by machine 1."""
    store = RecordingStore(honors_conditions=False)
    second = Machine(store, 2, tmp_path, monkeypatch)
    assert second.lead.leads
    outcome = second.steps.run()
    assert outcome.exit_status == 0
    assert second.lead.leave(outcome)
    record = StatusRecord.from_json(store.objects[STATUS])
    assert (record.state, record.owner, record.outcome) == ("running", None, None)
    first = Machine(store, 1, tmp_path, monkeypatch)
    assert first.lead.leads
    assert json.loads(store.objects[STATUS])["job_id"] == f"{TEAM}:0"


def test_a_machine_that_joins_knows_the_video_that_it_may_have_to_publish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its minutes are those that count once it has taken the lead; else the leader's do."""
    store = RecordingStore()
    Machine(store, 1, tmp_path, monkeypatch)
    second = Machine(store, 2, tmp_path, monkeypatch)
    planned = plan()
    cipher = cipher_for(second.job, second.source.identity, planned)
    name = run_name(second.source.identity, planned, key_id=cipher.key_id)
    store.put(json_file(plan_key(name, TEAM), plan_to_json(planned)))
    monkeypatch.setattr(team_steps, "TeamEncode", lambda *_, **__: None)
    monkeypatch.setattr(Steps, "encode_job", lambda *_: None)
    monkeypatch.setattr(
        team_steps, "fetch_as_needed", lambda *_: (SimpleNamespace(path=tmp_path / "in.mp4"),)
    )
    workspace = cast("Workspace", SimpleNamespace(folder=tmp_path))
    assert second.steps._join(name, workspace)
    assert second.result.run == name
    assert second.result.duration_s == round(float(planned.grid.duration_s), 3)
    second.result.leave_to_team()
    assert second.result.duration_s is None
