"""status.json: how the job stands. Its heartbeat is the lease on the destination."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from worker.config.location import redact
from worker.errors import InternalError, TakenError, WorkerError
from worker.records.callback import UndeliveredRecord
from worker.records.job import Outcome
from worker.records.status import StatusRecord
from worker.runtime.budget import Budget
from worker.runtime.threads import start_thread
from worker.storage.base import Content
from worker.storage.lease import Lease
from worker.storage.retrying import RetryingStore

HEARTBEAT_S = 10.0

_LEAST_INTERVAL_S = 4.0
# With many machines their requests add up, and each of them writes a heartbeat of its own.
_LEAST_TEAM_INTERVAL_S = 9.0
# A write under way at a stop is completed, so that the last one need not find out what became of
# it; by then the checkpoint is written.
_HEARTBEAT_GRACE_S = 8.0
# After a stop, how long the last write may take; the checkpoint comes before it.
_LAST_WRITE_GRACE_S = 14.0
# Before that one, and with time left for the callback that says how the job ended (11 s in
# `callbacks.delivery`). Machines that wait for a plan read status.json every three seconds.
_SUCCESSOR_GRACE_S = 9.0

log = structlog.get_logger(__name__)


class Status:
    """This job's status.json, written at most every few seconds and at least every ten."""

    def __init__(
        self,
        store: RetryingStore,
        *,
        job_id: str,
        budget: Budget,
        now: Callable[[], datetime],
        team: str | None = None,
        on_taken: Callable[[TakenError], None] | None = None,
    ) -> None:
        self._store, self._team = store, team
        self._on_taken = on_taken or budget.stop
        self._budget = budget
        self._now = now
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._lease = self._make_lease()
        started_at = now().isoformat()
        self._record = StatusRecord(
            job_id=job_id, team=team, started_at=started_at, updated_at=started_at
        )

    def _make_lease(self) -> Lease:
        return Lease(self._store, budget=self._budget, record=self._current, team=self._team)

    def claim(self, *, stood_still: Content | None = None) -> None:
        """Take the destination, and keep it by a heartbeat from now on.

        A machine of a team may lose it and take it again. `stood_still`: as `Lease.take`.

        Raises:
            TeammateError: a machine of the same team has it, or has ended the job.
            TakenError: another live job has it.

        """
        self._lease = self._make_lease()
        self._closed = threading.Event()
        self._lease.take(stood_still=stood_still)
        # That of a lease that was lost may be on its way out still.
        beat = partial(self._keep_beating, self._lease, self._closed)
        self._thread = start_thread("heartbeat", beat)

    @property
    def is_conditional(self) -> bool:
        """Whether the store honors conditions, as the last claim found."""
        return self._lease.is_conditional

    def release(self) -> None:
        """Leave the destination to the other machines of the team, who continue at once."""
        self._closed.set()
        self._changed.set()
        try:
            self._lease.release(_LAST_WRITE_GRACE_S)
        except Exception as error:  # noqa: BLE001 (without it they take over when it stands still)
            _warn(error)

    def has_successor(self) -> bool:
        """Whether another machine takes the destination that was released, within some seconds."""
        return self._lease.await_successor(_SUCCESSOR_GRACE_S)

    def update(self, **fields: object) -> None:
        """Change fields of status.json; it is written soon, by the heartbeat."""
        with self._lock:
            self._record = self._record.model_copy(update=fields)
        self._changed.set()

    def check_held(self) -> None:
        """Check, without a request, that no other job can have taken the destination over.

        Raises:
            TakenError: one has.
            StorageUnavailableError: the heartbeat could not be written for too long.

        """
        self._lease.check_held()

    def confirm(self) -> None:
        """Make sure that the job may continue and that the destination is still its own.

        Raises:
            TakenError: another job took it over.
            WorkerError: the budget's reason to stop.

        """
        self._lease.confirm()

    def end(
        self, outcome: Outcome, *, callbacks_not_delivered: tuple[UndeliveredRecord, ...] = ()
    ) -> None:
        """Write how the job ended, unless the destination is another's by now; again, what then is.

        Callbacks are delivered meanwhile, so that what of them is not is known later.
        """
        self._closed.set()
        self._changed.set()
        if self._thread is None:
            return
        left = {"seconds_left": 0} if outcome.exit_status == 0 else {}
        self.update(
            state="ended",
            outcome=outcome,
            callbacks_not_delivered=callbacks_not_delivered,
            **left,
        )
        try:
            self._lease.renew(_LAST_WRITE_GRACE_S)
        except TakenError:
            # The outcome is that already, or it was published before the takeover.
            return
        except Exception as error:  # noqa: BLE001 (the job has ended, and has its outcome)
            _warn(error)

    def _keep_beating(self, lease: Lease, closed: threading.Event) -> None:
        try:
            self._beat(lease, closed)
        except Exception as error:  # noqa: BLE001 (it ends the job, which reports it)
            # Without a heartbeat another job would take the destination, so this one stops first.
            failure = InternalError(
                f"the heartbeat ended: {_describe(error)}; the traceback is in the log"
            )
            failure.__cause__ = error
            self._budget.stop(failure)

    def _beat(self, lease: Lease, closed: threading.Event) -> None:
        least_s = _LEAST_TEAM_INTERVAL_S if self._team else _LEAST_INTERVAL_S
        while not closed.wait(least_s):
            self._changed.wait(HEARTBEAT_S - least_s)
            if closed.is_set() or lease is not self._lease or self._budget.is_stopped:
                return
            self._changed.clear()
            try:
                lease.renew(_HEARTBEAT_GRACE_S)
            except TakenError as error:
                if lease is self._lease:
                    self._on_taken(error)
                return
            except Exception as error:  # noqa: BLE001 (a fault of one write is not the job's)
                # The next one may succeed. If none does, the destination can be taken after the
                # usual time, and `confirm` notices it before anything is published.
                _warn(error)

    def _current(self) -> StatusRecord:
        with self._lock:
            return self._record.model_copy(update={"updated_at": self._now().isoformat()})


def _warn(error: Exception) -> None:
    """Log that status.json could not be written; of a bug, with the traceback."""
    if isinstance(error, WorkerError):
        log.warning("status_not_written", reason=str(error))
    else:
        log.warning("status_not_written", reason=_describe(error), exc_info=True)  # noqa: LOG014 (called inside one)


def _describe(bug: Exception) -> str:
    return f"a bug of the worker: {type(bug).__name__}: {redact(str(bug))}"
