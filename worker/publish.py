"""Publishes a verified run: playlists, pictures, then the one PUT that viewers see."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog

from worker.errors import TakenError, WorkerError
from worker.files import File, put_all
from worker.gallery import THUMBNAIL, Gallery, describe_gallery, face_file, gallery_files
from worker.plan import AUDIO, Plan, describe
from worker.playlist import (
    IFRAME_PLAYLIST,
    MASTER,
    MEDIA_PLAYLIST,
    key_pictures,
    measure_bit_rates,
    render_iframe_playlist,
    render_master_playlist,
    render_media_playlist,
    render_text_playlist,
    segment_durations_s,
    target_duration_s,
    text_segment_name,
)
from worker.report.reading import read_figures
from worker.report.render import REPORT, render_page
from worker.segment import Segment
from worker.store import ChangedMeanwhileError, SteadyStore, Store
from worker.upload import IMMUTABLE
from worker.webvtt import segment_lengths_s

MANIFEST = "manifest.json"
_PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
_TEXT_TYPE = "text/vtt"
_SCHEMA = 1
_NO_CACHE = "no-cache"
_LINGER_S = 8.0
_COMMIT_ATTEMPTS = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a run comes from, for its manifest; `job` is the job's own account."""

    request: str
    identity: str
    source: str
    job_id: str
    published_at: str
    worker_version: str
    ffmpeg_version: str
    job: Mapping[str, Any] = field(default_factory=dict)


def read_manifest(store: Store) -> dict[str, Any] | None:
    """Return what the destination says was published there last; None where nothing readable."""
    content = store.get(MANIFEST)
    try:
        manifest = json.loads(content.data) if content else None
    except ValueError:
        return None
    return manifest if isinstance(manifest, dict) else None


def is_published(store: Store, manifest: Mapping[str, Any] | None, request: str) -> bool:
    """Whether viewers already have what this job would make.

    The manifest is the worker's word; that the master playlist names its run, and that the store
    lists as many segments as were written, is the store's. A run that was published without a rung,
    for want of time, may be completed.
    """
    if manifest is None or manifest.get("request") != request or manifest.get("missing_rungs"):
        return False
    run = str(manifest.get("run"))
    master = store.get(MASTER)
    if master is None or f"{run}/".encode() not in master.data or store.get(THUMBNAIL) is None:
        return False
    listing = store.list(f"{run}/")
    named = [manifest.get(name) for name in ("storyboard", "chapters_track")]
    named += manifest.get("thumbnails", ())
    return all(key in listing for key in named if key) and all(
        _is_there(listing, f"{run}/{rendition['name']}/", rendition)
        for rendition in manifest.get("renditions", ())
    )


def _is_there(listing: Collection[str], folder: str, rendition: Mapping[str, Any]) -> bool:
    """Whether the store lists all of a rendition; a run of an older worker has fewer playlists."""
    playlists = {MEDIA_PLAYLIST, *rendition.get("playlists", ())}
    names = {key.removeprefix(folder) for key in listing if key.startswith(folder)}
    return playlists <= names and len(names - playlists) == rendition["segments"]


def publish(
    plan: Plan,
    run: str,
    renditions: Mapping[str, Sequence[Segment]],
    *,
    texts: Mapping[str, Sequence[str]],
    gallery: Gallery,
    origin: Origin,
    store: SteadyStore,
    previous: Mapping[str, Any] | None,
    confirm: Callable[[], None],
    threads: int,
    with_report: bool = False,
) -> dict[str, Any]:
    """Write everything that names the run, then the master playlist, and return the manifest.

    `renditions` may lack rungs of the plan: those were given up. `texts` are the segments of the
    subtitle renditions. `previous` is the manifest that stood here before. `confirm` is called
    right before the master playlist is written and raises where this job no longer may.
    """
    manifest = make_manifest(plan, run, renditions, texts, origin=origin, previous=previous)
    manifest |= describe_gallery(run, gallery)
    files = [*_playlists(run, renditions), *_subtitles(plan, run, texts)]
    files += gallery_files(run, gallery)
    if with_report:
        recorded = [asdict(segment) for some in renditions.values() for segment in some]
        figures = read_figures(manifest, {"plan": describe(plan), "segments": recorded})
        files.append(report_file(run, render_page(figures, gallery.thumbnails[0])))
    put_all(store, files, threads=threads)
    face_file(gallery).put_into(store)
    _commit(store, render_master_playlist(plan, run, renditions, texts), confirm)
    try:
        store.lingering(_LINGER_S).put(
            MANIFEST,
            (json.dumps(manifest, indent=1) + "\n").encode(),
            content_type="application/json",
            cache_control=_NO_CACHE,
        )
    except WorkerError as error:
        # Viewers have the video. Without its manifest the same job would verify it once more.
        log.warning("manifest_not_written", reason=str(error))
    return manifest


