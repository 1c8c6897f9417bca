"""What an audit finds, and its result of one destination."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import computed_field

from worker.records.base import Record
from worker.storage.base import StoredObject


class Severity(StrEnum):
    """What a finding means to viewers, and to whoever pays for the storage."""

    DAMAGE = "damage"
    """A viewer or player misses something, or will."""
    WASTE = "waste"
    """Nothing names it any more; it only costs storage."""
    NOTE = "note"
    """Worth knowing; nothing is to be done."""


class Code(StrEnum):
    """What was found; docs/operations.md has a row for each."""

    MASTER_MISSING = "master_missing"
    MASTER_DAMAGED = "master_damaged"
    RUN_MISSING = "run_missing"
    MANIFEST_MISSING = "manifest_missing"
    MANIFEST_UNREADABLE = "manifest_unreadable"
    MANIFEST_OF_OTHER_RUN = "manifest_of_other_run"
    PLAYLIST_MISSING = "playlist_missing"
    PLAYLIST_DAMAGED = "playlist_damaged"
    SEGMENT_MISSING = "segment_missing"
    SEGMENT_DAMAGED = "segment_damaged"
    FILE_MISSING = "file_missing"
    FILE_DAMAGED = "file_damaged"
    THUMBNAIL_MISSING = "thumbnail_missing"
    THUMBNAIL_DAMAGED = "thumbnail_damaged"
    ARCHIVED = "archived"
    CODECS_MISSING = "codecs_missing"
    GROUP_MISSING = "group_missing"
    RENDITION_NOT_NAMED = "rendition_not_named"
    TARGET_DURATION = "target_duration"
    NO_END = "no_end"
    SEGMENT_COUNT = "segment_count"
    DURATION = "duration"
    RUNGS_DIFFER = "rungs_differ"
    KEY_MISSING = "key_missing"
    BYTE_RANGE = "byte_range"
    ORPHANED_RUN = "orphaned_run"
    ORPHANED_FILES = "orphaned_files"
    SUPERSEDED_FILES = "superseded_files"
    UNFINISHED_RUN = "unfinished_run"
    BEING_PUBLISHED = "being_published"
    OTHER_FILES = "other_files"
    OTHER_THUMBNAIL = "other_thumbnail"
    NO_CHECKSUMS = "no_checksums"


_WASTE = frozenset({Code.ORPHANED_RUN, Code.ORPHANED_FILES})
_NOTES = frozenset(
    {
        Code.SUPERSEDED_FILES,
        Code.UNFINISHED_RUN,
        Code.BEING_PUBLISHED,
        Code.OTHER_FILES,
        Code.OTHER_THUMBNAIL,
        Code.NO_CHECKSUMS,
    }
)


class Finding(Record):
    """One finding; `key` is relative to the destination, and names a folder where it ends so."""

    code: Code
    key: str
    detail: str
    count: int = 1
    bytes: int = 0

    @computed_field  # type: ignore[prop-decorator] # as pydantic's documentation has it
    @property
    def severity(self) -> Severity:
        """What it means."""
        if self.code in _WASTE:
            return Severity.WASTE
        return Severity.NOTE if self.code in _NOTES else Severity.DAMAGE


class Verdict(StrEnum):
    """What an audit says of a destination as a whole."""

    CLEAN = "clean"
    WASTE = "waste"
    DAMAGED = "damaged"
    UNPUBLISHED = "unpublished"


class Result(Record):
    """What an audit found at one destination; a line of its state and of its JSON.

    `listing` is a digest of all that was listed there. `is_deep`: all bytes were read. A result is
    not settled while a job works there.
    """

    _indent = None

    schema_version: Literal[1] = 1
    destination: str
    listing: str
    is_deep: bool
    is_published: bool
    is_settled: bool
    run: str | None
    objects: int
    bytes: int
    findings: tuple[Finding, ...]

    @computed_field  # type: ignore[prop-decorator] # as pydantic's documentation has it
    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        found = {finding.severity for finding in self.findings}
        if Severity.DAMAGE in found:
            return Verdict.DAMAGED
        if not self.is_published:
            return Verdict.UNPUBLISHED
        return Verdict.WASTE if Severity.WASTE in found else Verdict.CLEAN

    @property
    def is_damaged(self) -> bool:
        """Whether viewers miss something."""
        return self.verdict is Verdict.DAMAGED


def listing_digest(objects: Mapping[str, StoredObject]) -> str:
    """Name a listing: another name means that something there was written or deleted since."""
    digest = hashlib.sha256()
    for key, stored in sorted(objects.items()):
        digest.update(f"{key}\0{stored.bytes}\0{stored.etag}\n".encode())
    return digest.hexdigest()[:32]
