"""An upload as a viewer should see it, read with no code of the worker."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tests.corpus.decoded import Audio, Decoded, Frames, decode
from tests.corpus.orientation import UPRIGHT, Orientation, from_matrix, from_rotation

# Tags that software writes about itself are no secrets, and other files may have the same.
_HARMLESS_TAGS = frozenset(
    {
        *("encoder", "handler_name", "vendor_id", "major_brand", "minor_version", "language"),
        *("compatible_brands", "duration", "service_name", "service_provider", "timecode"),
    }
)
_SHORTEST_SECRET = 6


@dataclass(kw_only=True)
class Source:
    """Times are in seconds from the container's start.

    `display` is the size in square pixels, rotated; `orientation` is None where the matrix is not a
    quarter turn. `why_not` is the reason why a file cannot be read; `doubts` are about what this
    reader cannot see in it.
    """

    frames: Frames | None = None
    audio: Audio | None = None
    display: tuple[Fraction, Fraction] | None = None
    orientation: Orientation | None = UPRIGHT
    secrets: tuple[str, ...] = ()
    errors: int = 0
    why_not: str = ""
    doubts: tuple[str, ...] = ()
    declared_s: float | None = None
    streams: tuple[str, ...] = field(default=())

    @property
    def duration_s(self) -> float:
        """Where the last decodable frame or audio ends."""
        return max(
            (part.end_s for part in (self.frames, self.audio) if part is not None), default=0.0
        )


def read_source(path: Path) -> Source:
    """Decode a file from end to end."""
    try:
        with av.open(str(path)) as container:
            return _read(path, container)
    except (av.error.FFmpegError, ValueError) as error:
        return Source(why_not=f"{type(error).__name__}: {getattr(error, 'strerror', error)}")


def _read(path: Path, container: InputContainer) -> Source:
    origin_s = (container.start_time or 0) / av.time_base
    declared_s = container.duration / av.time_base if container.duration else None
    streams = tuple(f"{s.type}:{_codec(s)}" for s in container.streams)
    secrets = tuple(
        sorted(_secrets([container.metadata, *(s.metadata for s in container.streams)]))
    )
    decoded, video = _decode_first_that_works(path, container)
    frames = decoded.frames.shifted(-origin_s) if decoded.frames else None
    orientation, doubts = read_orientation(frames.first) if frames else (UPRIGHT, ())
    return Source(
        frames=frames,
        audio=decoded.audio.shifted(-origin_s) if decoded.audio else None,
        display=_display(video, frames.first, orientation) if video and frames else None,
        orientation=orientation,
        secrets=secrets,
        errors=decoded.errors,
        why_not="" if frames else "no frame can be decoded",
        doubts=doubts,
        declared_s=declared_s,
        streams=streams,
    )


def _decode_first_that_works(
    path: Path, container: InputContainer
) -> tuple[Decoded, VideoStream | None]:
    """Take the default video and audio stream, or the next one where that one holds nothing."""
    videos, audios = _candidates(container, "video"), _candidates(container, "audio")
    while True:
        video, audio = next(iter(videos), None), next(iter(audios), None)
        with av.open(str(path)) as again:
            chosen = [again.streams[s.index] if s is not None else None for s in (video, audio)]
            decoded = decode(again, *chosen)
        has_more = False
        for found, candidates in ((decoded.frames, videos), (decoded.audio, audios)):
            if found is None and len(candidates) > 1:
                del candidates[0]
                has_more = True
        if not has_more:
            return decoded, video if isinstance(video, VideoStream) else None


def _candidates(container: InputContainer, kind: str) -> list[Stream]:
    usable = [
        stream
        for stream in container.streams
        if stream.type == kind
        and stream.codec_context is not None
        and not stream.disposition & Disposition.attached_pic
    ]
    return sorted(usable, key=lambda s: not s.disposition & Disposition.default)


def _codec(stream: Stream) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "?"


def read_orientation(frame: VideoFrame) -> tuple[Orientation | None, tuple[str, ...]]:
    """Return a frame's orientation, and a doubt where only its rotation can be read.

    PyAV refuses all side data of a frame when it does not know the type of one of them. FFmpeg adds
    such types: MV-HEVC has view IDs, frames with EXIF have that.
    """
    try:
        side_data: Any = frame.side_data
    except ValueError as error:
        doubt = f"the reader does not know side data of the frames (MV-HEVC, EXIF): {error};"
        return from_rotation(-frame.rotation), (f"{doubt} mirrored frames go unnoticed",)
    matrix = side_data.get(SideData.DISPLAYMATRIX)
    if not matrix:
        return UPRIGHT, ()
    return from_matrix(memoryview(bytes(matrix)).cast("i").tolist()), ()


def _display(
    video: VideoStream, frame: VideoFrame, orientation: Orientation | None
) -> tuple[Fraction, Fraction]:
    """Return the size in square pixels: an anamorphic frame grows along one axis."""
    width, height = Fraction(frame.width), Fraction(frame.height)
    aspect = video.sample_aspect_ratio or Fraction(1)
    if aspect > 1:
        width *= aspect
    elif aspect > 0:
        height /= aspect
    return (height, width) if orientation and orientation.swaps else (width, height)


def _secrets(tags: Sequence[Mapping[str, str]]) -> set[str]:
    return {
        value
        for each in tags
        for name, value in each.items()
        if name.lower() not in _HARMLESS_TAGS
        and len(value) >= _SHORTEST_SECRET
        # A bare number is no secret, and may occur anywhere.
        and re.search(r"[^0-9.]", value)
    }
