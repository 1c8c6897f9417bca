"""Compares what is named with what is listed: there, of the recorded size and checksum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ops.audit.finding import Code, Finding
from ops.audit.playlist import read_media_playlist
from ops.audit.reading import Reader, Reading, playlist_keys
from worker.layout import SEGMENT_PATTERN, digest_in, md5_of
from worker.publish.manifest import published_keys, segment_keys
from worker.publish.standing import WITHOUT_DIGESTS
from worker.records.manifest import ManifestRecord, RenditionRecord

_MISSING = {
    "segment": Code.SEGMENT_MISSING,
    "playlist": Code.PLAYLIST_MISSING,
    "file": Code.FILE_MISSING,
}
_DAMAGED = {
    "segment": Code.SEGMENT_DAMAGED,
    "playlist": Code.PLAYLIST_DAMAGED,
    "file": Code.FILE_DAMAGED,
}

# Read into memory. Of a larger one, a download, size and ETag are compared.
_MOST_READ_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """An object that something names. Unknown is None; `md5` may be its beginning only.

    `kind` is segment, playlist or file; `etag` what the store answered when it was written.
    """

    key: str
    kind: str
    bytes: int | None = None
    md5: str | None = None
    etag: str | None = None


def expected_objects(reading: Reading) -> dict[str, Expected]:
    """Return all that master playlist, media playlists and manifest name, by key."""
    found = {key: _expect(key, "playlist") for key in sorted(reading.named_playlists)}
    for key, data in reading.playlists.items():
        folder = key.rpartition("/")[0]
        for segment in read_media_playlist(data.decode(errors="replace")).segments:
            name = f"{folder}/{segment.name}"
            found.setdefault(name, _expect(name, "segment"))
    if manifest := reading.current_manifest:
        found |= {each.key: each for each in _of_manifest(manifest)}
    for key, stored in reading.recorded.items():
        if key in found:
            found[key] = replace(found[key], bytes=stored.bytes, md5=stored.md5, etag=stored.etag)
    return found


def _of_manifest(manifest: ManifestRecord) -> Iterator[Expected]:
    playlists = set(playlist_keys(manifest))
    yield from (_expect(key, "playlist") for key in playlists)
    for rendition in manifest.renditions:
        keys = rendition_keys(manifest, rendition)
        for key, md5 in zip(keys, rendition.md5, strict=True):
            yield Expected(key=key, kind="segment", md5=md5)
    for download in manifest.downloads:
        yield Expected(
            key=download.key,
            kind="file",
            bytes=download.bytes,
            md5=download.md5,
            etag=download.etag,
        )
    downloads = {download.key for download in manifest.downloads}
    named = {key for key in published_keys(manifest) if key not in playlists | downloads}
    segments = {key for each in manifest.renditions for key in segment_keys(manifest.run, each)}
    yield from (_expect(key, "file") for key in sorted(named - segments))


def rendition_keys(manifest: ManifestRecord, rendition: RenditionRecord) -> list[str]:
    """Return the keys of a rendition's segments; those of an older worker have no digests."""
    if manifest.schema_version != WITHOUT_DIGESTS:
        return list(segment_keys(manifest.run, rendition))
    folder = f"{manifest.run}/{rendition.name}"
    return [f"{folder}/{SEGMENT_PATTERN % index}" for index in range(len(rendition.md5))]


def _expect(key: str, kind: str) -> Expected:
    return Expected(key=key, kind=kind, md5=digest_in(key))


