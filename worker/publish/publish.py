"""Publishes a verified run: its small files, then the one PUT that viewers see, then the record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from worker.errors import TakenError, WorkerError
from worker.hls.master import named_run, render_master_playlist
from worker.hls.playlist import render_playlists
from worker.hls.run import Run
from worker.images.model import ImageSet
from worker.layout import (
    MANIFEST,
    File,
    json_file,
    master_file,
    md5_of,
    report_file,
    thumbnail_file,
)
from worker.publish.manifest import Origin, make_manifest
from worker.records.manifest import DownloadRecord, ManifestRecord
from worker.report.load import load_figures
from worker.report.render import render_page
from worker.storage.base import Content, PreconditionFailedError
from worker.storage.retrying import RetryingStore
from worker.upload.objects import put_all

_GRACE_S = 8.0
_REPLACE_ATTEMPTS = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """A run with its images, and what its manifest says of where they come from.

    `previous` is the manifest that is replaced.
    """

    run: Run
    images: ImageSet
    origin: Origin
    previous: ManifestRecord | None
    downloads: Sequence[DownloadRecord] = ()
    with_report: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """What viewers have now, and the master playlist that they had until then."""

    manifest: ManifestRecord
    master: File
    replaced_master: str | None


def publish(
    publication: Publication,
    store: RetryingStore,
    *,
    confirm: Callable[[], None],
    threads: int,
) -> Published:
    """Write everything that names the run, then the master playlist, then the manifest.

    `confirm` is called right before a file of the destination itself is replaced, and raises where
    this job no longer may.

    Raises:
        TakenError: the destination is another job's.
        WorkerError: as the store and `confirm` raise it.

    """
    run, images = publication.run, publication.images
    playlists = render_playlists(run)
    manifest = make_manifest(run, playlists, images, origin=publication.origin)
    manifest = manifest.model_copy(update={"downloads": tuple(publication.downloads)})
    files = [*playlists.files(), *images.files()]
    if publication.with_report:
        report = _render_report(manifest, publication)
        manifest = manifest.model_copy(update={"report": report.key})
        files.append(report)
    put_all(store, files, threads=threads)
    replace_confirmed(store, thumbnail_file(images.thumbnails[0].data), confirm)
    master = master_file(render_master_playlist(run, playlists))
    replaced = replace_confirmed(store, master, confirm)
    replaced_master = replaced.data.decode(errors="replace") if replaced else None
    previous_run = _previous_run(run.name, replaced_master, publication.previous)
    manifest = manifest.model_copy(
        update={"previous_run": previous_run, "master_md5": md5_of(master.data)}
    )
    write_manifest(store, manifest, confirm)
    return Published(manifest=manifest, master=master, replaced_master=replaced_master)


def write_manifest(
    store: RetryingStore, manifest: ManifestRecord, confirm: Callable[[], None]
) -> None:
    """Write the record of what viewers have by now; that it cannot be written is only logged."""
    try:
        replace_confirmed(store, json_file(MANIFEST, manifest.to_json()), confirm)
    except WorkerError as error:
        # Viewers have the video. Without its manifest the same job would verify it once more.
        log.warning("manifest_not_written", reason=str(error))


def _render_report(manifest: ManifestRecord, publication: Publication) -> File:
    run = publication.run
    segments = [segment for some in run.renditions.values() for segment in some]
    page = render_page(load_figures(manifest, segments), publication.images.thumbnails[0].data)
    return report_file(run.name, page)


def replace_confirmed(
    store: RetryingStore, file: File, confirm: Callable[[], None]
) -> Content | None:
    """Write a file over the one that was there when the lease was confirmed; return that one.

    Where the store honors the condition, a job that was held up in between and taken over cannot
    write over its successor's.

    Raises:
        TakenError: another process writes it again and again.
        WorkerError: as the store and `confirm` raise it.

    """
    for _ in range(_REPLACE_ATTEMPTS):
        found = store.get(file.key)
        confirm()
        try:
            # It must not be left in doubt, so a stop waits for it a little.
            store.with_grace(_GRACE_S).replace(file, etag=found.etag if found else None)
        except PreconditionFailedError:
            continue
        return found
    raise TakenError(
        f"{file.key} in {store} is written again and again by another process; nothing more is"
        " written; submit again when that has ended"
    )


def _previous_run(
    run: str, replaced_master: str | None, previous: ManifestRecord | None
) -> str | None:
    """Return the run that viewers had: the master playlist says so, even where a job died then."""
    had = named_run(replaced_master) if replaced_master else None
    if had != run or previous is None:
        return had
    # A run published again keeps the predecessor it had.
    return previous.previous_run if previous.run == run else previous.run
