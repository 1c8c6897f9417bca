"""Reads playlists as a player does (RFC 8216), and keeps what the rules are about. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_RANGE = re.compile(r"(?P<length>[0-9]+)(@(?P<start>[0-9]+))?")

Attributes = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedSegment:
    """A line of a media playlist, with the tags that are for it.

    `key`: the EXT-X-KEY right before it, and of no segment before. `range_end`: where its byte
    range ends.
    """

    name: str
    duration_s: float | None
    key: Attributes | None = None
    range_end: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaPlaylist:
    """A media playlist, or that of key frames."""

    is_valid: bool
    target_s: int | None
    has_end: bool
    is_of_key_frames: bool
    segments: tuple[ListedSegment, ...]

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return sum(segment.duration_s or 0 for segment in self.segments)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """What a master playlist names: `tag` without `#`, such as EXT-X-STREAM-INF."""

    tag: str
    attributes: Attributes
    uri: str


def read_media_playlist(text: str) -> MediaPlaylist:
    """Read a media playlist; what cannot be read of it is left out."""
    lines = [line.strip() for line in text.splitlines()]
    tags = {line.partition(":")[0]: line.partition(":")[2] for line in lines if line[:1] == "#"}
    target = tags.get("#EXT-X-TARGETDURATION", "")
    return MediaPlaylist(
        is_valid=bool(lines) and lines[0] == "#EXTM3U" and "#EXTINF" in tags,
        target_s=int(target) if target.isdecimal() else None,
        has_end="#EXT-X-ENDLIST" in tags,
        is_of_key_frames="#EXT-X-I-FRAMES-ONLY" in tags,
        segments=tuple(_segments(lines)),
    )


def _segments(lines: list[str]) -> Iterator[ListedSegment]:
    before: dict[str, str] = {}
    for line in lines:
        if line.startswith("#"):
            tag, _, value = line.partition(":")
            before[tag] = value
        elif line:
            key, length = before.get("#EXT-X-KEY"), before.get("#EXTINF", "").partition(",")[0]
            yield ListedSegment(
                name=line,
                duration_s=float(length) if _NUMBER.fullmatch(length) else None,
                key=None if key is None else attributes_of(key),
                range_end=_range_end(before.get("#EXT-X-BYTERANGE")),
            )
            before = {}


def _range_end(text: str | None) -> int | None:
    match = _RANGE.fullmatch(text) if text else None
    return int(match["length"]) + int(match["start"] or 0) if match else None


def read_master(text: str) -> tuple[Stream, ...]:
    """Read what a master playlist names."""
    return tuple(_streams(text.splitlines()))


def _streams(lines: list[str]) -> Iterator[Stream]:
    pending: tuple[str, Attributes] | None = None
    for line in map(str.strip, lines):
        tag, _, value = line.removeprefix("#").partition(":")
        if line.startswith("#EXT-X-STREAM-INF:"):
            pending = tag, attributes_of(value)
        elif line.startswith(("#EXT-X-MEDIA:", "#EXT-X-I-FRAME-STREAM-INF:")):
            attributes = attributes_of(value)
            yield Stream(tag=tag, attributes=attributes, uri=attributes.get("URI", ""))
        elif line and not line.startswith("#"):
            found, pending = pending or ("", {}), None
            yield Stream(tag=found[0], attributes=found[1], uri=line)


def attributes_of(text: str) -> Attributes:
    """Read an attribute list (section 4.2), without the quotes of its strings."""
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}
