"""Finds what lies at a destination and nothing names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from ops.audit.finding import Code, Finding
from ops.audit.listing import Folder, Listing
from ops.audit.playlist import read_media_playlist
from ops.audit.reading import Reader, Reading
from worker.layout import CHECKPOINT, is_run_name, run_prefix
from worker.publish.manifest import resumable_prefixes
from worker.publish.standing import WITHOUT_DIGESTS
from worker.records.status import StatusRecord

# A running job writes status.json every ten seconds. What it wrote an hour ago is a dead job's, by
# any clock.
_DEAD_AFTER = timedelta(hours=1)


def is_running(status: StatusRecord | None, now: datetime) -> bool:
    """Whether a job works on the destination."""
    if status is None or status.state != "running":
        return False
    try:
        updated = datetime.fromisoformat(status.updated_at)
    except ValueError:
        return False
    return updated.tzinfo is None or now - updated < _DEAD_AFTER


def unnamed_runs(objects: Listing, known: Collection[str]) -> dict[str, list[str]]:
    """Return the keys of each run folder that is not one of `known`."""
    found: dict[str, list[str]] = {}
    for key in objects:
        folder = key.partition("/")[0]
        if folder != key and is_run_name(folder) and folder not in known:
            found.setdefault(folder, []).append(key)
    return found


def run_findings(
    objects: Listing, runs: dict[str, list[str]], status: StatusRecord | None, now: datetime
) -> Iterator[Finding]:
    """Report run folders that nothing names; that of a running job is none of them."""
    for run, keys in sorted(runs.items()):
        of_job = status is not None and status.run == run
        if of_job and is_running(status, now):
            yield _sum(Code.UNFINISHED_RUN, f"{run}/", keys, objects, "a job is working on it")
        else:
            detail = "no record names this run"
            if of_job and status and status.outcome:
                ended = status.outcome
                detail += f"; its job ended with {ended.exit_status} ({ended.name})"
            yield _sum(Code.ORPHANED_RUN, f"{run}/", keys, objects, detail)


def unnamed_files(reading: Reading, named: Collection[str]) -> list[str]:
    """Return the keys below the live run that nothing names; none where that cannot be known.

    What there is of a rung that was given up is not among them.
    """
    manifest, run = reading.current_manifest, reading.run
    if manifest is None or run is None:
        return []
    kept = {*named, f"{run}/{CHECKPOINT}"}
    # An older manifest names neither sheets nor a report.
    loose = ("storyboard", "report.html") if manifest.schema_version == WITHOUT_DIGESTS else ()
    return [
        key
        for key in reading.objects.keys() - kept
        if key.startswith(run_prefix(run))
        and not key.startswith(resumable_prefixes(manifest))
        and key.split("/")[1] not in loose
    ]


def file_findings(reading: Reading, unnamed: Collection[str], reader: Reader) -> Iterator[Finding]:
    """Report files of the live run that nothing names.

    A run that was published before in another form, with other subtitles for example, keeps what
    its former playlists name until the next publish: viewers may still have those.

    Raises:
        ChangedError: an object was written or deleted meanwhile.
        WorkerError: as the store raises it.

    """
    former: set[str] = set()
    for playlist in (key for key in unnamed if key.endswith(".m3u8")):
        text = (reader.read(playlist) or b"").decode(errors="replace")
        folder = playlist.rpartition("/")[0]
        former |= {playlist, *(f"{folder}/{s.name}" for s in read_media_playlist(text).segments)}
    # Images, tracks and the report are made anew with each publication.
    former |= {key for key in unnamed if not _is_of_rendition(key)}
    superseded, orphans = (
        sorted(key for key in unnamed if (key in former) is is_former)
        for is_former in (True, False)
    )
    folder = f"{reading.run}/"
    if superseded:
        detail = f"of a former publication of this run, kept until the next: {superseded[0]}"
        yield _sum(Code.SUPERSEDED_FILES, folder, superseded, reading.objects, detail)
    if orphans:
        detail = f"nothing names them: {', '.join(orphans[:3])}"
        yield _sum(Code.ORPHANED_FILES, folder, orphans, reading.objects, detail)


def _is_of_rendition(key: str) -> bool:
    _, folder, *rest = key.split("/")
    return bool(rest) and folder not in {"storyboard", "thumbnails"}


def other_files(folder: Folder) -> Iterator[Finding]:
    """Report files that are no part of what a worker publishes."""
    if folder.others:
        detail = f"not of a worker: {folder.other_example}"
        yield Finding(code=Code.OTHER_FILES, key="", detail=detail, count=folder.others)


def _sum(code: Code, key: str, keys: Collection[str], objects: Listing, detail: str) -> Finding:
    size = sum(objects[name].bytes for name in keys)
    return Finding(code=code, key=key, detail=detail, count=len(keys), bytes=size)
