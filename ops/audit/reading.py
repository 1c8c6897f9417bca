"""Reads the small files of a destination: records and playlists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ops.audit.listing import Listing
from worker.hls.master import named_run, uris
from worker.layout import CHECKPOINT, MANIFEST, MASTER, MEDIA_PLAYLIST
from worker.records.base import UnreadableRecordError
from worker.records.checkpoint import CheckpointRecord
from worker.records.manifest import ManifestRecord, RenditionRecord
from worker.records.segment import Segment
from worker.storage.base import Store


class ChangedError(Exception):
    """An object is not the one that was listed: a job is publishing, or something was deleted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A destination as it was listed, and what its small files say.

    `run`: the one that the master playlist names, or else the manifest. `recorded`: the segments of
    its checkpoint, by key. `playlists`: the bytes of those that are there, by key.
    """

    objects: Listing
    master: bytes | None
    manifest: ManifestRecord | None
    manifest_problem: str | None
    run: str | None
    recorded: Mapping[str, Segment] = field(default_factory=dict)
    playlists: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def named_run(self) -> str | None:
        """The run that the master playlist names."""
        return named_run(self.master_text) if self.master is not None else None

    @property
    def master_text(self) -> str:
        """The master playlist as text; empty where there is none."""
        return (self.master or b"").decode(errors="replace")

    @property
    def named_playlists(self) -> frozenset[str]:
        """What the master playlist names; nothing where it is none."""
        return frozenset(uris(self.master_text)) if self.named_run else frozenset()

    @property
    def current_manifest(self) -> ManifestRecord | None:
        """The manifest, where it is that of the run that viewers have."""
        return self.manifest if self.manifest and self.manifest.run == self.run else None


class Reader:
    """Reads objects of one destination, as they were listed."""

    def __init__(self, objects: Listing, store: Store) -> None:
        self._objects = objects
        self._store = store

    def read(self, key: str) -> bytes | None:
        """Read an object; None where none was listed, or it is in an archive.

        Raises:
            ChangedError: it is another one by now, or gone.
            WorkerError: as the store raises it.

        """
        listed = self._objects.get(key)
        if listed is None or listed.is_archived:
            return None
        content = self._store.get(key)
        if content is None or (listed.etag and content.etag != listed.etag):
            raise ChangedError(key)
        return content.data


def read_destination(objects: Listing, reader: Reader) -> Reading:
    """Read records and playlists: few requests, however long the video is.

    Raises:
        ChangedError: a job is publishing right now.
        WorkerError: as the store raises it.

    """
    master, data = reader.read(MASTER), reader.read(MANIFEST)
    manifest, problem = _parse_manifest(data)
    text = (master or b"").decode(errors="replace")
    run = named_run(text) or (manifest.run if manifest else None)
    current = manifest if manifest and manifest.run == run else None
    named = uris(text) if named_run(text) else ()
    keys = {*named, *(playlist_keys(current) if current else ())}
    found = {key: content for key in sorted(keys) if (content := reader.read(key)) is not None}
    return Reading(
        objects=objects,
        master=master,
        manifest=manifest,
        manifest_problem=problem,
        run=run,
        recorded=_recorded(run, reader) if run else {},
        playlists=found,
    )


def playlist_keys(manifest: ManifestRecord) -> Iterable[str]:
    """Return the keys of all media playlists that a manifest names."""
    return renditions_by_playlist(manifest).keys()


def renditions_by_playlist(manifest: ManifestRecord) -> dict[str, RenditionRecord]:
    """Map the keys of media playlists to renditions; an older manifest may name none of one."""
    return {
        f"{manifest.run}/{rendition.name}/{name}": rendition
        for rendition in manifest.renditions
        for name in rendition.playlists or (MEDIA_PLAYLIST,)
    }


def _parse_manifest(data: bytes | None) -> tuple[ManifestRecord | None, str | None]:
    if data is None:
        return None, None
    try:
        return ManifestRecord.from_json(data), None
    except UnreadableRecordError as error:
        return None, str(error)


def _recorded(run: str, reader: Reader) -> dict[str, Segment]:
    """Read what the checkpoint records of each segment: its size, and the ETag it was given."""
    try:
        data = reader.read(f"{run}/{CHECKPOINT}")
        segments = CheckpointRecord.from_json(data).segments if data else ()
    except (ChangedError, UnreadableRecordError):
        # A job is writing it, or an older worker wrote it; the rest can be compared all the same.
        return {}
    return {f"{run}/{segment.name}": segment for segment in segments}
