"""Deletes runs that nothing names and uploads that are published, so many requests at a time.

The folders below a prefix are walked in the order of the store. Where the requests are spent, the
next run goes on; after a whole walk, the next one begins a day later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import explain
from ops.keeper.bucket import Bucket, Level, SpentError
from ops.keeper.named import (
    OF_A_DESTINATION,
    UnclearError,
    Upload,
    finished_uploads,
    is_run,
    named_runs,
    read_manifest,
)
from worker.config.location import S3Location
from worker.errors import NoSourceError, WorkerError
from worker.layout import MANIFEST, MASTER, STATUS
from worker.records.base import Record, UnreadableRecordError
from worker.records.manifest import ManifestRecord
from worker.storage.base import RemoteFile

MAX_REQUESTS = 500
# Where a walk stands; beside what is walked, and allowed by the same permission as keeper.json.
_CURSOR = ".keeper.json"
_BETWEEN_WALKS = timedelta(days=1)


class CursorRecord(Record):
    """How far a walk got: the last destination that is done."""

    schema_version: Literal[1] = 1
    after: str = ""
    finished_at: str | None = None


@dataclass(kw_only=True, slots=True)
class Cleaner:
    """One run of cleaning. `*_after` None: those are kept.

    `open_source` opens an upload; `delete_source` deletes it. `is_busy`: whether the queue has
    something to do for a destination; `is_needed`: whether for a source.
    """

    bucket: Bucket
    prefix: str
    now: datetime
    runs_after: timedelta | None
    uploads_after: timedelta | None
    open_source: Callable[[S3Location], RemoteFile]
    delete_source: Callable[[S3Location], None]
    is_busy: Callable[[str], bool]
    is_needed: Callable[[str], bool]
    dry_run: bool
    deleted: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def clean(self) -> None:
        """Walk on from where the last run stopped; a dry run walks from the beginning."""
        cursor = CursorRecord() if self.dry_run else self._read_cursor()
        if self._is_resting(cursor):
            return
        after = cursor.after
        try:
            for level in self._destinations(self.prefix, after):
                self._clean(level)
                after = level.prefix
        except SpentError:
            self.notes.append(
                f"cleaning stopped after {after or 'nothing'}: all requests of this run are spent"
                " (--max-requests)"
            )
            self._write_cursor(CursorRecord(after=after))
        except (BotoCoreError, ClientError) as error:
            self.notes.append(f"cleaning stopped: {explain(error)}")
        else:
            self._write_cursor(CursorRecord(finished_at=self.now.isoformat()))

    def _destinations(self, prefix: str, after: str) -> Iterator[Level]:
        level = self.bucket.level(prefix)
        if level.names & OF_A_DESTINATION:
            yield level
        runs = {f for f in level.folders if is_run(_name(f)) and level.names & OF_A_DESTINATION}
        for folder in level.folders:
            is_done = folder == after or (folder < after and not after.startswith(folder))
            if not is_done and folder not in runs:
                yield from self._destinations(folder, after)

    def _clean(self, level: Level) -> None:
        """Clean one destination; what is not clear there is left alone."""
        name = f"s3://{self.bucket.name}/{level.prefix.rstrip('/')}"
        if self.is_busy(name):
            return
        try:
            if self.runs_after is not None:
                self._clean_runs(level, self.runs_after)
            if self.uploads_after is not None:
                self._clean_upload(level, self.uploads_after)
        except (UnclearError, WorkerError) as reason:
            self.notes.append(f"{name} is left as it is: {reason}")

    def _clean_runs(self, level: Level, age: timedelta) -> None:
        runs = [folder for folder in level.folders if is_run(_name(folder))]
        # The one that is published, as in most destinations.
        if len(runs) <= (MASTER in level.names):
            return
        named = self._named(level)
        for folder in runs:
            if _name(folder) in named:
                continue
            objects = self.bucket.objects(folder)
            is_destination = any(folder + name in objects for name in OF_A_DESTINATION)
            if not objects or is_destination or self.now - max(objects.values()) < age:
                continue
            # Again, as late as possible: a job may have begun meanwhile, and go on with this run.
            if _name(folder) in self._named(level):
                continue
            if not self.dry_run:
                self.bucket.delete(objects)
            self.deleted.append(f"s3://{self.bucket.name}/{folder} ({len(objects)} objects)")

    def _named(self, level: Level) -> frozenset[str]:
        return named_runs(
            master=self._read(level, MASTER),
            manifest=self._manifest(level),
            status=self._read(level, STATUS),
            now=self.now,
        )

    def _clean_upload(self, level: Level, age: timedelta) -> None:
        manifest = self._manifest(level)
        uploads = finished_uploads(manifest, self._read(level, MASTER), now=self.now, age=age)
        if manifest is None or any(self.is_needed(str(each.location)) for each in uploads):
            return
        # What is given twice, to be shown twice, is one file.
        for upload in dict.fromkeys(uploads):
            if self._is_there(upload):
                if not self.dry_run:
                    self.bucket.allowance.spend()
                    self.delete_source(upload.location)
                self.deleted.append(f"{upload.location} (published {manifest.published_at})")

    def _is_there(self, upload: Upload) -> bool:
        """Whether an upload is still the file of which the video was made."""
        self.bucket.allowance.spend()
        try:
            return self.open_source(upload.location).identity == upload.identity
        except NoSourceError:
            # Gone already.
            return False

    def _manifest(self, level: Level) -> ManifestRecord | None:
        return read_manifest(self._read(level, MANIFEST))

    def _read(self, level: Level, name: str) -> bytes | None:
        return self.bucket.read(level.prefix + name)

    def _read_cursor(self) -> CursorRecord:
        data = self.bucket.read(self.prefix + _CURSOR)
        try:
            return CursorRecord.from_json(data) if data else CursorRecord()
        except UnreadableRecordError:
            return CursorRecord()

    def _write_cursor(self, cursor: CursorRecord) -> None:
        if not self.dry_run:
            self.bucket.write(self.prefix + _CURSOR, cursor.to_json())

    def _is_resting(self, cursor: CursorRecord) -> bool:
        if cursor.finished_at is None:
            return False
        return self.now - datetime.fromisoformat(cursor.finished_at) < _BETWEEN_WALKS


def _name(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2]
