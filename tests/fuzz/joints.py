"""Joins small clips, and moves their clocks, in a repeatable way; what is in them is known."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from tests.functional.conftest import ffmpeg

_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p")
_VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
# By a name whose last part is the file's.
CONTAINERS: dict[str, tuple[str, ...]] = {
    "flv": (*_H264, "-c:a", "aac"),
    "mkv": (*_H264, "-c:a", "aac"),
    "flac.mkv": (*_H264, "-c:a", "flac"),
    "webm": _VP8,
    "live.webm": (*_VP8, "-live", "1"),
    "mp4": (*_H264, "-c:a", "aac"),
    "live.mp4": (*_H264, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "ts": (*_H264, "-c:a", "aac"),
    "mpg": ("-c:v", "mpeg2video", "-c:a", "mp2"),
    "ogv": (*_VP8, "-f", "ogg"),
    "vorbis.ogv": (*_VP8[:-1], "libvorbis", "-f", "ogg"),
    "asf": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "avi": ("-c:v", "mpeg4", "-c:a", "libmp3lame"),
}
# Those that say when a stream starts.
_TIMED = frozenset({"flv", "mkv", "flac.mkv", "mp4", "ts", "ogv"})
_FLV_HEADER_BYTES = 13
_AUDIO = (("1", "48000"), ("2", "48000"), ("2", "44100"), ("1", "32000"))
_SIZES = ("320x180", "160x120", "180x320")
MUTATIONS = ("splice", "other_audio", "other_size", "restart", "leap", "start")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A clip: one gray level, one tone."""

    seconds: float
    level: int
    hertz: int


@dataclass(frozen=True, kw_only=True)
class Joined:
    """An upload of several clips, and what it shows, one after the other."""

    name: str
    data: bytes
    parts: tuple[Part, ...]


def join(rng: random.Random, folder: Path) -> Joined:
    """Make an upload of two to four clips, or of one that starts late."""
    mutation = rng.choice(MUTATIONS)
    usable = {"restart": ["flv", "ts"], "leap": sorted(_TIMED), "start": sorted(_TIMED)}
    container = rng.choice(usable.get(mutation, sorted(CONTAINERS)))
    count = 1 if mutation == "start" else rng.choice((2, 2, 3, 4))
    audio, size, start_s = rng.choice(_AUDIO), rng.choice(_SIZES), 0
    parts, data = [], b""
    for number in range(count):
        # No two neighbors are alike, so that each joint is seen and heard.
        part = Part(
            seconds=rng.choice((1.6, 2.4, 3.2)),
            level=(40, 110, 180)[number % 3],
            hertz=(400, 600, 900)[number % 3],
        )
        if mutation == "other_audio":
            audio = rng.choice([other for other in _AUDIO if other != audio])
        if mutation == "other_size":
            size = rng.choice([other for other in _SIZES if other != size])
        if mutation in {"leap", "start"}:
            start_s += rng.choice((60, 300, 3600))
        made = _make(folder / f"part.{container}", part, container, audio, size, start_s)
        is_bare = mutation == "restart" and container == "flv" and data
        data += made[_FLV_HEADER_BYTES:] if is_bare else made
        parts.append(part)
    return Joined(name=f"{mutation}-{count}.{container}", data=data, parts=tuple(parts))


def _make(
    path: Path, part: Part, container: str, audio: tuple[str, str], size: str, start_s: int
) -> bytes:
    gray = f"0x{part.level:02x}{part.level:02x}{part.level:02x}"
    channels, rate_hz = audio
    ffmpeg(
        *("-f", "lavfi", "-i", f"color={gray}:size={size}:rate=25:duration={part.seconds}"),
        *("-f", "lavfi", "-i", f"sine=frequency={part.hertz}:duration={part.seconds}"),
        *CONTAINERS[container],
        *("-ac", channels, "-ar", _rate(container, rate_hz), "-output_ts_offset", start_s, path),
    )
    return path.read_bytes()


def _rate(container: str, rate_hz: str) -> str:
    # Opus has one rate.
    return "48000" if container in {"webm", "live.webm", "ogv"} else rate_hz
