"""The lease: a destination has one live owner, and a dead one does not hold it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.fakes import RecordingStore, retrying
from worker.errors import StorageUnavailableError, TakenError
from worker.layout import STATUS, File, json_file
from worker.monitoring import status as status_module
from worker.monitoring.status import Status
from worker.outcome import published
from worker.runtime.budget import Budget
from worker.storage import lease as lease_module
from worker.storage import s3 as s3_module
from worker.storage.base import Content, StoredObject


def make(store: RecordingStore, budget: Budget | None = None, job_id: str = "mine") -> Status:
    budget = budget or Budget(time_limit_s=600, clock=time.monotonic)
    return Status(
        retrying(store, budget),
        job_id=job_id,
        budget=budget,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )


def written(store: RecordingStore) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(store.objects[STATUS])
    return record


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same proportions, a hundred times faster."""
    monkeypatch.setattr(status_module, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(status_module, "_LEAST_INTERVAL_S", 0.04)
    monkeypatch.setattr(lease_module, "_WATCH_S", 0.02)
    monkeypatch.setattr(lease_module, "STALE_S", 0.3)


@pytest.mark.usefixtures("fast")
def test_an_empty_destination_is_claimed_at_once() -> None:
    store = RecordingStore()
    mine = make(store)
    mine.claim()
    assert written(store)["state"] == "running"
    mine.update(step="encode", percent=50)
    mine.end(published("done"))
    assert written(store)["outcome"]["name"] == "published"
    assert written(store)["state"] == "ended"
    assert written(store)["percent"] == 50


@pytest.mark.usefixtures("fast")
def test_a_moving_heartbeat_keeps_others_away() -> None:
    store = RecordingStore()
    first = make(store, job_id="first")
    first.claim()
    with pytest.raises(TakenError, match="job first"):
        make(store).claim()
    first.end(published("done"))


@pytest.mark.usefixtures("fast")
def test_a_heartbeat_that_stands_still_is_taken_over() -> None:
    store = RecordingStore()
    store.objects[STATUS] = json.dumps(
        {"state": "running", "job_id": "dead", "owner": "x", "beat": 7}
    ).encode()
    mine = make(store)
    mine.claim()
    assert written(store)["job_id"] == "mine"
    mine.end(published("done"))


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("text", [b'{"state": "ended"}', b"not json", b"[]"])
def test_an_ended_or_unreadable_status_is_taken_at_once(text: bytes) -> None:
    store = RecordingStore()
    store.objects[STATUS] = text
    mine = make(store)
    started_s = time.monotonic()
    mine.claim()
    assert time.monotonic() - started_s < 0.25
    mine.end(published("done"))


@pytest.mark.usefixtures("fast")
def test_an_owner_that_was_taken_over_stops_and_writes_nothing() -> None:
    store = RecordingStore()
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    mine = make(store, budget)
    mine.claim()
    theirs = json.dumps({"state": "running", "job_id": "heir", "owner": "other"}).encode()
    store.objects[STATUS] = theirs
    with pytest.raises(TakenError, match="heir"):
        mine.confirm()
    with pytest.raises(TakenError):
        budget.sleep(5)
    with pytest.raises(TakenError, match="heir"):
        retrying(store).guarded(mine.check_held).put(json_file("segment", b""))
    mine.end(published("done"))
    assert store.objects[STATUS] == theirs


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("honors_conditions", [True, False])
def test_of_two_that_claim_at_once_one_works(
    honors_conditions: bool,  # noqa: FBT001 (named by parametrize)
) -> None:
    """Both found the destination free, and wrote.

    With conditions the later write fails; without, the owner of the earlier one finds at its next
    heartbeat that it was taken over.
    """
    store = RecordingStore(honors_conditions=honors_conditions)
    first_budget = Budget(time_limit_s=600, clock=time.monotonic)
    first = make(store, first_budget, job_id="first")

    class Racing(RecordingStore):
        """Lets the first one claim between the second one's read and its write."""

        def get(self, key: str) -> Content | None:
            if STATUS not in store.objects:
                first.claim()
                return None
            return store.get(key)

    racing = Racing(honors_conditions=honors_conditions)
    racing.objects = store.objects
    second = make(racing, job_id="second")
    if honors_conditions:
        with pytest.raises(TakenError, match="job first"):
            second.claim()
        first_budget.check()
    else:
        second.claim()
        with pytest.raises(TakenError, match="job second"):
            first_budget.sleep(5)
    first.end(published("done"))
    second.end(published("done"))


@pytest.mark.usefixtures("fast")
def test_a_heartbeat_that_cannot_be_written_does_not_end_the_job() -> None:
    """The store may not answer for a minute; the segments' own retries decide."""
    store = RecordingStore()
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    mine = make(store, budget)
    mine.claim()
    store.failure = StorageUnavailableError("no answer")
    time.sleep(0.3)
    budget.check()
    store.failure = None
    before = written(store)["beat"]
    deadline = time.monotonic() + 10
    while written(store)["beat"] == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    mine.end(published("done"))


@pytest.mark.usefixtures("fast")
def test_while_no_heartbeat_can_be_written_the_job_writes_nothing_else() -> None:
    """Another job may have the destination by then; when a heartbeat is written, it has not."""
    store = RecordingStore()
    mine = make(store)
    mine.claim()
    mine.check_held()
    store.failure = StorageUnavailableError("no answer")
    wait_until(lambda: not is_held(mine))
    with pytest.raises(StorageUnavailableError, match="could not be written for"):
        retrying(store).guarded(mine.check_held).put(json_file("segment", b""))
    assert retrying(store).guarded(mine.check_held).get(STATUS), "reading does no harm"
    store.failure = None
    wait_until(lambda: is_held(mine))
    mine.end(published("done"))


def is_held(status: Status) -> bool:
    try:
        status.check_held()
    except StorageUnavailableError:
        return False
    return True


def test_a_job_is_not_overtaken_while_it_waits_for_a_slow_write() -> None:
    """Between two heartbeats there are ten seconds, and an answer that is waited for."""
    held_s = lease_module.STALE_S * lease_module._HELD_SHARE
    connect_s = s3_module._CONNECT_TIMEOUT_S
    assert status_module.HEARTBEAT_S + connect_s + lease_module.ANSWER_S < held_s
    assert held_s < lease_module.STALE_S


def test_a_probe_that_meets_another_job_is_no_answer() -> None:
    class Meeting(RecordingStore):
        """Another job writes right after the first write."""

        def replace(self, file: File, *, etag: str | None) -> StoredObject:
            stored = super().replace(file, etag=etag)
            if etag is None:
                self.objects[STATUS] = json.dumps({"state": "ended", "owner": "x"}).encode()
            return stored

    store = Meeting()
    mine = make(store)
    mine.claim()
    assert written(store)["job_id"] == "mine"
    mine.end(published("done"))
