"""Reads a report's figures from a run's manifest and checkpoint. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Any

from worker.errors import BadSourceError
from worker.report.figures import (
    Chapter,
    Figures,
    PresetStretch,
    Rate,
    Rendition,
    Replan,
    Source,
    Speed,
    Warned,
)
from worker.transport_stream import CLOCK_HZ

Json = Mapping[str, Any]

# FFmpeg's first line: `ffmpeg version 7.1.1 Copyright (c) …`.
_VERSION = re.compile(r"ffmpeg version (\S+).*")


def read_figures(manifest: Json, checkpoint: Json | None) -> Figures:
    """Read a run's figures; without its checkpoint there are none of segments and source.

    Raises:
        BadSourceError: it was not this worker that wrote them.

    """
    try:
        return _figures(manifest, checkpoint or {})
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise BadSourceError(
            f"manifest.json or checkpoint.json is not as this worker writes it"
            f" ({type(error).__name__}: {error}); publish the video again"
        ) from error


def _figures(manifest: Json, checkpoint: Json) -> Figures:
    job = manifest.get("job") or {}
    source = str(manifest["source"])
    recorded = _segments(checkpoint)
    return Figures(
        title=source.removesuffix("?…").rpartition("/")[2] or source,
        run=str(manifest["run"]),
        job_id=str(manifest["job_id"]),
        published_at=str(manifest["published_at"]),
        worker=str(manifest["worker"]),
        ffmpeg=_VERSION.sub(r"\1", str(manifest["ffmpeg"])),
        duration_s=float(manifest["duration_s"]),
        frame_rate=str(manifest["frame_rate"]),
        renditions=tuple(
            _rendition(entry, recorded.get(entry["name"], ()))
            # The largest first; what has no picture keeps its place behind.
            for entry in sorted(manifest["renditions"], key=lambda e: -(e.get("height") or 0))
        ),
        missing_rungs=tuple(map(str, manifest["missing_rungs"])),
        encode_s=job.get("encode_s"),
        speed=job.get("speed"),
        segments=job.get("segments"),
        segments_resumed=job.get("segments_resumed"),
        speeds=tuple(_speeds(job.get("progress") or ())),
        replans=tuple(map(_replan, job.get("decisions") or ())),
        warnings=tuple(map(_warned, job.get("warnings") or ())),
        source=_source(checkpoint["plan"], manifest) if "plan" in checkpoint else None,
        chapters=tuple(
            Chapter(start_s=float(c["start_s"]), title=str(c["title"]))
            for c in manifest.get("chapters") or ()
        ),
        thumbnails=tuple(map(str, manifest.get("thumbnails") or ())),
        storyboard=manifest.get("storyboard"),
    )


def _segments(checkpoint: Json) -> dict[str, list[Json]]:
    rows = sorted(checkpoint.get("segments", ()), key=lambda s: (s["rendition"], s["index"]))
    return {name: list(some) for name, some in groupby(rows, key=lambda s: str(s["rendition"]))}


def _rendition(entry: Json, segments: Sequence[Json]) -> Rendition:
    return Rendition(
        name=str(entry["name"]),
        kind=str(entry["kind"]),
        width=entry.get("width"),
        height=entry.get("height"),
        codec=entry.get("codec"),
        language=entry.get("language"),
        bytes=int(entry["bytes"]),
        average_bps=entry.get("average_bps"),
        peak_bps=entry.get("peak_bps"),
        duration_s=entry.get("duration_s"),
        segments=int(entry["segments"]),
        rates=tuple(_rates(segments)),
        presets=tuple(_presets(segments)) if entry["kind"] == "video" else (),
    )


def _bounds_s(segment: Json) -> tuple[float, float]:
    # The sound's first frame is before zero: the encoder's priming, which is not played.
    return max(0.0, segment["start_ticks"] / CLOCK_HZ), segment["end_ticks"] / CLOCK_HZ


def _rates(segments: Sequence[Json]) -> Iterator[Rate]:
    for segment in segments:
        start_s, end_s = _bounds_s(segment)
        if end_s > start_s:
            yield Rate(start_s=start_s, end_s=end_s, bps=8 * segment["bytes"] / (end_s - start_s))


def _presets(segments: Sequence[Json]) -> Iterator[PresetStretch]:
    for preset, some in groupby(segments, key=lambda s: str(s["preset"])):
        stretch = list(some)
        yield PresetStretch(
            start_s=_bounds_s(stretch[0])[0], end_s=_bounds_s(stretch[-1])[1], preset=preset
        )


def _speeds(progress: Sequence[Sequence[float]]) -> Iterator[Speed]:
    for (before_s, before), (after_s, after) in pairwise(progress):
        if after_s > before_s:
            times = max(0.0, after - before) / (after_s - before_s)
            yield Speed(start_s=before_s, end_s=after_s, times=times)


def _replan(decision: Json) -> Replan:
    return Replan(
        at_s=float(decision["at_s"]),
        before=_choice(decision["before"]),
        after=_choice(decision["after"]),
        reason=str(decision["reason"]),
        needed_s=decision.get("needed_s"),
        remaining_s=decision.get("remaining_s"),
    )


def _choice(choice: Json) -> str:
    return f"{choice['preset']} ({', '.join(choice['rungs'])})"


def _warned(warning: Json) -> Warned:
    return Warned(event=str(warning["event"]), detail=str(warning.get("detail", "")))


def _source(plan: Json, manifest: Json) -> Source:
    media = plan["media"]
    video, audio = media["video"], media["audio"]
    colors = [video["color_space"], video["color_transfer"], video["color_range"]]
    ends = [s["packets"]["end_s"] for s in (video, audio) if s]
    return Source(
        container=str(media["container"]),
        bytes=_source_bytes(str(manifest["source_identity"])),
        duration_s=max((end for end in ends if end is not None), default=None),
        codec=str(video["codec"]),
        width=int(video["width"]),
        height=int(video["height"]),
        rotation_deg=int(video["rotation_deg"]),
        is_interlaced=bool(video["is_interlaced"]),
        rate=video["average_rate"] and f"{float(Fraction(video['average_rate'])):.3g}",
        pixel_format=video["pixel_format"],
        color=" ".join(dict.fromkeys(c for c in colors if c)) or None,
        audio_codec=audio and audio["codec"],
        audio_channels=audio and audio["channels"],
        audio_rate_hz=audio and audio["sample_rate_hz"],
    )


def _source_bytes(identity: str) -> int | None:
    """Read the size from a source's identity: `file SIZE SHA` or `s3 BUCKET KEY ETAG SIZE`."""
    words = identity.split(" ")
    place = {"file": 1, "s3": -1}.get(words[0])
    return int(words[place]) if place is not None and words[place].isdigit() else None
