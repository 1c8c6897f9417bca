"""status.json: how the job stands. Its heartbeat is the lease on the destination."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog

from worker.apart import start_thread
from worker.budget import Budget
from worker.errors import TakenError, WorkerError
from worker.lease import RUNNING, Lease
from worker.outcome import Outcome
from worker.store import SteadyStore

STATUS = "status.json"
HEARTBEAT_S = 10.0

_LEAST_INTERVAL_S = 4.0
# A write under way at a stop is seen through, so that the last word need not find out what became
# of it; by then the checkpoint is written.
_HEARTBEAT_LINGER_S = 8.0
# After a stop, how long the last word may take; the checkpoint comes before it.
_LAST_WORD_LINGER_S = 14.0
_SCHEMA = 1
_ENDED = "ended"

log = structlog.get_logger(__name__)


class Status:
    """This job's status.json, written at most every few seconds and at least every ten."""

    def __init__(
        self, store: SteadyStore, *, job_id: str, budget: Budget, now: Callable[[], datetime]
    ) -> None:
        self._budget = budget
        self._now = now
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._lease = Lease(store, STATUS, budget=budget, record=self._record)
        self._fields: dict[str, Any] = {
            "job_id": job_id,
            "state": RUNNING,
            "step": "start",
            "percent": 0,
            "seconds_left": None,
            "run": None,
            "started_at": now().isoformat(),
        }

    def claim(self) -> None:
        """Take the destination, and keep it by a heartbeat from now on.

        Raises:
            TakenError: a live job has it.

        """
        self._lease.take()
        self._thread = start_thread("heartbeat", self._beat_on)

    def update(self, **fields: object) -> None:
        """Change what status.json says; it is written soon, by the heartbeat."""
        with self._lock:
            self._fields |= fields
        self._changed.set()

    def confirm(self) -> None:
        """Make sure that the job may go on and that the destination is still its own.

        Raises:
            TakenError: another job took it over.
            WorkerError: the budget's reason to stop.

        """
        self._lease.confirm()

    def end(self, outcome: Outcome) -> None:
        """Write how the job ended, unless the destination is another's by now."""
        self._closed.set()
        self._changed.set()
        if self._thread is None:
            return
        with self._lock:
            self._fields |= {
                "state": _ENDED,
                "seconds_left": 0 if outcome.exit_status == 0 else self._fields["seconds_left"],
                "outcome": asdict(outcome),
            }
        try:
            self._lease.renew(_LAST_WORD_LINGER_S)
        except TakenError:
            # The outcome says so already, or comes too late to matter.
            return
        except WorkerError as error:
            log.warning("status_not_written", reason=str(error))

    def _beat_on(self) -> None:
        while not self._closed.wait(_LEAST_INTERVAL_S):
            self._changed.wait(HEARTBEAT_S - _LEAST_INTERVAL_S)
            if self._closed.is_set() or self._budget.is_stopped:
                return
            self._changed.clear()
            try:
                self._lease.renew(_HEARTBEAT_LINGER_S)
            except TakenError as error:
                self._budget.stop(error)
                return
            except WorkerError as error:
                log.warning("status_not_written", reason=str(error))

    def _record(self) -> dict[str, Any]:
        with self._lock:
            return {"schema": _SCHEMA, "updated_at": self._now().isoformat(), **self._fields}
