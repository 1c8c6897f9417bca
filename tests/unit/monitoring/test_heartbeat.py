"""The heartbeat of a lease: a bug in it, and its last write."""

from __future__ import annotations

import time

import pytest
from structlog.testing import capture_logs

from tests.unit.fakes import RecordingStore
from tests.unit.monitoring.test_status import make, wait_until
from worker.errors import InternalError
from worker.layout import File
from worker.monitoring import status as status_module
from worker.outcome import published
from worker.runtime.budget import Budget
from worker.storage import lease as lease_module
from worker.storage.base import StoredObject


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same proportions, a hundred times faster."""
    monkeypatch.setattr(status_module, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(status_module, "_LEAST_INTERVAL_S", 0.04)
    monkeypatch.setattr(lease_module, "_WATCH_S", 0.02)
    monkeypatch.setattr(lease_module, "STALE_S", 0.3)


class Forgetful(RecordingStore):
    """Raises what no store should, at some of the writes."""

    def __init__(self, *failing: int) -> None:
        super().__init__()
        self.failing = failing
        self.writes = 0

    def replace(self, file: File, *, etag: str | None) -> StoredObject:
        self.writes += 1
        if self.writes in self.failing:
            raise KeyError("ETag")
        return super().replace(file, etag=etag)


def test_a_bug_in_one_write_of_the_heartbeat_does_not_end_the_heartbeat() -> None:
    """The first three writes claim the destination, and probe the store."""
    store = Forgetful(4)
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    mine = make(store, budget)
    with capture_logs() as logs:
        mine.claim()
        wait_until(lambda: store.writes >= 6)
    budget.check()
    mine.end(published("done"))
    (warning,) = [entry for entry in logs if entry["event"] == "status_not_written"]
    assert warning["reason"] == "a bug of the worker: KeyError: 'ETag'"
    assert warning["exc_info"]


def test_a_heartbeat_that_ends_stops_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here even the warning cannot be logged."""

    def fail(*_: object) -> None:
        raise LookupError("the log")

    monkeypatch.setattr(status_module, "_warn", fail)
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    mine = make(Forgetful(4), budget)
    mine.claim()
    with pytest.raises(
        InternalError, match=r"the heartbeat ended: .*LookupError: the log"
    ) as caught:
        budget.sleep(5)
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_bug_in_the_last_write_leaves_the_outcome_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status_module, "_LEAST_INTERVAL_S", 60)
    mine = make(Forgetful(4))
    mine.claim()
    with capture_logs() as logs:
        mine.end(published("done"))
    assert [entry["event"] for entry in logs] == ["status_not_written"]
