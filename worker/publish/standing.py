"""Whether what a manifest names is what viewers have: all of it, and undamaged as far as listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from worker.hls.master import uris
from worker.layout import MASTER, MEDIA_PLAYLIST, THUMBNAIL, digest_in, md5_of, run_prefix
from worker.publish.manifest import published_keys, segment_keys
from worker.records.manifest import ManifestRecord, RenditionRecord
from worker.storage.base import ListingDeniedError, Store, StoredObject

WITHOUT_DIGESTS = 2
# What a JPEG begins and ends with (ITU-T T.81, table B.1).
_START_OF_IMAGE, _END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"
# An object that was uploaded in parts has an ETag that is no MD5 of its content.
_PARTS = "-"

Listing = Mapping[str, StoredObject]


def is_published(store: Store, manifest: ManifestRecord | None, request: str) -> bool:
    """Whether viewers already have what this job would make.

    The manifest says so, and it is standing. A run that was published without a rung, for lack of
    time, may be completed.
    """
    if manifest is None or manifest.request != request or manifest.missing_rungs:
        return False
    return is_standing(store, manifest)


def is_standing(store: Store, manifest: ManifestRecord) -> bool:
    """Whether viewers have what a manifest names, all of it.

    The master playlist and the thumbnail are read. The rest is compared with what the store lists,
    where the job may list: names, sizes, and ETags where they are MD5s.
    """
    master, thumbnail = store.get(MASTER), store.get(THUMBNAIL)
    if master is None or not is_master_of(manifest, master.data):
        return False
    if thumbnail is None or not is_thumbnail_of(manifest, thumbnail.data):
        return False
    try:
        listing = store.list(run_prefix(manifest.run))
    except ListingDeniedError:
        return True
    if manifest.schema_version == WITHOUT_DIGESTS:
        return _is_listed_without_digests(manifest, listing)
    return set(published_keys(manifest)) <= set(listing) and not is_any_damaged(manifest, listing)


def is_master_of(manifest: ManifestRecord, master: bytes) -> bool:
    """Whether a master playlist is the one that was published with a manifest.

    One that records no checksum of it is compared by the playlists that both name.
    """
    if manifest.master_md5:
        return md5_of(master) == manifest.master_md5
    named = {
        f"{manifest.run}/{rendition.name}/{playlist}"
        for rendition in manifest.renditions
        for playlist in rendition.playlists or (MEDIA_PLAYLIST,)
    }
    found = set(uris(master.decode(errors="replace")))
    if manifest.schema_version == WITHOUT_DIGESTS:
        return bool(found) and all(uri.startswith(run_prefix(manifest.run)) for uri in found)
    return found == named


def is_thumbnail_of(manifest: ManifestRecord, data: bytes) -> bool:
    """Whether an image is one of a manifest's thumbnails, or another whole one put over it."""
    digests = {digest_in(key) for key in manifest.thumbnails} - {None}
    is_own = any(md5_of(data).startswith(digest) for digest in digests if digest)
    return is_own or (is_whole_jpeg(data) if digests else bool(data))


def is_whole_jpeg(data: bytes) -> bool:
    """Whether an image begins and ends as a JPEG does."""
    return data.startswith(_START_OF_IMAGE) and data.rstrip(b"\0").endswith(_END_OF_IMAGE)


def is_any_damaged(manifest: ManifestRecord, listing: Listing) -> bool:
    """Whether a listing of all of it has anything in another size or with another checksum."""
    sizes_differ = any(
        sum(listing[key].bytes for key in segment_keys(manifest.run, rendition)) != rendition.bytes
        for rendition in manifest.renditions
    )
    sizes_differ = sizes_differ or any(
        listing[download.key].bytes != download.bytes for download in manifest.downloads
    )
    return sizes_differ or bool(suspects(listing, published_keys(manifest)))


def suspects(listing: Listing, keys: Iterable[str]) -> list[str]:
    """Return the listed keys whose ETags are not those of the digests in their names.

    A store whose ETags are MD5s has a right one beside a wrong one. Where none is right they are
    something else, as with keys of KMS, and nothing is suspected.
    """
    found = [
        (key, listing[key].etag.startswith(digest))
        for key in keys
        if key in listing and _PARTS not in listing[key].etag and (digest := digest_in(key))
    ]
    are_md5 = any(is_right for _, is_right in found)
    return [key for key, is_right in found if not is_right] if are_md5 else []


def _is_listed_without_digests(manifest: ManifestRecord, listing: Listing) -> bool:
    named = [manifest.storyboard, manifest.chapters_track, *manifest.thumbnails]
    return all(key in listing for key in named if key) and all(
        _is_complete(listing, f"{manifest.run}/{rendition.name}/", rendition)
        for rendition in manifest.renditions
    )


def _is_complete(listing: Listing, folder: str, rendition: RenditionRecord) -> bool:
    """Whether the store lists all of a rendition."""
    playlists = {MEDIA_PLAYLIST, *rendition.playlists}
    names = {key.removeprefix(folder) for key in listing if key.startswith(folder)}
    return playlists <= names and len(names - playlists) == rendition.segments
