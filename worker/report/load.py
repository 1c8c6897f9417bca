"""Makes a report's figures of a run's manifest and the record of its segments. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise

from worker.layout import MEDIA_PLAYLIST
from worker.media.timeline import CLOCK_HZ
from worker.records.job import ChoiceRecord, DecisionRecord, JobRecord
from worker.records.manifest import (
    ManifestRecord,
    PartRecord,
    RenditionRecord,
    SourceRecord,
    SourceVideoRecord,
)
from worker.records.segment import Segment
from worker.report.figures import (
    Figures,
    PresetStretch,
    Rate,
    Rendition,
    Replan,
    Source,
    SourcePart,
    SourceVideo,
    Speed,
)

# FFmpeg's first line: `ffmpeg version 7.1.1 Copyright (c) …`.
_VERSION = re.compile(r"ffmpeg version (\S+).*")


def load_figures(manifest: ManifestRecord, segments: Iterable[Segment]) -> Figures:
    """Make a run's figures; without a record of segments there are none of bit rates over time."""
    recorded = _by_rendition(segments)
    return Figures(
        title=_title(manifest),
        run=manifest.run,
        job_id=manifest.job_id,
        published_at=manifest.published_at,
        worker=manifest.worker,
        ffmpeg=_VERSION.sub(r"\1", manifest.ffmpeg),
        duration_s=manifest.duration_s,
        frame_rate=manifest.frame_rate,
        renditions=tuple(
            _rendition(manifest.run, entry, recorded.get(entry.name, ()))
            # The largest first; audio and subtitles follow in their order.
            for entry in sorted(manifest.renditions, key=lambda e: -(e.height or 0))
        ),
        missing_rungs=manifest.missing_rungs,
        encode_s=manifest.job.encode_s,
        speed=manifest.job.speed,
        segments=manifest.job.segments,
        segments_resumed=manifest.job.segments_resumed,
        speeds=tuple(_speeds(manifest.job)),
        replans=tuple(map(_replan, manifest.job.decisions)),
        warnings=manifest.job.warnings,
        source=_source(manifest.source_media) if manifest.source_media else None,
        chapters=manifest.chapters,
        thumbnails=manifest.thumbnails,
        storyboard=manifest.storyboard,
        encryption=manifest.encryption,
        downloads=manifest.downloads,
        parts=tuple(map(_part, manifest.parts)),
        clip=manifest.clip,
    )


def _title(manifest: ManifestRecord) -> str:
    """Return the name of the upload, of several files that of the first and how many more."""
    name = manifest.source.removesuffix("?…").rpartition("/")[2] or manifest.source
    return f"{name} (+{len(manifest.parts) - 1})" if manifest.parts else name


def _part(record: PartRecord) -> SourcePart:
    return SourcePart(
        name=record.name,
        start_s=record.start_s,
        duration_s=record.duration_s,
        source=_source(record.media) if record.media else None,
    )


def _by_rendition(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    rows = sorted(segments, key=lambda s: (s.rendition, s.index))
    return {name: list(some) for name, some in groupby(rows, key=lambda s: s.rendition)}


def _rendition(run: str, entry: RenditionRecord, segments: Sequence[Segment]) -> Rendition:
    playlist = next(iter(entry.playlists), MEDIA_PLAYLIST)
    return Rendition(
        name=entry.name,
        playlist=f"{run}/{entry.name}/{playlist}",
        kind=entry.kind,
        width=entry.width,
        height=entry.height,
        codec=entry.codec,
        language=entry.language,
        bytes=entry.bytes,
        average_bps=entry.average_bps,
        peak_bps=entry.peak_bps,
        duration_s=entry.duration_s,
        segments=entry.segments,
        rates=tuple(_rates(segments)),
        presets=tuple(_presets(segments)) if entry.kind == "video" else (),
    )


def _bounds_s(segment: Segment) -> tuple[float, float]:
    # The first audio frame is before zero: the encoder's priming, which is not played.
    return max(0.0, segment.start_ticks / CLOCK_HZ), segment.end_ticks / CLOCK_HZ


def _rates(segments: Sequence[Segment]) -> Iterator[Rate]:
    for segment in segments:
        start_s, end_s = _bounds_s(segment)
        if end_s > start_s:
            yield Rate(start_s=start_s, end_s=end_s, bps=8 * segment.bytes / (end_s - start_s))


def _presets(segments: Sequence[Segment]) -> Iterator[PresetStretch]:
    for preset, some in groupby(segments, key=lambda s: s.preset):
        stretch = list(some)
        yield PresetStretch(
            start_s=_bounds_s(stretch[0])[0], end_s=_bounds_s(stretch[-1])[1], preset=preset or ""
        )


def _speeds(job: JobRecord) -> Iterator[Speed]:
    for (before_s, before), (after_s, after) in pairwise(job.progress):
        if after_s > before_s:
            times = max(0.0, after - before) / (after_s - before_s)
            yield Speed(start_s=before_s, end_s=after_s, times=times)


def _replan(decision: DecisionRecord) -> Replan:
    return Replan(
        at_s=decision.at_s,
        before=_choice(decision.before),
        after=_choice(decision.after),
        reason=decision.reason,
        needed_s=decision.needed_s,
        remaining_s=decision.remaining_s,
    )


def _choice(choice: ChoiceRecord) -> str:
    return f"{choice.preset} ({', '.join(choice.rungs)})"


def _source(record: SourceRecord) -> Source:
    video, audio = record.video, record.audio
    return Source(
        container=record.container,
        bytes=record.bytes,
        duration_s=record.duration_s,
        video=_source_video(video) if video else None,
        audio_codec=audio.codec if audio else None,
        audio_channels=audio.channels if audio else None,
        audio_rate_hz=audio.sample_rate_hz if audio else None,
    )


def _source_video(video: SourceVideoRecord) -> SourceVideo:
    colors = [video.color_space, video.color_transfer, video.color_range]
    return SourceVideo(
        codec=video.codec,
        width=video.width,
        height=video.height,
        rotation_deg=video.rotation_deg,
        is_interlaced=video.is_interlaced,
        rate=f"{float(Fraction(video.frame_rate)):.3g}" if video.frame_rate else None,
        pixel_format=video.pixel_format,
        color=" ".join(dict.fromkeys(c for c in colors if c)) or None,
    )
