"""Reads the lists of FFmpeg's muxer `framecrc`: one packet a line, without its content. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedPacket:
    """One packet: when it is shown, its bytes and their checksum, and its flags and side data."""

    at_s: Fraction
    bytes: int
    checksum: str
    more: tuple[str, ...]


class FramecrcReader:
    """Reads the lines of one stream: `stream, dts, pts, duration, size, checksum[, more]`."""

    def __init__(self) -> None:
        self._time_base = Fraction(1)

    def read(self, line: str) -> ListedPacket | None:
        """Return a packet's line; None for one of the head, which gives the time base."""
        if line.startswith("#tb"):
            self._time_base = Fraction(line.rpartition(":")[2].strip())
        if line.startswith("#"):
            return None
        _, _, pts, _, size, checksum, *more = line.split(",")
        at_s = int(pts) * self._time_base
        return ListedPacket(at_s=at_s, bytes=int(size), checksum=checksum, more=tuple(more))
