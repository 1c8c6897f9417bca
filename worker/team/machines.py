"""The other machines of a team: which of them live, and what they have stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.layout import machine_key, machines_prefix
from worker.records.base import UnreadableRecordError
from worker.records.job import Outcome
from worker.records.team import MachineRecord, MachineSummary
from worker.storage.lease import STALE_S, now_s
from worker.storage.retrying import RetryingStore

# What ends the job for all: the source, or what was made of it. Anything else is of one machine.
_FOR_ALL = frozenset({64, 65, 66, 70, 76, 78})


@dataclass(frozen=True, kw_only=True, slots=True)
class Roll:
    """The machines as they were last seen.

    `elsewhere` maps rungs to the frames that the others have stored, `live` counts the machines
    that work, this one included. `missing_frames` could not be decoded by the others. `fault` is
    how one ended that ends the job for all.
    """

    machines: tuple[MachineSummary, ...] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    live: int = 1
    missing_frames: int = 0
    fault: Outcome | None = None


@dataclass(slots=True)
class _Seen:
    """A machine's record, and since when it has not changed."""

    record: MachineRecord | None
    since_s: float

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

    def is_dead(self, owner: str) -> bool:
        """Whether a machine has ended, or has stood still while this one watched it.

        Raises:
            WorkerError: as the store raises it.

        """
        return owner != self._owner and self._look(owner).is_dead

    def fault_of(self, owner: str) -> bool:
        """Whether a machine, as last seen, ended for a reason that is every machine's."""
        seen = self._seen.get(owner)
        return seen is not None and _fault(seen.record) is not None

    def call_the_roll(self) -> Roll:
        """Look at all machines.

        Raises:
            WorkerError: as the store raises it.

        """
        prefix = machines_prefix(self._run, self._team)
        owners = [
            key.removeprefix(prefix).removesuffix(".json") for key in self._store.list(prefix)
        ]
        seen = {owner: self._look(owner) for owner in owners}
        records = {owner: each.record for owner, each in seen.items() if each.record is not None}
        others = [record for owner, record in records.items() if owner != self._owner]
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
            fault=next(filter(None, map(_fault, records.values())), None),
        )

    def _look(self, owner: str) -> _Seen:
        content = self._store.get(machine_key(self._run, self._team, owner))
        record = None
        if content is not None:
            try:
                record = MachineRecord.from_json(content.data)
            except UnreadableRecordError:
                # Of another version: its beat cannot be seen.
                record = None
        seen = self._seen.get(owner)
        if seen is None or seen.record != record:
            seen = self._seen[owner] = _Seen(record, now_s())
        return seen


def ends_for_all(outcome: Outcome) -> bool:
    """Whether an outcome of one machine is that of the whole job."""
    return outcome.exit_status in _FOR_ALL


def _fault(record: MachineRecord | None) -> Outcome | None:
    outcome = record.outcome if record else None
    return outcome if outcome is not None and ends_for_all(outcome) else None


def _summary(record: MachineRecord, *, is_dead: bool) -> MachineSummary:
    outcome = record.outcome
    return MachineSummary(
        number=record.number,
        job_id=record.job_id,
        state="lost" if is_dead and record.state != "ended" else record.state,
        segments=record.segments,
        exit_status=outcome.exit_status if outcome else None,
    )
