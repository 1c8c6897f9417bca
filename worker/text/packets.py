"""Reads the packets of text tracks from ffprobe's lines: their times, and their very bytes. Pure.

FFmpeg's own text decoders drop what is not UTF-8, and write `<` and `&` as they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

# A day of fast speech is a tenth of it.
MAX_TRACK_BYTES = 32 << 20
# Of all tracks, those included that are too large: half a minute of ffprobe's lines.
_MAX_BYTES = 4 * MAX_TRACK_BYTES
# `00000010: 6520 6e65 7874 …  e next`: sixteen bytes in hexadecimal, then as characters.
_HEX = slice(10, 50)
_OFFSET_CHARS, _LINE_BYTES = 8, 16


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPacket:
    """One packet of a text track; `duration_s` is None where its end is not known."""

    at_s: Fraction
    duration_s: Fraction | None
    data: bytes


class TextPackets:
    """The packets of some tracks, gathered line by line from `ffmpeg.inputs.show_texts`.

    `too_large` are the tracks that hold more than 32 MiB, of which none is kept.
    """

    def __init__(self, indexes: Collection[int]) -> None:
        self.tracks: dict[int, list[TextPacket]] = {index: [] for index in indexes}
        self.too_large: set[int] = set()
        self._bytes = dict.fromkeys(indexes, 0)
        self._fields: dict[str, str] = {}
        self._data = bytearray()
        self._bytes_read = 0

    @property
    def is_full(self) -> bool:
        """Whether there is so much text that none of it is read on."""
        return self._bytes_read > _MAX_BYTES

    def add(self, line: str) -> None:
        """Read a line."""
        if line == "[PACKET]":
            self._fields, self._data = {}, bytearray()
        elif line == "[/PACKET]":
            self._end_packet()
        elif line[_OFFSET_CHARS : _HEX.start] == ": ":
            self._bytes_read += _LINE_BYTES
            if len(self._data) <= MAX_TRACK_BYTES:
                with contextlib.suppress(ValueError):
                    self._data += bytes.fromhex(line[_HEX])
        else:
            name, _, value = line.partition("=")
            self._fields[name] = value

    def _end_packet(self) -> None:
        index, at_s = self._fields.get("stream_index", ""), _time(self._fields.get("pts_time"))
        if not index.isdigit() or int(index) not in self.tracks or at_s is None:
            return
        track = int(index)
        self._bytes[track] += len(self._data)
        if self._bytes[track] > MAX_TRACK_BYTES:
            self.too_large.add(track)
            self.tracks[track].clear()
            return
        duration_s = _time(self._fields.get("duration_time")) or None
        self.tracks[track].append(
            TextPacket(at_s=at_s, duration_s=duration_s, data=bytes(self._data))
        )


def _time(text: str | None) -> Fraction | None:
    """Read seconds; ffprobe writes `N/A` for what is unknown."""
    try:
        return Fraction(text or "")
    except ValueError:
        return None
