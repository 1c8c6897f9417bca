"""Plans the repair of a damaged video: the job to submit again, or why none would help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from ops.audit.finding import Code, Result
from ops.audit.unnamed import is_running
from ops.batch.request import MACHINES, Submission, check, is_share
from ops.errors import UsageError
from ops.repair.options import Found, find_options
from worker.config.location import HttpsLocation, LocalLocation, parse_location
from worker.config.sources import join_sources
from worker.layout import MASTER, STATUS
from worker.publish.manifest import read_manifest
from worker.publish.standing import is_standing
from worker.records.base import UnreadableRecordError
from worker.records.manifest import ManifestRecord
from worker.records.status import StatusRecord
from worker.storage.base import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """A job that makes a damaged video again; None where none would, as `refusal` says.

    `doubts`: why a person should decide whether to submit it.
    """

    destination: str
    submission: Submission | None = None
    doubts: tuple[str, ...] = ()
    refusal: str | None = None


def plan_repair(result: Result, store: Store, given: Mapping[str, str], now: datetime) -> Repair:
    """Plan the repair of a damaged video; `given` options are used as they are.

    Raises:
        UsageError: the given options cannot be used.
        WorkerError: as the store raises it.

    """
    manifest = read_manifest(store)
    if manifest is None:
        return _refused(result, "no readable manifest.json names its source; submit it by hand")
    if refusal := _refusal(result, manifest, store, now):
        return _refused(result, refusal)
    content = store.get(MASTER)
    master = content.data.decode(errors="replace") if content else ""
    found = find_options(manifest, master, given)
    submission = Submission(
        source=join_sources(manifest.sources),
        destination=result.destination,
        options=_machines(_status(store)) | found.options,
        academy=_share_in(manifest),
    )
    try:
        check(submission)
    except UsageError as error:
        return _refused(result, str(error))
    return Repair(
        destination=result.destination,
        submission=submission,
        doubts=tuple(_doubts(result, found)),
    )


def _share_in(manifest: ManifestRecord) -> str | None:
    """Return the academy that the video counted for, unless Batch takes no such share."""
    academy = manifest.academy
    return academy if academy is not None and is_share(academy) else None


def _refused(result: Result, refusal: str) -> Repair:
    return Repair(destination=result.destination, refusal=refusal)


def _refusal(result: Result, manifest: ManifestRecord, store: Store, now: datetime) -> str | None:
    """Return why a resubmission would not help, or cannot be made."""
    if refusal := _source_refusal(manifest):
        return refusal
    if is_running(_status(store), now):
        return "a job is working on it; audit it again when that has ended"
    if any(finding.code is Code.ARCHIVED for finding in result.findings):
        return "objects are in an archive: restore them to another storage class, then audit again"
    if not manifest.missing_rungs and is_standing(store, manifest):
        return (
            'the worker would answer "already published": what it compares is as recorded; if'
            " another audit finds the same, delete the objects that the findings name, then audit"
            " again"
        )
    return None


def _source_refusal(manifest: ManifestRecord) -> str | None:
    try:
        sources = tuple(map(parse_location, manifest.sources))
    except ValueError:
        return "its manifest names a source that cannot be read; submit it by hand"
    for source in sources:
        if isinstance(source, HttpsLocation):
            return (
                "its source was a URL, whose query is not recorded; submit it by hand with a new"
                " one"
            )
        if isinstance(source, LocalLocation):
            return f"its source {source} is a path, which a job cannot reach; submit it by hand"
    return None


def _status(store: Store) -> StatusRecord | None:
    content = store.get(STATUS)
    try:
        return StatusRecord.from_json(content.data) if content else None
    except UnreadableRecordError:
        return None


def _machines(status: StatusRecord | None) -> dict[str, str]:
    """Return as many machines as the last job had; no record says so but its status.json."""
    machines = len(status.machines) if status else 0
    return {MACHINES: str(machines)} if machines > 1 else {}


def _doubts(result: Result, found: Found) -> Iterator[str]:
    if any(finding.code is Code.MASTER_MISSING for finding in result.findings):
        yield f"there is no {MASTER}: was the video taken off on purpose?"
    if found.lacks_subtitles:
        yield (
            "it has subtitles from outside, and no record says where their files are: name them"
            " with --option subtitles=LANGUAGE=LOCATION, or they are left out"
        )
    elif not found.is_proven:
        yield (
            "its options are not known: no options that were tried make its request; what is not"
            " shown here is as the worker's defaults (--option NAME=VALUE)"
        )