def content_faults(
    reading: Reading, expected: Iterable[Expected], reader: Reader, *, is_deep: bool
) -> Iterator[Finding]:
    """Report what is missing, or is not as it was recorded.

    The listing has sizes and ETags. An ETag that is neither the checksum nor the one that was
    recorded is no proof: that object is read. Where no ETag at all is right, as after a copy to a
    bucket with keys of KMS, one object is read, and the others only if that one is damaged.
    `is_deep`: all are read.

    Raises:
        ChangedError: an object was written or deleted meanwhile.
        WorkerError: as the store raises it.

    """
    checked = []
    for each in expected:
        if fault := _listed_fault(reading, each):
            yield fault
        elif each.md5 and each.key not in reading.playlists:
            checked.append(each)
    if is_deep:
        yield from _read_all(checked, reader)
        return
    are_md5 = any(_is_md5(reading, each) for each in checked)
    recorded = [each for each in checked if each.etag]
    are_recorded = are_md5 or any(_is_as_recorded(reading, each) for each in recorded)
    unread = 0
    for group, is_evidence in (
        (recorded, are_recorded),
        ([each for each in checked if not each.etag], are_md5),
    ):
        unsure = [
            each
            for each in group
            if not _is_md5(reading, each) and not _is_as_recorded(reading, each)
        ]
        faults = [*_read_all(unsure if is_evidence else unsure[:1], reader)]
        if faults and not is_evidence:
            faults += _read_all(unsure[1:], reader)
        elif not is_evidence:
            unread += len(unsure)
        yield from faults
    # Where segments are as they were recorded, images of such a bucket are not worth a note.
    if unread and not are_recorded:
        detail = "the store's ETags are no MD5s: only sizes were compared (--deep reads all)"
        yield Finding(code=Code.NO_CHECKSUMS, key="", detail=detail, count=unread)


def _read_all(objects: Iterable[Expected], reader: Reader) -> Iterator[Finding]:
    for each in objects:
        if (each.bytes or 0) > _MOST_READ_BYTES:
            continue
        data = reader.read(each.key)
        if data is not None and not md5_of(data).startswith(each.md5 or ""):
            yield _damaged(each, f"its checksum is {md5_of(data)}, recorded is {each.md5}")


def size_faults(reading: Reading, *, known: Iterable[Finding]) -> Iterator[Finding]:
    """Report renditions whose segments are not as large as recorded, where none is known to be."""
    manifest = reading.current_manifest
    faulty = {finding.key for finding in known}
    for rendition in manifest.renditions if manifest else ():
        keys = rendition_keys(manifest, rendition) if manifest else []
        if not keys or any(key not in reading.objects or key in faulty for key in keys):
            continue
        found = sum(reading.objects[key].bytes for key in keys)
        if found != rendition.bytes:
            yield Finding(
                code=Code.SEGMENT_DAMAGED,
                key=f"{reading.run}/{rendition.name}/",
                detail=f"its segments have {found} bytes, recorded are {rendition.bytes}",
            )


def _listed_fault(reading: Reading, each: Expected) -> Finding | None:
    stored = reading.objects.get(each.key)
    if stored is None:
        return Finding(
            code=_MISSING[each.kind], key=each.key, detail="is named, and is not in the store"
        )
    if stored.is_archived:
        return Finding(code=Code.ARCHIVED, key=each.key, detail=_ARCHIVED, bytes=stored.bytes)
    if each.bytes is not None and stored.bytes != each.bytes:
        return _damaged(each, f"has {stored.bytes} bytes, recorded are {each.bytes}")
    data = reading.playlists.get(each.key)
    if data is not None and each.md5 and not md5_of(data).startswith(each.md5):
        return _damaged(each, f"its checksum is {md5_of(data)}, its name says {each.md5}")
    if each.kind == "playlist" and data is not None:
        text = data.decode(errors="replace")
        if not read_media_playlist(text).is_valid:
            return _damaged(each, "is no media playlist")
    return None


_ARCHIVED = "is in an archive: restore it to another storage class"


def archived(reading: Reading, keys: Iterable[str]) -> Iterator[Finding]:
    """Report the files of the destination itself that are in an archive."""
    for key in keys:
        if key in reading.objects and reading.objects[key].is_archived:
            yield Finding(code=Code.ARCHIVED, key=key, detail=_ARCHIVED)


def _damaged(each: Expected, detail: str) -> Finding:
    return Finding(code=_DAMAGED[each.kind], key=each.key, detail=detail)


def _is_md5(reading: Reading, each: Expected) -> bool:
    etag = reading.objects[each.key].etag
    return "-" not in etag and bool(each.md5) and etag.startswith(each.md5 or "")


def _is_as_recorded(reading: Reading, each: Expected) -> bool:
    return reading.objects[each.key].etag == each.etag
