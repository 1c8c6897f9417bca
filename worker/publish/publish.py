"""Publishes a verified run: its small files, then the one PUT that viewers see, then the record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from worker.errors import TakenError, WorkerError
from worker.hls.bit_rates import target_duration_s
from worker.hls.keyframes import key_frames
from worker.hls.playlist import (
    render_iframe_playlist,
    render_master_playlist,
    render_media_playlist,
    render_text_playlist,
)
from worker.hls.run import Run
from worker.hls.webvtt import segment_lengths_s
from worker.images.model import ImageSet
from worker.layout import (
    IFRAME_PLAYLIST,
    MANIFEST,
    MASTER,
    File,
    json_file,
    playlist_file,
    playlist_path,
    report_file,
    run_prefix,
    subtitle_segment_name,
    thumbnail_file,
    webvtt_file,
)
from worker.publish.image_objects import image_files
from worker.records.manifest import ManifestRecord
from worker.report.load import load_figures
from worker.report.render import render_page
from worker.storage.base import PreconditionFailedError, Store
from worker.storage.retrying import RetryingStore
from worker.upload.objects import put_all

_GRACE_S = 8.0
_COMMIT_ATTEMPTS = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """A run with its images and its manifest: all that is published."""

    run: Run
    images: ImageSet
    manifest: ManifestRecord
    with_report: bool = False


def publish(
    publication: Publication,
    store: RetryingStore,
    *,
    confirm: Callable[[], None],
    threads: int,
) -> None:
    """Write everything that names the run, then the master playlist, then the manifest.

    `confirm` is called right before the master playlist is written and raises where this job no
    longer may.
    """
    put_all(store, _files(publication), threads=threads)
    store.put(thumbnail_file(publication.images.thumbnails[0]))
    _commit(store, playlist_file(MASTER, render_master_playlist(publication.run)), confirm)
    try:
        record = json_file(MANIFEST, publication.manifest.to_json())
        store.with_grace(_GRACE_S).put(record)
    except WorkerError as error:
        # Viewers have the video. Without its manifest the same job would verify it once more.
        log.warning("manifest_not_written", reason=str(error))


def _files(publication: Publication) -> Iterator[File]:
    run, images = publication.run, publication.images
    yield from _playlists(run)
    yield from _subtitles(run)
    yield from image_files(run.name, images)
    if publication.with_report:
        segments = [segment for some in run.renditions.values() for segment in some]
        figures = load_figures(publication.manifest, segments)
        yield report_file(run.name, render_page(figures, images.thumbnails[0]))


def _commit(store: RetryingStore, master: File, confirm: Callable[[], None]) -> None:
    """Write the master playlist over the one that was there when the lease was confirmed.

    Where the store honors the condition, a job that was held up in between and taken over cannot
    write over its successor's.
    """
    for _ in range(_COMMIT_ATTEMPTS):
        standing = store.get(MASTER)
        confirm()
        try:
            # It is the one write that must not be left in doubt, so a stop waits for it a little.
            store.with_grace(_GRACE_S).replace(master, etag=standing.etag if standing else None)
        except PreconditionFailedError:
            # Another job's, or this very write, whose answer was lost.
            continue
        return
    raise TakenError(
        f"{MASTER} in {store} is written again and again by another process; nothing was published"
    )


def delete_outdated(
    store: Store, manifest: ManifestRecord, previous: ManifestRecord | None
) -> None:
    """Delete the run before the previous one; that stays, for players in mid-video."""
    outdated = previous.previous_run if previous else None
    if outdated and outdated not in {manifest.run, manifest.previous_run}:
        store.delete(store.list(run_prefix(outdated)))


def _playlists(run: Run) -> Iterator[File]:
    target_s = target_duration_s(run.renditions.values())
    for name, segments in run.renditions.items():
        playlist = render_media_playlist(segments, target_s)
        yield playlist_file(playlist_path(run.name, name), playlist)
        if frames := key_frames(segments):
            path = playlist_path(run.name, name, IFRAME_PLAYLIST)
            yield playlist_file(path, render_iframe_playlist(frames))


def _subtitles(run: Run) -> Iterator[File]:
    lengths_s = segment_lengths_s(run.plan.grid)
    for name, segments in run.texts.items():
        for i, segment in enumerate(segments):
            yield webvtt_file(f"{run.name}/{name}/{subtitle_segment_name(i)}", segment)
        yield playlist_file(playlist_path(run.name, name), render_text_playlist(lengths_s))
