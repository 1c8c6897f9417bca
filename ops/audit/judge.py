"""Judges one destination: what is damaged, what is waste, what is worth a note."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ops.audit.contents import archived, content_faults, expected_objects, size_faults
from ops.audit.finding import Code, Finding, Result, listing_digest
from ops.audit.listing import ROOT_FILES, Folder, ListedObject
from ops.audit.playlist import MediaPlaylist, read_master, read_media_playlist
from ops.audit.reading import (
    ChangedError,
    Reader,
    Reading,
    playlist_keys,
    read_destination,
    renditions_by_playlist,
)
from ops.audit.rules import key_faults, master_faults, media_faults, range_faults, rung_faults
from ops.audit.unnamed import (
    file_findings,
    is_running,
    other_files,
    run_findings,
    unnamed_files,
    unnamed_runs,
)
from worker.layout import MANIFEST, MASTER, STATUS, THUMBNAIL, digest_in, md5_of, run_prefix
from worker.publish.standing import is_master_of, is_thumbnail_of, is_whole_jpeg
from worker.records.base import UnreadableRecordError
from worker.records.status import StatusRecord
from worker.storage.base import Store

_ATTEMPTS = 3
# Of records that disagree while a job is between two of its writes.
_PASSING = frozenset(
    {
        Code.MANIFEST_OF_OTHER_RUN,
        Code.MANIFEST_MISSING,
        Code.MASTER_DAMAGED,
        Code.RENDITION_NOT_NAMED,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """Judges destinations. `is_deep`: every byte is read."""

    is_deep: bool
    now: Callable[[], datetime]

    def judge(
        self, name: str, folder: Folder, store: Store, relist: Callable[[], Folder]
    ) -> Result:
        """Judge one destination; where it changes meanwhile, it is listed and judged again.

        The records are listed last, and may be so minutes after the segments: those of a job that
        publishes in between name what the listing lacks. So damage counts only by a listing
        that was begun when the same records were there, or that another one confirms.

        Raises:
            WorkerError: as the store raises it.

        """
        before = None
        for _ in range(_ATTEMPTS):
            result, records = None, _records(folder)
            with suppress(ChangedError):
                result = self._judge(name, folder, store)
            if result and (not result.is_damaged or records == before):
                return result
            again = relist()
            if result and again.objects == folder.objects:
                return result
            before, folder = records, again
        detail = "is written all the time; audit it again later"
        finding = Finding(code=Code.BEING_PUBLISHED, key="", detail=detail)
        return self._result(name, folder, run=None, findings=[finding], is_settled=False)

    def _judge(self, name: str, folder: Folder, store: Store) -> Result:
        reader = Reader(folder.objects, store)
        reading = read_destination(folder.objects, reader)
        findings = [*_record_faults(reading, reader)] if _is_published(folder) else []
        expected = expected_objects(reading)
        if reading.run and any(k.startswith(run_prefix(reading.run)) for k in reading.objects):
            objects = sorted(expected.values(), key=lambda each: each.key)
            findings += content_faults(reading, objects, reader, is_deep=self.is_deep)
            findings += size_faults(reading, known=findings)
            findings += _rule_faults(reading)
        findings += archived(reading, sorted(ROOT_FILES))
        files = unnamed_files(reading, expected)
        runs = unnamed_runs(reading.objects, _known_runs(reading)) if _knows_runs(reading) else {}
        running = False
        if files or runs or not _PASSING.isdisjoint(f.code for f in findings):
            status = _read_status(reader)
            running = is_running(status, self.now())
            findings += run_findings(reading.objects, runs, status, self.now())
            if running:
                findings = [_passing(finding) for finding in findings]
            else:
                findings += file_findings(reading, files, reader)
        findings += other_files(folder)
        return self._result(
            name, folder, run=reading.run, findings=findings, is_settled=not running
        )

    def _result(
        self,
        name: str,
        folder: Folder,
        *,
        run: str | None,
        findings: list[Finding],
        is_settled: bool,
    ) -> Result:
        return Result(
            destination=name,
            listing=listing_digest(folder.objects),
            is_deep=self.is_deep,
            is_published=_is_published(folder),
            is_settled=is_settled,
            run=run,
            objects=len(folder.objects) + folder.others,
            bytes=sum(stored.bytes for stored in folder.objects.values()),
            findings=tuple(findings),
        )


def _records(folder: Folder) -> tuple[ListedObject | None, ...]:
    """Return what names all that viewers get, as it was listed."""
    return folder.objects.get(MASTER), folder.objects.get(MANIFEST)


def _is_published(folder: Folder) -> bool:
    return MASTER in folder.objects or MANIFEST in folder.objects


def _knows_runs(reading: Reading) -> bool:
    """Whether the records say which runs are in use; a damaged one may have named another."""
    is_unpublished = MASTER not in reading.objects and MANIFEST not in reading.objects
    return is_unpublished or (reading.manifest is not None and reading.run is not None)


def _known_runs(reading: Reading) -> set[str]:
    manifest = reading.manifest
    named = {reading.run} | ({manifest.run, manifest.previous_run} if manifest else set())
    return {run for run in named if run}


def _passing(finding: Finding) -> Finding:
    if finding.code not in _PASSING:
        return finding
    detail = f"a job is publishing: {finding.code} ({finding.detail})"
    return finding.model_copy(update={"code": Code.BEING_PUBLISHED, "detail": detail})


def _read_status(reader: Reader) -> StatusRecord | None:
    try:
        data = reader.read(STATUS)
        return StatusRecord.from_json(data) if data else None
    except UnreadableRecordError:
        return None


def _record_faults(reading: Reading, reader: Reader) -> Iterator[Finding]:
    """Report what is wrong with the files of the destination itself."""
    yield from _master_faults(reading)
    manifest = reading.manifest
    if MANIFEST not in reading.objects:
        yield Finding(code=Code.MANIFEST_MISSING, key=MANIFEST, detail="there is none")
    elif reading.manifest_problem:
        yield Finding(code=Code.MANIFEST_UNREADABLE, key=MANIFEST, detail=reading.manifest_problem)
    elif manifest and reading.run != manifest.run:
        yield Finding(
            code=Code.MANIFEST_OF_OTHER_RUN,
            key=MANIFEST,
            detail=f"is of run {manifest.run}, {MASTER} of {reading.run}",
        )
    yield from _thumbnail_faults(reading, reader)


def _master_faults(reading: Reading) -> Iterator[Finding]:
    if MASTER not in reading.objects:
        detail = "there is none; on purpose, where the video was taken off"
        yield Finding(code=Code.MASTER_MISSING, key=MASTER, detail=detail)
        return
    if reading.master is None:
        return
    manifest, run = reading.current_manifest, reading.named_run
    if run is None:
        yield Finding(code=Code.MASTER_DAMAGED, key=MASTER, detail="names no run, or several")
    elif not any(key.startswith(run_prefix(run)) for key in reading.objects):
        yield Finding(code=Code.RUN_MISSING, key=f"{run}/", detail=f"{MASTER} names it")
    elif manifest and not is_master_of(manifest, reading.master):
        missing = sorted(set(playlist_keys(manifest)) - reading.named_playlists)
        if missing and reading.master.startswith(b"#EXTM3U"):
            for key in missing:
                detail = f"{MASTER} does not name this playlist of the manifest"
                yield Finding(code=Code.RENDITION_NOT_NAMED, key=key, detail=detail)
        else:
            detail = "is not the one that was published with the manifest"
            yield Finding(code=Code.MASTER_DAMAGED, key=MASTER, detail=detail)
    elif not reading.master.startswith(b"#EXTM3U"):
        yield Finding(code=Code.MASTER_DAMAGED, key=MASTER, detail="does not begin with #EXTM3U")


def _thumbnail_faults(reading: Reading, reader: Reader) -> Iterator[Finding]:
    stored, manifest = reading.objects.get(THUMBNAIL), reading.manifest
    if stored is None:
        yield Finding(code=Code.THUMBNAIL_MISSING, key=THUMBNAIL, detail="there is none")
        return
    digests = [
        digest for key in (manifest.thumbnails if manifest else ()) if (digest := digest_in(key))
    ]
    if any(stored.etag.startswith(digest) for digest in digests) and "-" not in stored.etag:
        return
    data = reader.read(THUMBNAIL)
    if data is None:
        return
    is_whole = is_thumbnail_of(manifest, data) if digests and manifest else is_whole_jpeg(data)
    if not is_whole:
        detail = f"is no whole JPEG ({len(data)} bytes)"
        yield Finding(code=Code.THUMBNAIL_DAMAGED, key=THUMBNAIL, detail=detail)
    elif digests and manifest and not _is_own(data, digests):
        detail = "another image was put over the worker's"
        yield Finding(code=Code.OTHER_THUMBNAIL, key=THUMBNAIL, detail=detail)


def _is_own(data: bytes, digests: list[str]) -> bool:
    return any(md5_of(data).startswith(digest) for digest in digests)


def _rule_faults(reading: Reading) -> Iterator[Finding]:
    """Report what keeps playlists that are there from playing."""
    streams = read_master(reading.master_text) if reading.named_run else ()
    yield from master_faults(MASTER, streams)
    shown = {s.uri for s in streams if s.tag == "EXT-X-STREAM-INF" and "RESOLUTION" in s.attributes}
    manifest = reading.current_manifest
    duration_s = manifest.duration_s if manifest else None
    renditions = renditions_by_playlist(manifest) if manifest else {}
    rungs: dict[str, MediaPlaylist] = {}
    for key, data in reading.playlists.items():
        playlist = read_media_playlist(data.decode(errors="replace"))
        if not playlist.is_valid:
            continue
        rendition = renditions.get(key)
        yield from media_faults(
            key,
            playlist,
            segments=rendition.segments if rendition else None,
            duration_s=duration_s,
        )
        yield from range_faults(key, playlist, reading.objects)
        is_clear = rendition is None or rendition.kind == "subtitles"
        encryption = manifest.encryption if manifest and not is_clear else None
        yield from key_faults(key, playlist, encryption.key_uri if encryption else None)
        if key in shown:
            rungs[key] = playlist
    yield from rung_faults(rungs, duration_s)
