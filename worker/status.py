"""status.json: how the job stands, its heartbeat, and thereby its lease on the destination."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog

from worker.budget import Budget
from worker.errors import TakenError, WorkerError
from worker.outcome import Outcome
from worker.store.base import Store

STATUS = "status.json"
HEARTBEAT_S = 10.0
STALE_S = 30.0

_LEAST_INTERVAL_S = 4.0
_WATCH_S = 1.0
_LAST_WRITE_WAIT_S = 5.0
_SCHEMA = 1
_RUNNING = "running"
_ENDED = "ended"

log = structlog.get_logger(__name__)


class Status:
    """This job's status.json, written at most every few seconds and at least every ten.

    Who wrote it last owns the destination, as long as it moves.
    """

    def __init__(
        self, store: Store, *, job_id: str, budget: Budget, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._budget = budget
        self._now = now
        self._owner = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._beat = 0
        self._fields: dict[str, Any] = {
            "job_id": job_id,
            "state": _RUNNING,
            "step": "start",
            "percent": 0,
            "seconds_left": None,
            "run": None,
            "started_at": now().isoformat(),
        }

    def claim(self) -> None:
        """Take the destination, or find that a live job has it.

        A status.json that says it is running is watched: whether it moves needs no agreement of
        clocks. One that stands still for 30 s is a dead job's.

        Raises:
            TakenError: another job's heartbeat moves.

        """
        seen = self._read()
        waited_s = 0.0
        while _is_running(seen):
            if waited_s >= STALE_S:
                log.warning("lease_taken_over", previous_job_id=seen.get("job_id"))
                break
            self._budget.sleep(_WATCH_S)
            waited_s += _WATCH_S
            now = self._read()
            if _is_running(now) and now != seen:
                raise TakenError(
                    f"job {now.get('job_id')} is working on {self._store} (its heartbeat moves);"
                    " submit again when it has ended"
                )
            seen = now
        self._write()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
        self._thread.start()

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
        self._budget.check()
        self._check_owner()

    def _check_owner(self) -> None:
        current = self._read()
        if current.get("owner") not in {None, self._owner}:
            raise TakenError(
                f"job {current.get('job_id')} took {self._store} over while this one stood still;"
                " nothing more is written"
            )

    def end(self, outcome: Outcome) -> None:
        """Write how the job ended, unless the destination is another's by now."""
        self._closed.set()
        self._changed.set()
        if self._thread is None:
            return
        self._thread.join(_LAST_WRITE_WAIT_S)
        with self._lock:
            self._fields |= {
                "state": _ENDED,
                "seconds_left": 0 if outcome.exit_status == 0 else self._fields["seconds_left"],
                "outcome": asdict(outcome),
            }
        try:
            if self._read().get("owner") in {None, self._owner}:
                self._write()
        except WorkerError as error:
            log.warning("status_not_written", reason=str(error))

    def _beat_on(self) -> None:
        while not self._closed.wait(_LEAST_INTERVAL_S):
            self._changed.wait(HEARTBEAT_S - _LEAST_INTERVAL_S)
            if self._closed.is_set():
                return
            self._changed.clear()
            try:
                self._check_owner()
                self._write()
            except TakenError as error:
                self._budget.stop(error)
                return
            except WorkerError as error:
                log.warning("status_not_written", reason=str(error))

    def _read(self) -> dict[str, Any]:
        data = self._store.get(STATUS)
        try:
            status = json.loads(data) if data else {}
        except ValueError:
            status = {}
        return status if isinstance(status, dict) else {}

    def _write(self) -> None:
        with self._write_lock:
            self._beat += 1
            with self._lock:
                record = {
                    "schema": _SCHEMA,
                    "owner": self._owner,
                    "beat": self._beat,
                    "updated_at": self._now().isoformat(),
                    **self._fields,
                }
            self._store.put(
                STATUS,
                (json.dumps(record, indent=1) + "\n").encode(),
                content_type="application/json",
                cache_control="no-cache",
            )


def _is_running(status: dict[str, Any]) -> bool:
    return status.get("state") == _RUNNING
