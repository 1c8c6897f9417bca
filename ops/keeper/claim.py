"""keeper.json at a destination: which keeper resubmits what, and what was reported.

SubmitJob has no token that makes it idempotent. So a keeper first replaces this object, on the
condition that it is still as it was read: of two keepers that decide the same, one gets it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from worker.layout import KEEPER, json_file
from worker.records.base import Record, UnreadableRecordError
from worker.storage.base import Content, PreconditionFailedError, Store

_MOST_REPORTED = 20


class KeeperRecord(Record):
    """The last resubmission of a destination, and the jobs that were reported to a person."""

    _indent: ClassVar[int | None] = None

    schema_version: Literal[1] = 1
    # Random name of the run that wrote this: two of them never write the same bytes.
    writer: str | None = None
    claimed_at: str | None = None
    failed_job: str | None = None
    number: int = 0
    cause: str | None = None
    # Null until SubmitJob has answered.
    job: str | None = None
    # The last ones: an answer of Batch that comes late may show an older job as the newest.
    reported_jobs: tuple[str, ...] = ()


@dataclass(slots=True)
class Claim:
    """keeper.json of one destination, as this keeper read or wrote it last."""

    store: Store
    writer: str
    record: KeeperRecord
    etag: str | None

    def take(self, *, failed_job: str, number: int, cause: str, now: datetime) -> bool:
        """Claim the resubmission of a job; False where another keeper was as quick."""
        return self._replace(
            claimed_at=now.isoformat(),
            failed_job=failed_job,
            number=number,
            cause=cause,
            job=None,
        )

    def note_job(self, job_id: str) -> bool:
        """Write which job was submitted."""
        return self._replace(job=job_id)

    def withdraw(self) -> bool:
        """Give the claim back: nothing was submitted."""
        return self._replace(claimed_at=None)

    def note_report(self, job_id: str) -> bool:
        """Write which job is reported; False where another keeper reports it."""
        reported = (*self.record.reported_jobs, job_id)
        return self._replace(reported_jobs=reported[-_MOST_REPORTED:])

    def forget_report(self, job_id: str) -> bool:
        """Write that a job was not reported after all."""
        left = tuple(each for each in self.record.reported_jobs if each != job_id)
        return self._replace(reported_jobs=left)

    def _replace(self, **fields: object) -> bool:
        record = self.record.model_copy(update={**fields, "writer": self.writer})
        file = json_file(KEEPER, record.to_json())
        try:
            self.etag = self.store.replace(file, etag=self.etag).etag
        except PreconditionFailedError:
            # An attempt whose answer was lost may have been made all the same.
            found = self.store.get(KEEPER)
            if found is None or found.data != file.data:
                return False
            self.etag = found.etag
        else:
            # A store that ignores conditions lets both write; the last one has it.
            found = self.store.get(KEEPER)
            if found is None or found.data != file.data:
                return False
        self.record = record
        return True


def read_claim(store: Store, writer: str) -> Claim:
    """Read keeper.json; what is none of this version counts as empty, and is replaced."""
    content = store.get(KEEPER)
    etag = content.etag if content else None
    return Claim(store=store, writer=writer, record=_record(content), etag=etag)


def _record(content: Content | None) -> KeeperRecord:
    try:
        return KeeperRecord.from_json(content.data) if content else KeeperRecord()
    except UnreadableRecordError:
        return KeeperRecord()
