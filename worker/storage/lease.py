"""The right to write to a destination: held by whoever last wrote its object, while that changes.

The object is status.json. Watching whether it changes needs no agreement of clocks. Where the store
honors conditional writes (RFC 9110, section 13.1) every write replaces this owner's last one or
fails, so that two can never both hold it; where it does not, the owner is read before each write.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable

import structlog

from worker.errors import StorageUnavailableError, TakenError, WorkerError
from worker.layout import STATUS, json_file
from worker.records.base import UnreadableRecordError
from worker.records.status import LeaseRecord, StatusRecord
from worker.runtime.budget import Budget
from worker.storage.base import Content, PreconditionFailedError
from worker.storage.retrying import RetryingStore

# Longer than the ten seconds between two heartbeats and the slowest write that is waited for.
STALE_S = 45.0
ANSWER_S = 25.0
# A job whose heartbeat is not written for this share of it writes nothing more until it is: by then
# another job may have taken the destination.
_HELD_SHARE = 0.9
_WATCH_S = 1.0
_ATTEMPTS = 5
# Children of an array may wait for hours, while other jobs use the destination.
_TEAMS_REMEMBERED = 8
# Of no object: a store that replaces one with this ETag ignores conditions.
_NO_ETAG = "0" * 32

log = structlog.get_logger(__name__)


class _OvertakenError(Exception):
    """The object is not the one that was to be replaced, but `current`."""

    def __init__(self, current: Content | None) -> None:
        super().__init__()
        self.current = current


class TeammateError(TakenError):
    """Another machine of the same team has the destination, or has ended the job for all."""


class SilentError(StorageUnavailableError):
    """For so long no heartbeat was written that another job may have the destination by now."""


class Lease:
    """One job's hold on a destination. `record` gives what is to be written.

    `team`: the machines of that team make the video together, and one of them has the lease.
    """

    def __init__(
        self,
        store: RetryingStore,
        *,
        budget: Budget,
        record: Callable[[], StatusRecord],
        team: str | None = None,
    ) -> None:
        self._store = store
        self._budget = budget
        self._record = record
        self._team = team
        self._owner = uuid.uuid4().hex
        self._beat = 0
        self._etag: str | None = None
        self._written_s = 0.0
        self._ended_teams: tuple[str, ...] = ()
        self._taken: TakenError | None = None
        self._is_conditional = True
        self._is_released = False
        # The heartbeat and the job itself write; one at a time.
        self._lock = threading.Lock()

    def take(self, *, stood_still: Content | None = None) -> None:
        """Take the destination, or find that a live job has it.

        An object whose state is running is watched. One that stands still for 45 s is a dead job's;
        `stood_still` was watched for so long already.

        Raises:
            TeammateError: a machine of the same team has it, or has ended the job.
            TakenError: another job's heartbeat moves.

        """
        for _ in range(_ATTEMPTS):
            seen = self._watch(stood_still)
            self._ended_teams = _read(seen).ended_teams_by_now[:_TEAMS_REMEMBERED]
            try:
                self._write(seen.etag if seen else None, self._store)
                self._is_conditional = self._are_conditions_honored()
                break
            except _OvertakenError:
                # Another one was as quick: now it is to be watched.
                continue
        else:
            raise self._contended()
        if not self._is_conditional:
            log.warning("lease_without_conditional_writes", store=str(self._store))

    @property
    def is_conditional(self) -> bool:
        """Whether the store honors conditions, so that only one of several machines can win."""
        return self._is_conditional

    def release(self, grace_s: float) -> None:
        """Write the record as one that nobody holds, so that a teammate takes it at once.

        Raises:
            WorkerError: as `renew` raises it.

        """
        self._is_released = True
        self.renew(grace_s)

    def await_successor(self, grace_s: float) -> bool:
        """Wait until a teammate has what was released, or so long after a stop; whether one has."""
        store = self._store.with_grace(grace_s)
        try:
            while self._is_mine(store.get(STATUS)):
                self._budget.sleep(_WATCH_S, grace_s)
        except WorkerError:
            return False
        return True

    def renew(self, grace_s: float = 0.0) -> None:
        """Write the record again, as a heartbeat.

        Raises:
            TakenError: another job took the destination over.
            WorkerError: it cannot be written.

        """
        store = self._store.with_grace(grace_s)
        with self._lock:
            if not self._is_conditional:
                self._check_owner(store)
            for _ in range(_ATTEMPTS):
                try:
                    return self._write(self._etag, store)
                except _OvertakenError as error:
                    # An earlier write of this owner's, given up at its time-out, may arrive late.
                    self._refuse_other(error.current)
                    self._etag = error.current.etag if error.current else None
            raise self._contended()

    def confirm(self) -> None:
        """Make sure that the destination is still this job's.

        Raises:
            TakenError: another job took it over.
            WorkerError: the budget's reason to stop.

        """
        self._budget.check()
        self._check_owner(self._store)

    def check_held(self) -> None:
        """Check, without a request, that no other job can have taken the destination over.

        Raises:
            TakenError: one has.
            SilentError: too long no heartbeat could be written, or this job stood still; another
                attempt may find that one was.

        """
        if self._taken:
            raise self._taken
        silent_s = now_s() - self._written_s
        if silent_s > _HELD_SHARE * STALE_S:
            raise SilentError(
                f"{STATUS} in {self._store} could not be written for {silent_s:.0f} s, and another"
                " job may take the destination over; nothing is written meanwhile; submit the job"
                " again when the store answers"
            )

    def _watch(self, stood_still: Content | None) -> Content | None:
        """Return the object once no live job holds it."""
        seen = self._store.get(STATUS)
        is_known = stood_still is not None and seen is not None and seen.data == stood_still.data
        waited_s = STALE_S if is_known else 0.0
        self._leave_to_teammate(seen, is_dead=is_known)
        while is_held(seen):
            if waited_s >= STALE_S:
                log.warning("lease_taken_over", previous_job_id=_read(seen).job_id)
                return seen
            self._budget.sleep(_WATCH_S)
            waited_s += _WATCH_S
            now = self._store.get(STATUS)
            if is_held(now) and now and seen and now.data != seen.data:
                raise TakenError(
                    f"job {_read(now).job_id} is working on {self._store}"
                    " (its heartbeat moves); submit again when it has ended"
                )
            seen = now
        return seen

    def _leave_to_teammate(self, seen: Content | None, *, is_dead: bool) -> None:
        """Leave the destination to the machine of this team that has it, or had it to the end.

        One that failed released it: what it ended with is no outcome of the whole job.
        """
        record = _read(seen)
        if self._team is not None and has_ended_before(self._team, seen):
            raise TeammateError(f"team {self._team} has ended its job in {self._store}")
        if self._team is None or record.team != self._team or is_dead:
            return
        if is_held(seen) or record.has_ended:
            raise TeammateError(f"job {record.job_id} of the same team has {self._store}")

    def _are_conditions_honored(self) -> bool:
        """Probe with a write that must pass, and one that must fail.

        The first finds how the store wants its condition. Where the second passes, it changed
        nothing.

        Raises:
            _OvertakenError: another job wrote in between.

        """
        self._write(self._etag, self._store)
        try:
            self._write(_NO_ETAG, self._store)
        except _OvertakenError:
            return True
        return False

    def _check_owner(self, store: RetryingStore) -> None:
        self._refuse_other(store.get(STATUS))

    def _refuse_other(self, current: Content | None) -> None:
        if current is not None and not self._is_mine(current):
            kind = TeammateError if self._is_teammate(current) else TakenError
            self._taken = kind(
                f"job {_read(current).job_id} took {self._store} over while this one stood"
                " still; nothing more is written"
            )
            raise self._taken

    def _is_teammate(self, current: Content) -> bool:
        """Whether the rest of the team has or had it: also where another job followed them."""
        record = _read(current)
        return self._team is not None and self._team in {record.team, *record.ended_teams}

    def _is_mine(self, content: Content | None) -> bool:
        return _read(content).owner in {None, self._owner}

    def _write(self, etag: str | None, store: RetryingStore) -> None:
        self._beat += 1
        owner = None if self._is_released else self._owner
        fields = {"owner": owner, "beat": self._beat, "ended_teams": self._ended_teams}
        record = self._record().model_copy(update=fields)
        begun_s = now_s()
        try:
            self._etag = store.replace(json_file(STATUS, record.to_json()), etag=etag).etag
        except PreconditionFailedError as error:
            raise _OvertakenError(store.get(STATUS)) from error
        # What another job sees of this write, it sees later.
        self._written_s = begun_s

    def _contended(self) -> TakenError:
        return TakenError(
            f"{STATUS} in {self._store} is written again and again by another process; submit"
            " again when that has ended"
        )


def now_s() -> float:
    """Return seconds that go on while the process, or its machine, is stopped."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _read(content: Content | None) -> LeaseRecord:
    """Read a record of any version; what cannot be read belongs to no job."""
    try:
        return LeaseRecord.from_json(content.data) if content else LeaseRecord()
    except UnreadableRecordError:
        return LeaseRecord()


def is_held(content: Content | None) -> bool:
    """Whether status.json says that a job is at work; one that was released has no owner."""
    record = _read(content)
    return record.state == "running" and not (record.team and record.owner is None)


def has_ended_before(team: str, content: Content | None) -> bool:
    """Whether a team's job has ended, and status.json is another job's by now."""
    return team in _read(content).ended_teams
