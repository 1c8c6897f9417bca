"""manifest.json: made of a run, and read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from worker.hls.bit_rates import measure_bit_rates, segment_durations_s, target_duration_s
from worker.hls.encryption import METHOD, RunKey
from worker.hls.playlist import Playlists
from worker.hls.run import Run, TextRendition
from worker.images.model import ImageSet
from worker.layout import (
    AUDIO,
    MANIFEST,
    File,
    file_name,
    md5_of,
    run_prefix,
    segment_name,
    subtitle_segment_name,
)
from worker.media.streams import Media
from worker.plan.parts import Part
from worker.plan.plan import Plan
from worker.records.base import UnreadableRecordError
from worker.records.job import ClipRecord, JobRecord
from worker.records.manifest import (
    ChapterRecord,
    DownloadRecord,
    EncryptionRecord,
    ManifestRecord,
    PartRecord,
    RenditionRecord,
    SourceAudioRecord,
    SourceRecord,
    SourceVideoRecord,
)
from worker.records.segment import Segment
from worker.storage.base import Store
from worker.storage.open import OpenedParts, OpenedSource


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a run comes from, for its manifest. `sizes`: of the parts of the source, in bytes."""

    request: str
    video_request: str
    source: OpenedParts
    sizes: Sequence[int]
    clip: ClipRecord | None
    job_id: str
    tags: Mapping[str, str]
    academy: str | None
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


def published_keys(manifest: ManifestRecord) -> Iterator[str]:
    """Yield the keys below its run of all that is published."""
    for rendition in manifest.renditions:
        yield from segment_keys(manifest.run, rendition)
        for playlist in rendition.playlists:
            yield f"{manifest.run}/{rendition.name}/{playlist}"
    yield from (*manifest.thumbnails, *manifest.sheets)
    tracks = (manifest.storyboard, manifest.chapters_track, manifest.report)
    yield from (track for track in tracks if track)
    yield from (download.key for download in manifest.downloads)


def resumable_prefixes(manifest: ManifestRecord) -> tuple[str, ...]:
    """Return where the rungs lie that are still to come: the same job continues from there."""
    return tuple(f"{run_prefix(manifest.run)}{rung}/" for rung in manifest.missing_rungs)


def segment_keys(run: str, rendition: RenditionRecord) -> Iterator[str]:
    """Yield the keys of a rendition's segments, in order."""
    name = subtitle_segment_name if rendition.kind == "subtitles" else segment_name
    for index, md5 in enumerate(rendition.md5):
        yield f"{run}/{name(rendition.name, index, md5)}"


def make_manifest(
    run: Run, playlists: Playlists, images: ImageSet, *, origin: Origin
) -> ManifestRecord:
    """Describe what is published: every rendition with its sizes, rates and checksums.

    `previous_run`, `master_md5`, `report` and `downloads` are for those to add who know them.
    """
    plan = run.plan
    target_s = target_duration_s(run.renditions.values())
    presets = {s.preset for some in run.renditions.values() for s in some if s.preset}
    return ManifestRecord(
        run=run.name,
        previous_run=None,
        request=origin.request,
        video_request=origin.video_request,
        source=str(origin.source.parts[0].location),
        source_identity=origin.source.identity,
        source_media=_source_record(plan.media, sum(origin.sizes)),
        parts=_parts(plan, origin),
        clip=origin.clip,
        job_id=origin.job_id,
        tags=dict(origin.tags),
        academy=origin.academy,
        published_at=origin.published_at,
        worker=origin.worker_version,
        ffmpeg=origin.ffmpeg_version,
        job=origin.job,
        duration_s=float(plan.grid.duration_s),
        frame_rate=None if plan.frame_rate is None else str(plan.frame_rate),
        presets=tuple(sorted(presets)),
        missing_rungs=run.missing_rungs,
        renditions=(
            *(
                _rendition(run, name, some, target_s, playlists.of(name))
                for name, some in run.renditions.items()
            ),
            *(text_record(text, playlists) for text in run.texts),
        ),
        encryption=_encryption(run.cipher.key) if run.cipher.key else None,
        thumbnails=_keys(images.thumbnails),
        sheets=_keys(images.sheets),
        storyboard=images.storyboard.key if images.storyboard else None,
        chapters_track=images.chapters_track.key if images.chapters_track else None,
        chapters=tuple(
            ChapterRecord(start_s=chapter.start_ms / 1000, title=chapter.title)
            for chapter in images.chapters
        ),
    )


