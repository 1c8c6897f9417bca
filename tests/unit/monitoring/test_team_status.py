"""The lease of a team's machine, which it may lose and take again."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime

import pytest

from tests.unit.fakes import RecordingStore, retrying
from worker.errors import TakenError
from worker.layout import STATUS
from worker.monitoring import status as status_module
from worker.monitoring.status import Status
from worker.outcome import published
from worker.runtime.budget import Budget


def test_a_machine_that_takes_its_lease_again_has_one_heartbeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That of the lost lease would end the machine's lead once more."""
    monkeypatch.setattr(status_module, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(status_module, "_LEAST_TEAM_INTERVAL_S", 0.04)
    store, lost = RecordingStore(), list[TakenError]()
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    mine = Status(
        retrying(store, budget),
        job_id="mine",
        budget=budget,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        team="team",
        on_taken=lost.append,
    )
    before = set(threading.enumerate())
    mine.claim()
    (first,) = set(threading.enumerate()) - before
    released = {**json.loads(store.objects[STATUS]), "owner": None, "beat": 0}
    store.objects[STATUS] = json.dumps(released).encode()
    mine.claim()
    first.join(5)
    assert not first.is_alive()
    mine.end(published("done"))
    assert lost == []
