"""Which machine of a team reports a job that none of them could begin."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes import RecordingStore, retrying
from worker import lead, pipeline
from worker.callbacks import delivery
from worker.callbacks.callbacks import Callbacks
from worker.config.cli import parse_job
from worker.config.job import Job
from worker.context import Context
from worker.errors import (
    BadEnvironmentError,
    CannotWriteError,
    StorageUnavailableError,
)
from worker.layout import STATUS
from worker.monitoring.status import _SUCCESSOR_GRACE_S
from worker.outcome import JobResult
from worker.records.job import Outcome
from worker.records.status import StatusRecord
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools
from worker.storage import lease
from worker.storage.base import Content
from worker.storage.retrying import RetryingStore

TEAM, NOW = "array-job", "2026-11-29T12:00:00+00:00"
UNANSWERED = StorageUnavailableError("no answer")
REFUSED = CannotWriteError("denied")


class Report(Callbacks):
    """What is reported to a backend."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(None, budget=budget, now=lambda: datetime.now(UTC))
        self.events: list[str] = []

    def started(self, *, time_limit_s: float) -> None:
        del time_limit_s
        self.events.append("started")

    def failed(self, outcome: Outcome) -> None:
        self.events.append(f"failed {outcome.exit_status}")


class DownStore(RecordingStore):
    """A store that answers nothing."""

    def get(self, key: str) -> Content | None:  # noqa: ARG002 (as of Store)
        raise UNANSWERED


class DeniedStore(RecordingStore):
    """A store that takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.failure = REFUSED


class BusyStore(RecordingStore):
    """The destination of another job that works."""

    def get(self, key: str) -> Content | None:
        if key == STATUS:
            record = StatusRecord(
                job_id="other",
                owner="other",
                beat=time.monotonic_ns(),
                started_at=NOW,
                updated_at=NOW,
            )
            self.objects[STATUS] = record.to_json()
        return super().get(key)


class Machines:
    """The machines of a team of three, as processes of one store."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch = monkeypatch.setattr
        self._folder = folder
        self.store = RecordingStore()
        self.open_store: Callable[..., RetryingStore] = self._open

    def _open(self, _job: Job, budget: Budget, **_: Any) -> RetryingStore:
        return retrying(self.store, budget)

    def run(self, number: int) -> tuple[Outcome, list[str], JobResult]:
        """Run one machine to its end; an environment in which nothing is made ends each."""
        job = parse_job(
            ["--source", str(self._folder / "in.mp4"), "--destination", str(self._folder)],
            {"AWS_BATCH_JOB_ID": f"{TEAM}:{number - 1}", "WORKER_MACHINES": "3"},
        )
        budget = Budget(time_limit_s=600, clock=time.monotonic)
        report, result = Report(budget), JobResult()
        self._patch(lead, "open_store", self.open_store)
        self._patch(pipeline, "open_callbacks", lambda *_, **__: report)
        self._patch(pipeline, "check_environment", _refuse)
        context = Context(
            budget=budget, tools=Tools(), now=lambda: datetime.now(UTC), on_terminal=False
        )
        return pipeline.run_job(job, context, result), report.events, result


def _refuse(_tools: Tools, _budget: Budget) -> str:
    raise BadEnvironmentError("nothing is here")


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machines:
    monkeypatch.setattr(lease, "_WATCH_S", 0.01)
    monkeypatch.setattr("worker.monitoring.status._SUCCESSOR_GRACE_S", 0.1)
    return Machines(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("store", "status"), [(DownStore(), 69), (DeniedStore(), 73), (BusyStore(), 75)]
)
def test_of_a_team_that_cannot_begin_one_machine_answers(
    machines: Machines, store: RecordingStore, status: int
) -> None:
    machines.store = store
    for number in (2, 1, 3):
        outcome, events, result = machines.run(number)
        assert outcome.exit_status == status
        assert events == ([f"failed {status}"] if number == 1 else [])
        assert result.leads == (number == 1)


@pytest.mark.parametrize("number", [1, 3])
def test_a_machine_that_cannot_open_the_destination_is_not_the_team(
    machines: Machines, number: int
) -> None:
    """Its provider of credentials may fail alone: only machine 1 says so, or none would."""

    def fail(*_: Any, **__: Any) -> RetryingStore:
        raise UNANSWERED

    machines.open_store = fail
    outcome, events, result = machines.run(number)
    assert outcome.exit_status == 69
    assert events == (["failed 69"] if number == 1 else [])
    assert result.leads == (number == 1)


def test_a_machine_that_fails_under_a_leader_says_nothing(machines: Machines) -> None:
    record = StatusRecord(
        job_id=f"{TEAM}:1", team=TEAM, owner="leader", started_at=NOW, updated_at=NOW
    )
    machines.store.objects[STATUS] = record.to_json()
    outcome, events, result = machines.run(1)
    assert (outcome.exit_status, events, result.leads) == (78, [], False)
    assert json.loads(machines.store.objects[STATUS])["owner"] == "leader"


def test_the_last_machine_has_time_to_report_that_no_other_came() -> None:
    """After a stop it first waits for one, and its last event needs a second or two."""
    assert _SUCCESSOR_GRACE_S + 2 <= delivery._GRACE_S


def test_the_last_machine_that_leads_says_how_it_ended(machines: Machines) -> None:
    outcome, events, result = machines.run(2)
    assert (outcome.exit_status, events) == (78, ["started", "failed 78"])
    assert result.leads
    assert json.loads(machines.store.objects[STATUS])["owner"] is None
