"""The other machines of a team: which of them live, and what they have stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from worker.errors import NoSourceError
from worker.layout import machine_key, machines_prefix
from worker.records.base import UnreadableRecordError
from worker.records.job import Outcome
from worker.records.team import MachineRecord, MachineSummary
from worker.storage.lease import STALE_S, now_s
from worker.storage.retrying import RetryingStore

# What is wrong with the job or its source is so on every machine.
_OF_JOB = frozenset({64, 65, 66})
# What may be that machine's own fault, and is the worker's or the job's where another has it, too.
_OF_MACHINE_OR_JOB = frozenset({70, 76, 78})
# Where a presigned URL expires, machines that fetch parts lose the source that the leading one has.
_LOST_SOURCE = NoSourceError.exit_status


@dataclass(frozen=True, kw_only=True, slots=True)
class Roll:
    """The machines as they were last seen.

    `elsewhere` maps rungs to the frames that the others have stored, `live` counts the machines
    that work, this one included. `missing_frames` could not be decoded by the others. `outcomes`
    are those of the others that have ended, and `fault` is one that ends the job for all.
    """

    machines: tuple[MachineSummary, ...] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    live: int = 1
    missing_frames: int = 0
    outcomes: tuple[Outcome, ...] = ()
    fault: Outcome | None = None

    def shows_live(self, number: int) -> bool:
        """Whether the machine of this number was at work."""
        states = [each.state for each in self.machines if each.number == number]
        return any(state not in {"ended", "lost"} for state in states)


@dataclass(slots=True)
class _Seen:
    """A machine's record, and since when it has not changed.

    `is_read`: the record is the one with this ETag. One that moves need not be.
    """

    record: MachineRecord | None
    since_s: float
    etag: str | None
    is_read: bool

    @property
    def is_dead(self) -> bool:
        has_ended = self.record is not None and self.record.state == "ended"
        return has_ended or now_s() - self.since_s >= STALE_S


class Machines:
    """Watches the heartbeats of a team's machines; one that stands still for 45 s is dead.

    Watching whether a record changes needs no agreement of clocks.
    """

    def __init__(self, store: RetryingStore, run: str, *, team: str, owner: str) -> None:
        self._store, self._run, self._team, self._owner = store, run, team, owner
        self._seen: dict[str, _Seen] = {}

    def find_dead(self, owners: Collection[str]) -> Collection[str]:
        """Return which of these have ended, or have stood still while this machine watched them.

        One listing shows which of the records move: with many machines each look would read many.
        So that one has ended is seen by the second look after that.

        Raises:
            WorkerError: as the store raises it.

        """
        etags = self._list()
        others = [owner for owner in owners if owner != self._owner]
        return {owner for owner in others if self._watch(owner, etags.get(owner)).is_dead}

    def fault_of(self, owner: str) -> bool:
        """Whether a machine, as last seen, ended for a reason that is every machine's."""
        seen = self._seen.get(owner)
        outcome = seen.record.outcome if seen is not None and seen.record is not None else None
        return _has_source(outcome) and ends_for_all(outcome, ())

    def call_the_roll(self) -> Roll:
        """Look at all machines.

        Raises:
            WorkerError: as the store raises it.

        """
        seen = {owner: self._look(owner) for owner in self._list()}
        records = {owner: each.record for owner, each in seen.items() if each.record is not None}
        others = [record for owner, record in records.items() if owner != self._owner]
        outcomes = tuple(record.outcome for record in others if _has_source(record.outcome))
        elsewhere: Counter[str] = Counter()
        for record in others:
            elsewhere.update(record.frames)
        return Roll(
            machines=tuple(
                sorted(
                    (_summary(record, is_dead=seen[o].is_dead) for o, record in records.items()),
                    key=lambda each: each.number,
                )
            ),
            elsewhere=dict(elsewhere),
            live=max(1, sum(not each.is_dead for each in seen.values())),
            missing_frames=sum(record.missing_frames for record in others),
            outcomes=outcomes,
            fault=next((o for i, o in enumerate(outcomes) if ends_for_all(o, outcomes[:i])), None),
        )

    def _list(self) -> dict[str, str]:
        """List the machines: owners and the ETags of their records."""
        prefix = machines_prefix(self._run, self._team)
        return {
            key.removeprefix(prefix).removesuffix(".json"): stored.etag
            for key, stored in self._store.list(prefix).items()
        }

    def _watch(self, owner: str, etag: str | None) -> _Seen:
        seen = self._seen.get(owner)
        if seen is None or (seen.etag == etag and not seen.is_read):
            return self._look(owner)
        if seen.etag != etag:
            seen = self._seen[owner] = _Seen(seen.record, now_s(), etag, is_read=False)
        return seen

    def _look(self, owner: str) -> _Seen:
        content = self._store.get(machine_key(self._run, self._team, owner))
        record = None
        if content is not None:
            try:
                record = MachineRecord.from_json(content.data)
            except UnreadableRecordError:
                # Of another version: its beat cannot be seen.
                record = None
        etag = content.etag if content else None
        before = self._seen.get(owner)
        stands_still = before is not None and before.etag == etag
        since_s = before.since_s if before is not None and stands_still else now_s()
        seen = self._seen[owner] = _Seen(record, since_s, etag, is_read=True)
        return seen


def ends_for_all(outcome: Outcome, others: Iterable[Outcome]) -> bool:
    """Whether an outcome of one machine is that of the whole job, beside those of others."""
    status = outcome.exit_status
    is_repeated = any(other.exit_status == status for other in others)
    return status in _OF_JOB or (status in _OF_MACHINE_OR_JOB and is_repeated)


def _has_source(outcome: Outcome | None) -> TypeGuard[Outcome]:
    return outcome is not None and outcome.exit_status != _LOST_SOURCE


def _summary(record: MachineRecord, *, is_dead: bool) -> MachineSummary:
    outcome = record.outcome
    return MachineSummary(
        number=record.number,
        job_id=record.job_id,
        state="lost" if is_dead and record.state != "ended" else record.state,
        segments=record.segments,
        exit_status=outcome.exit_status if outcome else None,
    )