def renew_manifest(
    manifest: ManifestRecord,
    renditions: Sequence[RenditionRecord],
    downloads: Sequence[DownloadRecord],
    master: File,
    origin: Origin,
) -> ManifestRecord:
    """Describe a run that is published again with other subtitles or downloads, by another job.

    A report that was written would be one of the former subtitles.
    """
    return manifest.model_copy(
        update={
            "request": origin.request,
            "video_request": origin.video_request,
            "source": str(origin.source.parts[0].location),
            "job_id": origin.job_id,
            "tags": dict(origin.tags),
            "academy": origin.academy,
            "published_at": origin.published_at,
            "worker": origin.worker_version,
            "job": origin.job,
            "master_md5": md5_of(master.data),
            "renditions": tuple(renditions),
            "downloads": tuple(downloads),
            "report": None,
        }
    )


def _encryption(key: RunKey) -> EncryptionRecord:
    return EncryptionRecord(method=METHOD, key_id=key.id, key_uri=key.uri)


def _keys(files: Sequence[File]) -> tuple[str, ...]:
    return tuple(file.key for file in files)


def _rendition(
    run: Run, name: str, segments: Sequence[Segment], target_s: int, playlists: Sequence[File]
) -> RenditionRecord:
    rates = measure_bit_rates(segments, target_s)
    rung = next((rung for rung in run.rungs if rung.name == name), None)
    return RenditionRecord(
        name=name,
        kind="audio" if name == AUDIO else "video",
        width=rung.width if rung else None,
        height=rung.height if rung else None,
        codec=segments[0].codec,
        playlists=tuple(file_name(file.key) for file in playlists),
        segments=len(segments),
        bytes=sum(segment.bytes for segment in segments),
        duration_s=float(sum(segment_durations_s(segments))),
        peak_bps=rates.peak_bps,
        average_bps=rates.average_bps,
        md5=tuple(segment.md5 for segment in segments),
    )


def text_record(text: TextRendition, playlists: Playlists) -> RenditionRecord:
    """Describe a rendition of subtitles."""
    segments = playlists.subtitles[text.name]
    return RenditionRecord(
        name=text.name,
        kind="subtitles",
        language=text.language,
        playlists=tuple(file_name(file.key) for file in playlists.of(text.name)),
        segments=len(segments),
        bytes=sum(len(segment.data) for segment in segments),
        md5=tuple(md5_of(segment.data) for segment in segments),
    )


def _parts(plan: Plan, origin: Origin) -> tuple[PartRecord, ...]:
    """Describe each of several files, also one that a clip leaves out."""
    files = origin.source.parts
    if len(files) == 1:
        return ()
    shown = {part.number: part for part in plan.parts}
    return tuple(
        _part(plan, shown.get(number), file, size)
        for number, (file, size) in enumerate(zip(files, origin.sizes, strict=True), start=1)
    )


def _part(plan: Plan, part: Part | None, file: OpenedSource, size: int) -> PartRecord:
    record = PartRecord(source=str(file.location), name=file.name, identity=file.identity)
    if part is None:
        return record
    rate = plan.grid.rate
    return record.model_copy(
        update={
            "start_s": round(float(part.first_frame / rate), 3),
            "duration_s": round(float(part.frames / rate), 3),
            "media": _source_record(part.media, size),
        }
    )


def _source_record(media: Media, size: int) -> SourceRecord:
    video, audio, ends_s = media.video_track, media.audio, media.duration_s
    return SourceRecord(
        container=media.container,
        bytes=size,
        # From the start of the file, also of what a clip leaves out.
        duration_s=None if ends_s is None else ends_s + float(media.begins_s),
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
        )
        if video
        else None,
        audio=SourceAudioRecord(
            codec=audio.codec, channels=audio.channels, sample_rate_hz=audio.sample_rate_hz
        )
        if audio
        else None,
    )
