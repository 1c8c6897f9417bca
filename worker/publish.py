"""Publishes a verified run: playlists, thumbnail, then the one PUT that viewers see."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.plan import AUDIO, Plan
from worker.playlist import (
    MASTER,
    MEDIA_PLAYLIST,
    measure_bit_rates,
    render_master_playlist,
    render_media_playlist,
    segment_durations_s,
)
from worker.segment import Segment
from worker.store.base import Store

MANIFEST = "manifest.json"
THUMBNAIL = "thumbnail.jpg"
_PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
_SCHEMA = 1
_NO_CACHE = "no-cache"
_WEEK = "public, max-age=604800"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a run comes from, for its manifest."""

    request: str
    identity: str
    source: str
    job_id: str
    published_at: str
    worker_version: str
    ffmpeg_version: str


def read_manifest(store: Store) -> dict[str, Any] | None:
    """Return what the destination says was published there last; None where nothing readable."""
    data = store.get(MANIFEST)
    try:
        manifest = json.loads(data) if data else None
    except ValueError:
        return None
    return manifest if isinstance(manifest, dict) else None


def is_published(store: Store, manifest: Mapping[str, Any] | None, request: str) -> bool:
    """Whether viewers already have what this job would make.

    The manifest is the worker's word; that the master playlist names its run, and that the store
    lists as many segments as were written, is the store's.
    """
    if manifest is None or manifest.get("request") != request:
        return False
    run = str(manifest.get("run"))
    master = store.get(MASTER)
    if master is None or f"{run}/".encode() not in master or store.get(THUMBNAIL) is None:
        return False
    listing = store.list(f"{run}/")
    return all(
        sum(key.startswith(f"{run}/{rendition['name']}/") for key in listing)
        == rendition["segments"] + 1
        for rendition in manifest.get("renditions", ())
    )


def publish(
    plan: Plan,
    run: str,
    renditions: Mapping[str, Sequence[Segment]],
    *,
    thumbnail: bytes,
    origin: Origin,
    store: Store,
    previous: Mapping[str, Any] | None,
    confirm: Callable[[], None],
) -> dict[str, Any]:
    """Write everything that names the run, then the master playlist, and return the manifest.

    `previous` is the manifest that stood here before. `confirm` is called right before the master
    playlist is written and raises where this job no longer may.
    """
    for name, segments in renditions.items():
        _put_playlist(store, f"{run}/{name}/{MEDIA_PLAYLIST}", render_media_playlist(segments))
    store.put(THUMBNAIL, thumbnail, content_type="image/jpeg", cache_control=_WEEK)
    confirm()
    _put_playlist(store, MASTER, render_master_playlist(plan, run, renditions))
    manifest = make_manifest(plan, run, renditions, origin=origin, previous=previous)
    store.put(
        MANIFEST,
        (json.dumps(manifest, indent=1) + "\n").encode(),
        content_type="application/json",
        cache_control=_NO_CACHE,
    )
    return manifest


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
    *,
    origin: Origin,
    previous: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Describe what is published: every rendition with its sizes, rates and checksums."""
    before = previous.get("run") if previous else None
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
        "duration_s": float(plan.grid.duration_s),
        "frame_rate": str(plan.grid.rate),
        "presets": sorted({span.preset for span in plan.spans}),
        "renditions": [_rendition(plan, name, segments) for name, segments in renditions.items()],
    }


def _rendition(plan: Plan, name: str, segments: Sequence[Segment]) -> dict[str, Any]:
    rates = measure_bit_rates(segments)
    rung = next((rung for rung in plan.rungs if rung.name == name), None)
    return {
        "name": name,
        "kind": "audio" if name == AUDIO else "video",
        **({"width": rung.width, "height": rung.height} if rung else {}),
        "codec": segments[0].codec,
        "segments": len(segments),
        "bytes": sum(segment.bytes for segment in segments),
        "duration_s": float(sum(segment_durations_s(segments))),
        "peak_bps": rates.peak_bps,
        "average_bps": rates.average_bps,
        "md5": [segment.md5 for segment in segments],
    }


def _put_playlist(store: Store, key: str, text: str) -> None:
    store.put(key, text.encode(), content_type=_PLAYLIST_TYPE, cache_control=_NO_CACHE)
