"""manifest.json: made of a run, read back, and compared with what the store holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from worker.hls.bit_rates import measure_bit_rates, segment_durations_s, target_duration_s
from worker.hls.keyframes import key_frames
from worker.hls.run import Run
from worker.images.model import ImageSet
from worker.layout import (
    AUDIO,
    IFRAME_PLAYLIST,
    MANIFEST,
    MASTER,
    MEDIA_PLAYLIST,
    THUMBNAIL,
    run_prefix,
)
from worker.media.streams import Media
from worker.publish.image_objects import image_entries
from worker.records.base import UnreadableRecordError
from worker.records.job import JobRecord
from worker.records.manifest import (
    ManifestRecord,
    RenditionRecord,
    SourceAudioRecord,
    SourceRecord,
    SourceVideoRecord,
)
from worker.records.segment import Segment
from worker.storage.base import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a run comes from, for its manifest."""

    request: str
    identity: str
    source: str
    source_bytes: int
    job_id: str
    published_at: str
    worker_version: str
    ffmpeg_version: str
    job: JobRecord


def read_manifest(store: Store) -> ManifestRecord | None:
    """Return what the destination says was published there last; None where nothing readable."""
    content = store.get(MANIFEST)
    try:
        return ManifestRecord.from_json(content.data) if content else None
    except UnreadableRecordError:
        return None


def is_published(store: Store, manifest: ManifestRecord | None, request: str) -> bool:
    """Whether viewers already have what this job would make.

    The manifest says so; that the master playlist names its run, and that the store lists as many
    segments as were written, is checked. A run that was published without a rung, for lack of time,
    may be completed.
    """
    if manifest is None or manifest.request != request or manifest.missing_rungs:
        return False
    prefix = run_prefix(manifest.run)
    master = store.get(MASTER)
    if master is None or prefix.encode() not in master.data or store.get(THUMBNAIL) is None:
        return False
    listing = store.list(prefix)
    named = [manifest.storyboard, manifest.chapters_track, *manifest.thumbnails]
    return all(key in listing for key in named if key) and all(
        _is_complete(listing, f"{prefix}{rendition.name}/", rendition)
        for rendition in manifest.renditions
    )


def _is_complete(listing: Collection[str], folder: str, rendition: RenditionRecord) -> bool:
    """Whether the store lists all of a rendition."""
    playlists = {MEDIA_PLAYLIST, *rendition.playlists}
    names = {key.removeprefix(folder) for key in listing if key.startswith(folder)}
    return playlists <= names and len(names - playlists) == rendition.segments


def make_manifest(
    run: Run, images: ImageSet, *, origin: Origin, previous: ManifestRecord | None
) -> ManifestRecord:
    """Describe what is published: every rendition with its sizes, rates and checksums.

    `previous` is the manifest that is replaced.
    """
    plan = run.plan
    target_s = target_duration_s(run.renditions.values())
    entries = image_entries(run.name, images)
    presets = {s.preset for some in run.renditions.values() for s in some if s.preset}
    return ManifestRecord(
        run=run.name,
        previous_run=_previous_run(run, previous),
        request=origin.request,
        source=origin.source,
        source_identity=origin.identity,
        source_media=_source_record(plan.media, origin.source_bytes),
        job_id=origin.job_id,
        published_at=origin.published_at,
        worker=origin.worker_version,
        ffmpeg=origin.ffmpeg_version,
        job=origin.job,
        duration_s=float(plan.grid.duration_s),
        frame_rate=str(plan.grid.rate),
        presets=tuple(sorted(presets)),
        missing_rungs=run.missing_rungs,
        renditions=(
            *(_rendition(run, name, some, target_s) for name, some in run.renditions.items()),
            *(_text_rendition(run, name, some) for name, some in run.texts.items()),
        ),
        thumbnails=entries.thumbnails,
        storyboard=entries.storyboard,
        chapters_track=entries.chapters_track,
        chapters=entries.chapters,
    )


def _previous_run(run: Run, previous: ManifestRecord | None) -> str | None:
    if previous is None:
        return None
    # A run published again keeps the predecessor it had.
    return previous.previous_run if previous.run == run.name else previous.run


def _rendition(run: Run, name: str, segments: Sequence[Segment], target_s: int) -> RenditionRecord:
    rates = measure_bit_rates(segments, target_s)
    rung = next((rung for rung in run.rungs if rung.name == name), None)
    has_iframes = bool(key_frames(segments))
    return RenditionRecord(
        name=name,
        kind="audio" if name == AUDIO else "video",
        width=rung.width if rung else None,
        height=rung.height if rung else None,
        codec=segments[0].codec,
        playlists=(MEDIA_PLAYLIST, IFRAME_PLAYLIST) if has_iframes else (MEDIA_PLAYLIST,),
        segments=len(segments),
        bytes=sum(segment.bytes for segment in segments),
        duration_s=float(sum(segment_durations_s(segments))),
        peak_bps=rates.peak_bps,
        average_bps=rates.average_bps,
        md5=tuple(segment.md5 for segment in segments),
    )


def _text_rendition(run: Run, name: str, segments: Sequence[str]) -> RenditionRecord:
    languages = {text.name: text.stream.language for text in run.plan.texts}
    return RenditionRecord(
        name=name,
        kind="subtitles",
        language=languages[name],
        segments=len(segments),
        bytes=sum(len(segment.encode()) for segment in segments),
    )


def _source_record(media: Media, size: int) -> SourceRecord:
    video, audio = media.video, media.audio
    return SourceRecord(
        container=media.container,
        bytes=size,
        duration_s=media.duration_s,
        video=SourceVideoRecord(
            codec=video.codec,
            width=video.width,
            height=video.height,
            rotation_deg=video.rotation_deg,
            is_interlaced=video.is_interlaced,
            frame_rate=str(video.average_rate) if video.average_rate else None,
            pixel_format=video.pixel_format,
            color_space=video.color_space,
            color_transfer=video.color_transfer,
            color_range=video.color_range,
        ),
        audio=SourceAudioRecord(
            codec=audio.codec, channels=audio.channels, sample_rate_hz=audio.sample_rate_hz
        )
        if audio
        else None,
    )
