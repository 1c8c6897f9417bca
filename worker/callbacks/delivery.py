"""Delivers callbacks in their order, in a thread of its own, repeated inside a bound.

No step of the job waits for it; only its end does, for a few seconds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import structlog
import tenacity

from worker.callbacks.post import Message, RefusedError, UnansweredError
from worker.config.location import redact
from worker.errors import WorkerError
from worker.records.callback import UndeliveredRecord
from worker.runtime.budget import Budget
from worker.runtime.threads import start_thread

# With the pauses between them one and a half minutes, if every attempt fails at once.
MAX_ATTEMPTS = 10
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 30.0
# How long the end of a job waits for what is not delivered. That of a job that was stopped ends in
# time for status.json to be written once more (`monitoring.status`).
END_TIMEOUT_S = 8.0
_GRACE_S = 11.0
_POLL_S = 0.1
_EXPECTED = (RefusedError, UnansweredError)

log = structlog.get_logger(__name__)


class Delivery:
    """What is still to be delivered. `post` makes one attempt, as `Receiver.post` does.

    Of reports of progress only the newest waits, and behind all others.
    """

    def __init__(self, post: Callable[[Message], None], budget: Budget) -> None:
        self._post = post
        self._budget = budget
        self._changed = threading.Condition()
        self._waiting: deque[Message] = deque()
        self._progress: Message | None = None
        self._current: Message | None = None
        # Of its last attempt.
        self._failure: Exception | None = None
        self._undelivered: list[UndeliveredRecord] = []
        self._is_ending = False
        self._is_closed = False
        start_thread("callbacks", self._deliver_all)

    def put(self, message: Message) -> None:
        """Have a message delivered; never waits."""
        with self._changed:
            if message.is_progress:
                self._progress = message
            else:
                self._waiting.append(message)
            self._changed.notify_all()

    def close(self) -> tuple[UndeliveredRecord, ...]:
        """Wait some seconds for what is not delivered, and return what then is not."""
        with self._changed:
            self._is_ending = True
            self._progress = None
            self._changed.notify_all()
            end_s = self._budget.elapsed_s + END_TIMEOUT_S
            while self._is_busy and self._budget.elapsed_s < end_s and self._has_grace():
                self._changed.wait(_POLL_S)
            self._is_closed = True
            self._changed.notify_all()
            too_late = UnansweredError("no answer before the job ended")
            if self._current:
                self._give_up(self._current, self._failure or too_late)
            for message in self._waiting:
                self._give_up(message, too_late)
            return tuple(self._undelivered)

    @property
    def _is_busy(self) -> bool:
        return bool(self._current or self._waiting)

    def _has_grace(self) -> bool:
        try:
            self._budget.check(_GRACE_S)
        except WorkerError:
            return False
        return True

    def _deliver_all(self) -> None:
        while (message := self._take()) is not None:
            failure = self._deliver(message)
            with self._changed:
                # Once closed, it counts as not delivered already.
                if failure and not self._is_closed:
                    self._give_up(message, failure)
                self._current = None
                self._changed.notify_all()

    def _take(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._progress or self._is_closed)
            if self._is_closed:
                return None
            self._failure = None
            if self._waiting:
                self._current = self._waiting.popleft()
            else:
                self._current, self._progress = self._progress, None
            return self._current

    def _deliver(self, message: Message) -> Exception | None:
        """Return why a message could not be delivered; None where it was."""
        try:
            self._retrying(message)(self._post, message)
        except Exception as error:  # noqa: BLE001 (no fault here is one of the job)
            return error
        return None

    def _retrying(self, message: Message) -> tenacity.Retrying:
        # The next report of progress is worth more than this one.
        attempts = 1 if message.is_progress else MAX_ATTEMPTS
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(UnansweredError),
            stop=lambda state: state.attempt_number >= attempts or self._is_overdue(),
            wait=tenacity.wait_exponential_jitter(
                multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S, jitter=_FIRST_PAUSE_S
            ),
            sleep=self._pause,
            before_sleep=lambda state: self._note(message, state),
            reraise=True,
        )

    def _is_overdue(self) -> bool:
        """Whether no more time is to be spent on the current message: the last one waits."""
        return self._is_closed or (self._is_ending and bool(self._waiting))

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(self._is_overdue, timeout=seconds)
            if self._is_closed:
                raise UnansweredError("the job ended")

    def _note(self, message: Message, state: tenacity.RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, UnansweredError):
            self._failure = failure
        attempt = state.attempt_number
        log.info("callback_retried", type=message.type, attempt=attempt, reason=str(failure))

    def _give_up(self, message: Message, failure: Exception) -> None:
        if message.is_progress:
            log.info("progress_not_delivered", reason=_describe(failure))
            return
        record = UndeliveredRecord(type=message.type, id=message.id, reason=_describe(failure))
        self._undelivered.append(record)
        log.warning(
            "callback_not_delivered",
            type=record.type,
            id=record.id,
            reason=record.reason,
            exc_info=None if isinstance(failure, _EXPECTED) else failure,
        )


def _describe(failure: Exception) -> str:
    if isinstance(failure, _EXPECTED):
        return str(failure)
    return f"a bug of the worker: {type(failure).__name__}: {redact(str(failure))}"
