"""The deadline, and what else stops a job."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakes import Clock
from worker.errors import BudgetSpentError, StorageUnavailableError, TerminatedError
from worker.runtime.budget import Budget, stop_on_signals
from worker.runtime.early_signals import EarlySignals


def test_the_deadline_is_the_limit_less_the_reserve() -> None:
    clock = Clock()
    budget = Budget(time_limit_s=14_400, clock=clock)
    assert budget.remaining_s == 14_340
    clock.now_s += 14_339
    budget.check()
    clock.now_s += 1
    with pytest.raises(BudgetSpentError, match="14400 s"):
        budget.check()


@given(limit_s=st.floats(0.1, 1e6), passed_s=st.floats(0, 1e7))
def test_what_remains_is_never_negative_and_the_reserve_is_kept(
    limit_s: float, passed_s: float
) -> None:
    clock = Clock()
    budget = Budget(time_limit_s=limit_s, clock=clock)
    assert 0 < budget.reserve_s < limit_s
    clock.now_s += passed_s
    assert budget.remaining_s >= 0


def test_the_first_reason_to_stop_wins() -> None:
    budget = Budget(time_limit_s=60, clock=Clock())
    budget.stop(StorageUnavailableError("first"))
    budget.stop(TerminatedError("second"))
    with pytest.raises(StorageUnavailableError, match="first"):
        budget.check()


def test_a_stop_ends_a_wait() -> None:
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    threading.Timer(0.1, budget.stop, [TerminatedError("now")]).start()
    started_s = time.monotonic()
    with pytest.raises(TerminatedError):
        budget.sleep(60)
    assert time.monotonic() - started_s < 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_become_a_stop(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    budget = Budget(time_limit_s=60, clock=Clock())
    with stop_on_signals(budget):
        os.kill(os.getpid(), number)
        with pytest.raises(TerminatedError, match=number.name):
            budget.check()
    assert signal.getsignal(number) is before


def test_what_leaves_things_in_order_has_a_grace_period() -> None:
    clock = Clock()
    budget = Budget(time_limit_s=600, clock=clock)
    budget.stop(TerminatedError("now"))
    budget.check(grace_s=4)
    clock.now_s += 4
    with pytest.raises(TerminatedError):
        budget.check(grace_s=4)
    budget.check(grace_s=8)
    budget.shorten_grace()
    clock.now_s += 1
    with pytest.raises(TerminatedError):
        budget.check(grace_s=8)


def test_no_grace_period_exceeds_the_time_limit() -> None:
    clock = Clock()
    budget = Budget(time_limit_s=20, clock=clock)
    clock.now_s += 18.5
    budget.check(grace_s=12)
    clock.now_s += 1.2
    with pytest.raises(BudgetSpentError):
        budget.check(grace_s=12)


def test_a_second_signal_shortens_the_grace_period() -> None:
    clock = Clock()
    budget = Budget(time_limit_s=60, clock=clock)
    with stop_on_signals(budget):
        os.kill(os.getpid(), signal.SIGTERM)
        budget.check(grace_s=10)
        os.kill(os.getpid(), signal.SIGTERM)
        clock.now_s += 1
        with pytest.raises(TerminatedError):
            budget.check(grace_s=10)


def test_a_signal_that_arrived_early_is_a_stop() -> None:
    """While modules were imported and options read."""
    early = EarlySignals()
    early.install()
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        budget = Budget(time_limit_s=60, clock=Clock())
        with (
            stop_on_signals(budget, early.received),
            pytest.raises(TerminatedError, match="SIGHUP"),
        ):
            budget.check()
    finally:
        assert early.release()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_an_ignored_sighup_stays_ignored() -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(Budget(time_limit_s=60, clock=Clock())):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
