"""One machine's heartbeat below the run: others see that it lives, and how much it has stored."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from worker.errors import WorkerError
from worker.layout import json_file, machine_key
from worker.records.job import Outcome
from worker.records.team import MachineRecord
from worker.runtime.threads import start_thread
from worker.storage.lease import STALE_S, now_s
from worker.storage.retrying import RetryingStore

BEAT_S = 10.0
# A machine that was silent for so long may have lost its shares to others.
_HELD_SHARE = 0.9
_LAST_BEAT_GRACE_S = 6.0

log = structlog.get_logger(__name__)


class Heartbeat:
    """Writes one machine's record every ten seconds, in a thread; `on_beat` is called after each.

    `on_bug` gets what ends the thread otherwise. Only this machine writes its record, so no
    condition is needed.
    """

    def __init__(
        self,
        store: RetryingStore,
        run: str,
        record: MachineRecord,
        *,
        on_beat: Callable[[], None],
        on_bug: Callable[[Exception], None],
    ) -> None:
        self._store = store
        self._key = machine_key(run, record.team, record.owner)
        self._record = record
        self._on_beat, self._on_bug = on_beat, on_bug
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._written_s = now_s()
        self._was_silent = False

    def start(self) -> None:
        """Write the record now, and from now on.

        Raises:
            WorkerError: it cannot be written.

        """
        self._write()
        self._thread = start_thread("machine heartbeat", self._beat)

    def update(self, **fields: object) -> None:
        """Change fields of the record; the next beat writes them."""
        with self._lock:
            self._record = self._record.model_copy(update=fields)

    @property
    def was_silent(self) -> bool:
        """Whether others may have taken this machine for dead, since this was last asked."""
        was_silent, self._was_silent = self._was_silent or self._is_silent, False
        return was_silent

    @property
    def _is_silent(self) -> bool:
        return now_s() - self._written_s > _HELD_SHARE * STALE_S

    def end(self, outcome: Outcome | None) -> None:
        """Write how this machine ended, so that nobody waits for its silence; None: nothing.

        After that nothing more is written.
        """
        self._closed.set()
        if self._thread is not None:
            self._thread.join(_LAST_BEAT_GRACE_S)
        if outcome is None:
            return
        self.update(state="ended", outcome=outcome)
        try:
            self._write(_LAST_BEAT_GRACE_S)
        except WorkerError as error:
            log.debug("heartbeat_not_written", reason=str(error))

    def _beat(self) -> None:
        while not self._closed.wait(BEAT_S):
            try:
                self._write()
                self._on_beat()
            except WorkerError as error:
                # The next one may succeed; if none does, others take this machine's shares.
                log.warning("heartbeat_not_written", reason=str(error))
            except Exception as error:  # noqa: BLE001 (it ends the job, which reports it)
                self._on_bug(error)
                return

    def _write(self, grace_s: float = 0.0) -> None:
        self._was_silent |= self._is_silent
        begun_s = now_s()
        with self._lock:
            self._record = self._record.model_copy(update={"beat": self._record.beat + 1})
            file = json_file(self._key, self._record.to_json())
        self._store.with_grace(grace_s).put(file)
        # What others see of this write, they see later.
        self._written_s = begun_s
