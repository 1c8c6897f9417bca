"""In order, again inside a bound, and progress holds nothing up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import pytest
from structlog.testing import capture_logs

from tests.unit.fakes import Clock
from worker.callbacks import delivery as module
from worker.callbacks.delivery import MAX_ATTEMPTS, Delivery
from worker.callbacks.post import Message, RefusedError, UnansweredError
from worker.errors import TerminatedError
from worker.runtime.budget import Budget

AWAY = UnansweredError("HTTP 500")


def message(name: str) -> Message:
    return Message(id=f"msg_{name}", type=name, body=b"{}", is_progress=name.startswith("progress"))


class Receiver:
    """Takes what it is sent, after these failures of each message."""

    def __init__(self, *failures: Exception, clock: Clock | None = None) -> None:
        self.failures = {name: list(failures) for name in ("started", "progress", "published")}
        self.attempts: list[str] = []
        self.taken: list[str] = []
        self.clock = clock

    def post(self, message: Message) -> None:
        self.attempts.append(message.type)
        if self.clock:
            self.clock.now_s += 1
        if left := self.failures.get(message.type):
            raise left.pop(0)
        self.taken.append(message.type)


def gated(receiver: Receiver, gate: threading.Event) -> Callable[[Message], None]:
    """Let nothing reach a receiver until the gate is open."""

    def post(message: Message) -> None:
        gate.wait(10)
        receiver.post(message)

    return post


def open_at_the_end(sent: Delivery, gate: threading.Event) -> None:
    """Open the gate once the job is ending."""

    def watch() -> None:
        while not sent._is_ending:
            time.sleep(0.01)
        gate.set()

    threading.Thread(target=watch, daemon=True).start()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0)
    monkeypatch.setattr(module, "_LONGEST_PAUSE_S", 0)


def deliver(receiver: Receiver, names: Iterable[str], clock: Clock | None = None) -> list[str]:
    """Deliver all, and return what was not."""
    sent = Delivery(receiver.post, Budget(time_limit_s=600, clock=clock or Clock()))
    for name in names:
        sent.put(message(name))
    return [record.type for record in sent.close()]


def test_a_message_that_is_not_taken_is_sent_again() -> None:
    receiver = Receiver(AWAY, AWAY)
    assert deliver(receiver, ["published"]) == []
    assert receiver.attempts == ["published"] * 3


def test_a_receiver_that_is_away_gets_so_many_attempts_and_no_more() -> None:
    receiver = Receiver(*[AWAY] * 100)
    with capture_logs() as lines:
        assert deliver(receiver, ["published"]) == ["published"]
    assert len(receiver.attempts) == MAX_ATTEMPTS
    (warning,) = [line for line in lines if line["log_level"] == "warning"]
    assert (warning["event"], warning["reason"]) == ("callback_not_delivered", "HTTP 500")


def test_the_end_of_a_job_waits_for_some_seconds() -> None:
    """However many attempts those allow."""
    clock = Clock()
    receiver = Receiver(*[AWAY] * 100, clock=clock)
    started_s = clock()
    assert deliver(receiver, ["published"], clock) == ["published"]
    # One attempt may be under way.
    assert clock() - started_s <= module.END_TIMEOUT_S + 2


def test_the_reason_is_that_of_the_last_attempt_where_a_job_ends_in_the_pause_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 60)
    monkeypatch.setattr(module, "_LONGEST_PAUSE_S", 60)
    clock, gate, receiver = Clock(), threading.Event(), Receiver(AWAY)
    sent = Delivery(gated(receiver, gate), Budget(time_limit_s=600, clock=clock))

    pause = sent._pause

    def pass_by(seconds: float) -> None:
        clock.now_s += module.END_TIMEOUT_S
        pause(seconds)

    monkeypatch.setattr(sent, "_pause", pass_by)
    sent.put(message("published"))
    open_at_the_end(sent, gate)
    (record,) = sent.close()
    assert record.reason == "HTTP 500"


def test_what_is_refused_is_not_sent_again() -> None:
    receiver = Receiver(RefusedError("HTTP 404"))
    assert deliver(receiver, ["started", "published"]) == ["started", "published"]
    assert receiver.attempts == ["started", "published"]


def test_the_first_is_given_up_for_the_last_at_the_end() -> None:
    """They share the seconds that are left, and the last one says what became of the video."""
    receiver = Receiver()
    receiver.failures["started"] = [AWAY] * 100
    gate = threading.Event()
    sent = Delivery(gated(receiver, gate), Budget(time_limit_s=600, clock=Clock()))
    sent.put(message("started"))
    sent.put(message("published"))
    open_at_the_end(sent, gate)
    assert [record.type for record in sent.close()] == ["started"]
    assert receiver.attempts == ["started", "published"]


def test_of_progress_the_newest_is_sent_once_and_behind_all_others() -> None:
    receiver = Receiver()
    receiver.failures["progress 3"] = [AWAY]
    gate, taken = threading.Event(), threading.Event()

    def post(each: Message) -> None:
        gate.wait(10)
        try:
            receiver.post(each)
        finally:
            if each.is_progress:
                taken.set()

    sent = Delivery(post, Budget(time_limit_s=600, clock=Clock()))
    for name in ("started", "progress 1", "progress 2", "progress 3", "other"):
        sent.put(message(name))
    gate.set()
    assert taken.wait(10)
    assert [record.type for record in sent.close()] == []
    assert receiver.attempts == ["started", "other", "progress 3"]


def test_progress_is_not_sent_at_the_end() -> None:
    receiver = Receiver()
    gate = threading.Event()
    sent = Delivery(gated(receiver, gate), Budget(time_limit_s=600, clock=Clock()))
    for name in ("started", "progress 1", "published"):
        sent.put(message(name))
    open_at_the_end(sent, gate)
    sent.close()
    assert receiver.taken == ["started", "published"]


def test_a_receiver_that_hangs_does_not_hold_up_a_job_that_was_stopped() -> None:
    """The time after a stop is that of the machine, which Batch takes away after 30 s."""
    clock = Clock()
    budget = Budget(time_limit_s=600, clock=clock)
    hang = threading.Event()
    sent = Delivery(gated(Receiver(), hang), budget)
    sent.put(message("failed"))
    budget.stop(TerminatedError("SIGTERM"))
    clock.now_s += module._GRACE_S
    (record,) = sent.close()
    assert (record.type, record.reason) == ("failed", "no answer before the job ended")
    hang.set()


def test_a_bug_is_reported_and_is_not_the_jobs() -> None:
    receiver = Receiver(ValueError("x?token=canary"))
    with capture_logs() as lines:
        assert deliver(receiver, ["published"]) == ["published"]
    (warning,) = [line for line in lines if line["log_level"] == "warning"]
    assert "bug of the worker: ValueError" in warning["reason"]
    assert "canary" not in warning["reason"]