def _commit(store: SteadyStore, master: str, confirm: Callable[[], None]) -> None:
    """Write the master playlist over the one that stood there when the lease was confirmed.

    Where the store honours the condition, a job that was held up in between and taken over cannot
    write over its successor's.
    """
    for _ in range(_COMMIT_ATTEMPTS):
        standing = store.get(MASTER)
        confirm()
        try:
            # It is the one write that must not be left in doubt, so a stop waits for it a little.
            store.lingering(_LINGER_S).replace(
                MASTER,
                master.encode(),
                etag=standing.etag if standing else None,
                content_type=_PLAYLIST_TYPE,
                cache_control=_NO_CACHE,
            )
        except ChangedMeanwhileError:
            # Another job's, or this very write, whose answer was lost.
            continue
        return
    raise TakenError(
        f"{MASTER} in {store} is written again and again by somebody else; nothing was published"
    )


def delete_outdated(
    store: Store, manifest: Mapping[str, Any], previous: Mapping[str, Any] | None
) -> None:
    """Delete the run before the previous one; that stays, for players in mid-video."""
    outdated = previous.get("previous_run") if previous else None
    if outdated and outdated not in {manifest["run"], manifest["previous_run"]}:
        store.delete(store.list(f"{outdated}/"))


def make_manifest(
    plan: Plan,
    run: str,
    renditions: Mapping[str, Sequence[Segment]],
    texts: Mapping[str, Sequence[str]],
    *,
    origin: Origin,
    previous: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Describe what is published: every rendition with its sizes, rates and checksums."""
    before = previous.get("run") if previous else None
    target_s = target_duration_s(renditions.values())
    return {
        "schema": _SCHEMA,
        "run": run,
        # A run published again keeps the neighbour it had.
        "previous_run": previous.get("previous_run") if previous and before == run else before,
        "request": origin.request,
        "source": origin.source,
        "source_identity": origin.identity,
        "job_id": origin.job_id,
        "published_at": origin.published_at,
        "worker": origin.worker_version,
        "ffmpeg": origin.ffmpeg_version,
        "job": origin.job,
        "duration_s": float(plan.grid.duration_s),
        "frame_rate": str(plan.grid.rate),
        "presets": sorted({s.preset for some in renditions.values() for s in some} - {""}),
        "missing_rungs": [rung.name for rung in plan.rungs if rung.name not in renditions],
        "renditions": [
            *(_rendition(plan, name, segments, target_s) for name, segments in renditions.items()),
            *(_text_rendition(plan, name, segments) for name, segments in texts.items()),
        ],
    }


def _rendition(plan: Plan, name: str, segments: Sequence[Segment], target_s: int) -> dict[str, Any]:
    rates = measure_bit_rates(segments, target_s)
    rung = next((rung for rung in plan.rungs if rung.name == name), None)
    return {
        "name": name,
        "kind": "audio" if name == AUDIO else "video",
        **({"width": rung.width, "height": rung.height} if rung else {}),
        "codec": segments[0].codec,
        "playlists": [MEDIA_PLAYLIST, *([IFRAME_PLAYLIST] if key_pictures(segments) else [])],
        "segments": len(segments),
        "bytes": sum(segment.bytes for segment in segments),
        "duration_s": float(sum(segment_durations_s(segments))),
        "peak_bps": rates.peak_bps,
        "average_bps": rates.average_bps,
        "md5": [segment.md5 for segment in segments],
    }


def _text_rendition(plan: Plan, name: str, segments: Sequence[str]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "subtitles",
        "language": {text.name: text.stream.language for text in plan.texts}[name],
        "segments": len(segments),
        "bytes": sum(len(segment.encode()) for segment in segments),
    }


def _playlists(run: str, renditions: Mapping[str, Sequence[Segment]]) -> Iterator[File]:
    target_s = target_duration_s(renditions.values())
    for name, segments in renditions.items():
        playlist = render_media_playlist(segments, target_s)
        yield _playlist(f"{run}/{name}/{MEDIA_PLAYLIST}", playlist)
        if pictures := key_pictures(segments):
            yield _playlist(f"{run}/{name}/{IFRAME_PLAYLIST}", render_iframe_playlist(pictures))


def _subtitles(plan: Plan, run: str, texts: Mapping[str, Sequence[str]]) -> Iterator[File]:
    lengths_s = segment_lengths_s(plan.grid)
    for name, segments in texts.items():
        for i, segment in enumerate(segments):
            yield File(
                key=f"{run}/{name}/{text_segment_name(i)}",
                data=segment.encode(),
                content_type=_TEXT_TYPE,
                cache_control=IMMUTABLE,
            )
        yield _playlist(f"{run}/{name}/{MEDIA_PLAYLIST}", render_text_playlist(lengths_s))


def _playlist(key: str, text: str) -> File:
    return File(key=key, data=text.encode(), content_type=_PLAYLIST_TYPE, cache_control=_NO_CACHE)


def report_file(run: str, page: str) -> File:
    """Name a run's report, which lies beside its renditions."""
    return File(
        key=f"{run}/{REPORT}",
        data=page.encode(),
        content_type="text/html; charset=utf-8",
        cache_control=_NO_CACHE,
    )
