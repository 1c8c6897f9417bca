"""What of a published folder is still named, and which uploads are no longer needed. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from ops.keeper.decide import is_live
from worker.config.location import S3Location, parse_location
from worker.hls.master import named_run
from worker.layout import MANIFEST, MASTER, STATUS
from worker.records.base import UnreadableRecordError
from worker.records.manifest import ManifestRecord
from worker.records.status import StatusRecord

# What a destination is known by; a folder that holds none of them is none.
OF_A_DESTINATION = frozenset({MASTER, MANIFEST, STATUS})
# As `worker.plan.digest` names runs.
_RUN = re.compile(r"[0-9a-f]{16}")


class UnclearError(Exception):
    """What is at a destination cannot be read, or is none of a worker's: it is left alone."""


def is_run(name: str) -> bool:
    """Whether a folder may be a run's, by its name."""
    return _RUN.fullmatch(name) is not None


def read_manifest(data: bytes | None) -> ManifestRecord | None:
    """Read manifest.json.

    Raises:
        UnclearError: it is there, and is none.

    """
    try:
        return ManifestRecord.from_json(data) if data is not None else None
    except UnreadableRecordError as error:
        raise UnclearError(f"{MANIFEST} cannot be read: {error}") from error


def named_runs(
    *,
    master: bytes | None,
    manifest: ManifestRecord | None,
    status: bytes | None,
    now: datetime,
) -> frozenset[str]:
    """Return the runs that viewers have or had last, or that a job works on.

    Raises:
        UnclearError: a live job works there, or a file is none of a worker's.

    """
    named = {run for run in (manifest.run, manifest.previous_run) if run} if manifest else set()
    if master is not None:
        run = named_run(master.decode(errors="replace"))
        if run is None:
            raise UnclearError(f"{MASTER} names no run of a worker's")
        named.add(run)
    if status is not None:
        try:
            record = StatusRecord.from_json(status)
        except UnreadableRecordError as error:
            raise UnclearError(f"{STATUS} cannot be read: {error}") from error
        if is_live(record, now):
            raise UnclearError("a job is working on it")
        if record.state == "running" and record.run:
            named.add(record.run)
    return frozenset(named)


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A file of which a published video was made, and the name of its content."""

    location: S3Location
    identity: str


def finished_uploads(
    manifest: ManifestRecord | None, master: bytes | None, *, now: datetime, age: timedelta
) -> tuple[Upload, ...]:
    """Return the files of a video that has been published, whole, for so long; none: keep them.

    Those of which a clip is published are kept: the rest of them is nowhere else.
    """
    if manifest is None or master is None or manifest.missing_rungs or manifest.clip:
        return ()
    if named_run(master.decode(errors="replace")) != manifest.run:
        return ()
    files = [(part.source, part.identity) for part in manifest.parts]
    try:
        published = datetime.fromisoformat(manifest.published_at)
        found = [
            (parse_location(source), identity)
            for source, identity in files or [(manifest.source, manifest.source_identity)]
        ]
    except ValueError:
        return ()
    if published.tzinfo is None or now - published < age:
        return ()
    uploads = [
        Upload(location=location, identity=identity)
        for location, identity in found
        if isinstance(location, S3Location)
    ]
    return tuple(uploads) if len(uploads) == len(found) else ()
