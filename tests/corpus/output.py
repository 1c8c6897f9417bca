"""A published folder as a player reads it: from the playlists to decoded video and audio."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame

from tests.corpus.decoded import Audio, Decoded, Frames, decode
from tests.functional.hls import Published, Rendition, read_published

# The clock of MPEG-TS.
CLOCK_HZ = 90_000


@dataclass(kw_only=True)
class Track:
    """One rendition by its playlist and by the packets in its segments, times in ticks."""

    name: str
    rendition: Rendition
    attributes: dict[str, str]
    packets: tuple[tuple[int, ...], ...]
    starts_with_key: bool
    form: dict[str, Any]
    tags: dict[str, str]

    @property
    def times(self) -> list[int]:
        return [at for segment in self.packets for at in segment]

    @property
    def duration_s(self) -> float:
        return self.rendition.duration_s

    @property
    def frame_s(self) -> Fraction:
        """Duration of a frame of the grid; FRAME-RATE itself is rounded to thousandths."""
        length_s = sum(self.rendition.durations_s, Fraction(0))
        return length_s / max(1, round(length_s * Fraction(self.attributes["FRAME-RATE"])))


@dataclass(kw_only=True)
class Output:
    """`decoded_video` is of the smallest rung; times are in seconds from the first frame."""

    folder: Path
    published: Published
    rungs: tuple[Track, ...]
    audio: Track | None
    decoded_video: Frames
    decoded_audio: Audio | None
    errors: int

    @property
    def duration_s(self) -> float:
        return self.rungs[0].duration_s

    @property
    def copies_top(self) -> bool:
        """Whether the top rung is copied from the source: then it also has the duplicate frames."""
        (record,) = self.folder.glob("*/checkpoint.json")
        return bool(json.loads(record.read_text())["plan"]["rungs"][0]["is_copied"])


class _Joined(io.RawIOBase):
    """Segments one after the other, as a player passes them to its decoder."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self._file: io.BufferedReader | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while self._file is not None or self._paths:
            if self._file is None:
                self._file = self._paths.pop(0).open("rb")
            if data := self._file.read(size):
                return data
            self._file.close()
            self._file = None
        return b""


def read_output(folder: Path) -> Output:
    """Read everything that master.m3u8 names, and decode the smallest rung and the audio."""
    published = read_published(folder)
    rungs = tuple(_track(each, published) for each in published.rungs)
    audio = _track(published.audio, published) if published.audio else None
    smallest = min(rungs, key=lambda track: track.form["width"])
    video = _decode(smallest.rendition.segments)
    decoded_audio = _decode(audio.rendition.segments) if audio else None
    if video.frames is None:
        raise ValueError(f"{smallest.name} holds no frame that can be decoded")
    zero_s = float(video.frames.times_s[0])
    return Output(
        folder=folder,
        published=published,
        rungs=rungs,
        audio=audio,
        decoded_video=video.frames.shifted(-zero_s),
        decoded_audio=(
            decoded_audio.audio.shifted(-zero_s) if decoded_audio and decoded_audio.audio else None
        ),
        errors=video.errors + (decoded_audio.errors if decoded_audio else 0),
    )


def _decode(segments: Sequence[Path]) -> Decoded:
    file = cast("Any", _Joined(segments))
    with av.open(file, format="mpegts") as container:
        return decode(container, _first(container, "video"), _first(container, "audio"))


def _first(container: InputContainer, kind: str) -> Stream | None:
    return next((s for s in container.streams if s.type == kind), None)


def _track(rendition: Rendition, published: Published) -> Track:
    uri = rendition.playlist.relative_to(published.folder).as_posix()
    packets, keys = [], []
    tags: dict[str, str] = {}
    for segment in rendition.segments:
        with av.open(str(segment), format="mpegts") as container:
            read = [(p.pts, p.is_keyframe) for p in container.demux() if p.pts is not None]
            tags |= container.metadata
            for stream in container.streams:
                tags |= stream.metadata
        packets.append(tuple(sorted(pts for pts, _ in read if pts is not None)))
        keys.append(bool(read) and read[0][1])
    return Track(
        name=rendition.folder.name,
        rendition=rendition,
        attributes=published.variants.get(uri, {}),
        packets=tuple(packets),
        starts_with_key=all(keys),
        form=_form(rendition.segments[0]),
        tags=tags,
    )


def _form(segment: Path) -> dict[str, Any]:
    """Return the coding of a segment, from its first frame."""
    with av.open(str(segment), format="mpegts") as container:
        codec: Any = next(s.codec_context for s in container.streams if s.codec_context)
        frame: Any = next(iter(container.decode()), None)
        if frame is None:
            raise ValueError(f"{segment.parent.name}/{segment.name} holds nothing to decode")
        if not isinstance(frame, VideoFrame):
            return {
                "codec": codec.name,
                "profile": codec.profile,
                "rate_hz": frame.sample_rate,
                "channels": frame.layout.nb_channels,
            }
        return {
            "codec": codec.name,
            "width": frame.width,
            "height": frame.height,
            "format": frame.format.name,
            "shape": codec.sample_aspect_ratio,
            "color": tuple(
                int(each)
                for each in (
                    *(frame.color_range, frame.color_primaries),
                    *(frame.color_trc, frame.colorspace),
                )
            ),
        }
