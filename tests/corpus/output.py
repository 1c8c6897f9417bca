"""A published folder as a player finds it: from the playlists to decoded pictures and sound."""

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

from tests.corpus.decoded import Decoded, Pictures, Sound, decode
from tests.functional.hls import Published, Rendition, read_published

# The clock of MPEG-TS.
CLOCK_HZ = 90_000


@dataclass(kw_only=True)
class Track:
    """One rendition by its playlist and by the packets in its segments, times in ticks."""

    name: str
    rendition: Rendition
    told: dict[str, str]
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
        """Length of a frame of the grid; FRAME-RATE itself is rounded to thousandths."""
        length_s = sum(self.rendition.durations_s, Fraction(0))
        return length_s / max(1, round(length_s * Fraction(self.told["FRAME-RATE"])))


@dataclass(kw_only=True)
class Output:
    """`pictures` are those of the smallest rung; times are in seconds from the first picture."""

    folder: Path
    published: Published
    rungs: tuple[Track, ...]
    audio: Track | None
    pictures: Pictures
    sound: Sound | None
    errors: int

    @property
    def duration_s(self) -> float:
        return self.rungs[0].duration_s

    @property
    def copies_top(self) -> bool:
        """Whether the top rung is the source's own: then it shows also the pictures that repeat."""
        (record,) = self.folder.glob("*/checkpoint.json")
        return bool(json.loads(record.read_text())["plan"]["rungs"][0]["is_copied"])


class _Joined(io.RawIOBase):
    """Segments one after the other, as a player feeds them to its decoder."""

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
    """Read everything that master.m3u8 names, and decode the smallest rung and the sound."""
    published = read_published(folder)
    rungs = tuple(_track(each, published) for each in published.rungs)
    audio = _track(published.audio, published) if published.audio else None
    smallest = min(rungs, key=lambda track: track.form["width"])
    seen = _decode(smallest.rendition.segments)
    heard = _decode(audio.rendition.segments) if audio else None
    if seen.pictures is None:
        raise ValueError(f"{smallest.name} holds no picture that can be decoded")
    zero_s = float(seen.pictures.times_s[0])
    return Output(
        folder=folder,
        published=published,
        rungs=rungs,
        audio=audio,
        pictures=seen.pictures.shifted(-zero_s),
        sound=heard.sound.shifted(-zero_s) if heard and heard.sound else None,
        errors=seen.errors + (heard.errors if heard else 0),
    )


def _decode(segments: Sequence[Path]) -> Decoded:
    file = cast("Any", _Joined(segments))
    with av.open(file, format="mpegts") as container:
        return decode(container, _first(container, "video"), _first(container, "audio"))


def _first(container: InputContainer, kind: str) -> Stream | None:
    return next((s for s in container.streams if s.type == kind), None)


def _track(rendition: Rendition, published: Published) -> Track:
    uri = f"{rendition.folder.parent.name}/{rendition.folder.name}/index.m3u8"
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
        told=published.variants.get(uri, {}),
        packets=tuple(packets),
        starts_with_key=all(keys),
        form=_form(rendition.segments[0]),
        tags=tags,
    )


def _form(segment: Path) -> dict[str, Any]:
    """What the first frame says that it is."""
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
            "colours": tuple(
                int(each)
                for each in (
                    *(frame.color_range, frame.color_primaries),
                    *(frame.color_trc, frame.colorspace),
                )
            ),
        }
