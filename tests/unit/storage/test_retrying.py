"""Asking again: for how long, and what counts."""

from __future__ import annotations

import pytest

from tests.unit.fakes import Clock, RecordingStore, retrying
from worker.errors import BudgetSpentError, StorageUnavailableError, TakenError
from worker.runtime.budget import Budget
from worker.storage import retrying as steady
from worker.storage.base import DELETE_BATCH
from worker.storage.retrying import retry


class Transfer:
    """Takes some seconds, and breaks off so many times."""

    def __init__(self, *, seconds: float, failures: int, limit_s: float = 100_000) -> None:
        self.clock = Clock()
        self.budget = Budget(time_limit_s=limit_s, clock=self.clock, sleep=self.pass_by)
        self.asked = 0
        self._seconds = seconds
        self._failures = failures

    def pass_by(self, seconds: float) -> None:
        self.clock.now_s += seconds

    def __call__(self) -> str:
        self.asked += 1
        self.pass_by(self._seconds)
        if self.asked <= self._failures:
            raise StorageUnavailableError("away")
        return "done"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "PATIENCE_S", 120.0)


@pytest.mark.parametrize("seconds", [121, 3600])
def test_a_long_transfer_that_broke_off_is_asked_for_again(seconds: float) -> None:
    transfer = Transfer(seconds=seconds, failures=2)
    assert retry(transfer, transfer.budget) == "done"
    assert transfer.asked == 3


def test_long_transfers_that_always_break_off_come_to_an_end() -> None:
    transfer = Transfer(seconds=3600, failures=1000)
    with pytest.raises(StorageUnavailableError):
        retry(transfer, transfer.budget)
    assert transfer.asked == 4


@pytest.mark.parametrize("seconds", [0, 1, 35])
def test_a_store_that_is_away_is_asked_for_two_minutes(seconds: float) -> None:
    transfer = Transfer(seconds=seconds, failures=10_000)
    started_s = transfer.clock.now_s
    with pytest.raises(StorageUnavailableError):
        retry(transfer, transfer.budget)
    assert 120 <= transfer.clock.now_s - started_s < 120 + 10 + seconds


def test_the_budget_ends_it_before() -> None:
    transfer = Transfer(seconds=60, failures=10_000, limit_s=100)
    with pytest.raises(BudgetSpentError):
        retry(transfer, transfer.budget)


def test_a_job_that_was_taken_over_between_two_requests_deletes_nothing_more() -> None:
    """It stood still after the first one, and another job counts on what is left."""
    store = RecordingStore()

    def check_held() -> None:
        if store.deleted:
            raise TakenError("another job has it")

    names = [f"{number:05d}.ts" for number in range(3 * DELETE_BATCH)]
    with pytest.raises(TakenError):
        retrying(store).guarded(check_held).delete(names)
    assert store.deleted == names[:DELETE_BATCH]


def test_of_many_objects_all_are_deleted() -> None:
    store = RecordingStore()
    names = [f"{number:05d}.ts" for number in range(2 * DELETE_BATCH + 1)]
    retrying(store).delete(names)
    assert store.deleted == names
