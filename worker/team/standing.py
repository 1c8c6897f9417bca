"""status.json as the machines of a team read it that do not lead."""

from __future__ import annotations

from worker.errors import PUBLISHED, CannotWriteError, StorageUnavailableError, WorkerError
from worker.layout import STATUS
from worker.records.base import UnreadableRecordError
from worker.records.job import Outcome
from worker.records.status import StatusRecord
from worker.storage.base import Content
from worker.storage.lease import STALE_S, has_ended_before, is_held, now_s
from worker.storage.retrying import RetryingStore


class Standing:
    """What the machine that leads has written last, and whether it still does."""

    def __init__(self, store: RetryingStore, *, team: str) -> None:
        self._store, self._team = store, team
        self._content: Content | None = None
        self._since_s = now_s()
        self._record: StatusRecord | None = None

    @property
    def record(self) -> StatusRecord | None:
        """The record, where it is this team's."""
        return self._record

    @property
    def has_ended(self) -> bool:
        """Whether the job has ended for all machines, not just for the last one that led."""
        return self._is_over or (self._record is not None and self._record.has_ended)

    @property
    def outcome(self) -> Outcome | None:
        """How the job ended for all machines; None: it has not."""
        if self._is_over:
            message = f"team {self._team} has ended its job, and another job has written since"
            return Outcome(exit_status=PUBLISHED, name="published", message=message)
        return self._record.outcome if self._record is not None and self.has_ended else None

    @property
    def _is_over(self) -> bool:
        """Whether the record is another job's, which began when this team's had ended."""
        return has_ended_before(self._team, self._content)

    @property
    def dead(self) -> Content | None:
        """What a leader left that has stood still for 45 s while this machine watched it."""
        return self._content if now_s() - self._since_s >= STALE_S else None

    @property
    def has_no_leader(self) -> bool:
        """Whether the destination is to be taken: it was released, or its leader is dead.

        Also where another job's record is there: who claims it sees whether that job lives.
        """
        is_led = self._record is not None and is_held(self._content) and self.dead is None
        return not self.has_ended and not is_led

    def poll(self) -> None:
        """Read status.json.

        Raises:
            WorkerError: as the store raises it.

        """
        content = self._store.get(STATUS)
        if (content and content.data) != (self._content and self._content.data):
            self._content, self._since_s = content, now_s()
            self._record = _read(content, self._team)

    def finds_team(self) -> bool:
        """Read whether the destination is the team's: a machine has it, has left it or had it last.

        False also where the store does not let it be read: then nobody can be seen to lead.
        """
        if self.has_ended:
            # By now the next job may have it.
            return True
        try:
            self.poll()
        except (StorageUnavailableError, CannotWriteError):
            return False
        except WorkerError:
            # A machine that was stopped has no time left for it, and the others go on.
            return True
        return self.has_ended or self._record is not None

    def forget(self) -> None:
        """Watch anew: this machine led until now."""
        self._content, self._record, self._since_s = None, None, now_s()


def _read(content: Content | None, team: str) -> StatusRecord | None:
    if content is None:
        return None
    try:
        record = StatusRecord.from_json(content.data)
    except UnreadableRecordError:
        return None
    return record if record.team == team else None
