"""Finds other files within an upload: recordings that were put end to end.

FFmpeg reads such a file as far as the first one goes, or reads on by the headers of the first. Only
the structure of the container is read here, without decoding anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from worker.errors import BadSourceError, SourceFault

# More parts than a person joins; each is probed and copied by itself.
MAX_PARTS = 500
# Of the structure: as many packets as a source may have.
_MAX_STEPS = 20_000_000
_CHECKED_EVERY = 100_000
# What is left behind the structure and is no file, where that is worth a warning.
_LEAST_LEFT_BYTES, _LEAST_LEFT_SHARE = 16 << 10, 0.05
# A header may end without its last few: they are metadata, or their size was wrong.
_LOST_BYTES = 64

_EBML_HEADER, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
# Four printable characters; QuickTime's own begin with a copyright sign.
_BOX_TYPE = rb"[\xa9 -~][ -~]{3}"
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FLV_MAGIC = b"FLV\x01"
_FLV_AUDIO, _FLV_VIDEO, _FLV_SCRIPT = 8, 9, 18
_FLV_HEADER_BYTES, _FLV_TAG_BYTES = 13, 11
_AVC, _AAC = 7, 10
_OGG_FIRST_PAGE = 2
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Bytes [start, end) of an upload that are a file by themselves, after `prefix`."""

    start: int
    end: int
    prefix: bytes = b""


@dataclass(frozen=True, slots=True)
class _Bytes:
    """A file's bytes at any position; fewer at its end."""

    descriptor: int
    size: int

    def at(self, position: int, count: int) -> bytes:
        return os.pread(self.descriptor, count, position)


# Where a further file begins that is not seen by its first bytes, and what is to be put before it;
# None at each other step. Returns where the structure ends.
_Steps = Generator[tuple[int, bytes] | None, None, int]


def find_parts(
    path: Path, check: Callable[[], None], *, allow_truncated: bool = False
) -> list[Part]:
    """Return the files that an upload consists of: none where it is one.

    `check` is called now and then: it raises what ends the job.

    Raises:
        BadSourceError: there are far more than a person joins, or the last is cut.

    """
    with path.open("rb") as file:
        source = _Bytes(file.fileno(), os.fstat(file.fileno()).st_size)
        found: list[tuple[int, bytes]] = []
        for part in _beginnings(source, check, allow_truncated=allow_truncated):
            found.append(part)
            if len(found) > MAX_PARTS:
                raise BadSourceError(
                    f"the upload consists of more than {MAX_PARTS} recordings put end to end;"
                    " export it again as one video",
                    code=SourceFault.TOO_COMPLEX,
                )
    if len(found) <= 1:
        return []
    ends = [start for start, _ in found[1:]] + [source.size]
    return [
        Part(start=start, end=end, prefix=prefix)
        for (start, prefix), end in zip(found, ends, strict=True)
    ]


def _beginnings(
    source: _Bytes, check: Callable[[], None], *, allow_truncated: bool
) -> Iterator[tuple[int, bytes]]:
    position, steps = 0, 0
    while read := _reader(source.at(position, 16)):
        yield position, b""
        walk = read(source, position)
        while True:
            steps += 1
            if steps % _CHECKED_EVERY == 0:
                check()
            if steps > _MAX_STEPS:
                return
            try:
                joint = next(walk)
            except StopIteration as stop:
                end = int(stop.value)
                break
            if joint is not None:
                yield joint
        left = source.size - end
        if left > max(_LEAST_LEFT_BYTES, _LEAST_LEFT_SHARE * source.size) and not _reader(
            source.at(end, 16)
        ):
            log.warning("bytes_not_read", read=end, left=left)
        if end > source.size + _LOST_BYTES and not allow_truncated:
            raise BadSourceError(
                "by its own header the file is longer than this: it is truncated; upload it again",
                code=SourceFault.TRUNCATED,
            )
        if end <= position:
            return
        position = end


def _reader(start: bytes) -> Callable[[_Bytes, int], _Steps] | None:
    """Return what reads the structure of a file that begins so; None where it is none."""
    if start[4:8] == b"ftyp":
        return _mp4
    if start == _ASF_HEADER:
        return _asf
    readers: dict[bytes, Callable[[_Bytes, int], _Steps]] = {
        _EBML_HEADER.to_bytes(4, "big"): _matroska,
        _FLV_MAGIC: _flv,
        b"OggS": _ogg,
    }
    if start[:4] == b"RIFF":
        return {b"AVI ": _avi, b"WAVE": _wav}.get(start[8:12])
    return readers.get(start[:4])


def _mp4(source: _Bytes, start: int) -> _Steps:
    """Read boxes (ISO/IEC 14496-12, 4.2): a file type after content begins another file.

    Of a header that is cut, FFmpeg may read the first tracks: its end counts, beyond the file.
    """
    position, kind, has_content = start, b"", False
    while re.fullmatch(_BOX_TYPE, (header := source.at(position, 16))[4:8]):
        size, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        if size == 0:
            # To the end of the file.
            return source.size
        if size < 8 or (kind == b"ftyp" and has_content):  # noqa: PLR2004
            break
        yield None
        has_content = has_content or kind in {b"moov", b"mdat"}
        position += size
    return position if kind == b"moov" else min(position, source.size)


def _matroska(source: _Bytes, start: int) -> _Steps:
    """Read elements (RFC 8794): an EBML header after the first one begins another file."""
    position = start
    while header := source.at(position, 12):
        id_bytes = _vint_bytes(header[0])
        size_bytes = _vint_bytes(header[id_bytes]) if len(header) > id_bytes else 9
        begins = id_bytes + size_bytes
        if id_bytes > 4 or size_bytes > 8 or len(header) < begins:  # noqa: PLR2004
            break
        identity = int.from_bytes(header[:id_bytes], "big")
        unknown = (1 << 7 * size_bytes) - 1
        size = int.from_bytes(header[id_bytes:begins], "big") & unknown
        # A live recording does not know how long these are, and one that broke off is wrong.
        is_open = size == unknown or position + begins + size > source.size
        is_other = identity == _EBML_HEADER and position > start
        if is_other or (is_open and identity not in {_SEGMENT, _CLUSTER}):
            break
        yield None
        position += begins if is_open else begins + size
    return position


def _vint_bytes(first: int) -> int:
    """Length of a number of EBML by its first byte (RFC 8794, 4); 9 where it is none."""
    return 9 - first.bit_length()


def _flv(source: _Bytes, start: int) -> _Steps:
    """Read tags: a decoder configuration that differs begins another file.

    FFmpeg 5.1 loses a new configuration when it copies the track.
    """
    header, position = source.at(start, _FLV_HEADER_BYTES), start + _FLV_HEADER_BYTES
    # The tags that configure video and audio: those in force, and those since the last frame.
    known: dict[int, bytes] = {}
    new: dict[int, bytes] = {}
    begins = position
    while len(tag := source.at(position, 16)) > _FLV_TAG_BYTES:
        kind, size = tag[0] & 0x1F, int.from_bytes(tag[1:4], "big") + _FLV_TAG_BYTES + 4
        if kind not in {_FLV_AUDIO, _FLV_VIDEO, _FLV_SCRIPT} or _reader(tag):
            break
        if _is_configuration(kind, tag[_FLV_TAG_BYTES:]):
            begins = begins if new else position
            new[kind] = source.at(position, size)
        elif new and kind != _FLV_SCRIPT:
            if any(_flv_body(known.get(each, tag)) != _flv_body(tag) for each, tag in new.items()):
                kept = (tag for each, tag in known.items() if each not in new)
                yield begins, header + b"".join(kept)
            known, new = known | new, {}
        yield None
        position += size
    return min(position, source.size)


def _flv_body(tag: bytes) -> bytes:
    return tag[_FLV_TAG_BYTES:-4]


def _is_configuration(kind: int, body: bytes) -> bool:
    if kind == _FLV_VIDEO:
        # With the highest bit set the codec is named by four characters (Enhanced RTMP).
        return body[0] & 0x8F == 0x80 or (body[0] & 0x8F == _AVC and body[1:2] == b"\0")  # noqa: PLR2004
    return kind == _FLV_AUDIO and body[0] >> 4 == _AAC and body[1:2] == b"\0"


def _ogg(source: _Bytes, start: int) -> _Steps:
    """Read pages (RFC 3533, 6): a first page after others had content begins another file."""
    position, has_content = start, False
    while (page := source.at(position, 27 + 255))[:4] == b"OggS" and len(page) > 27:  # noqa: PLR2004
        is_first = bool(page[5] & _OGG_FIRST_PAGE)
        if is_first and has_content:
            break
        yield None
        has_content = not is_first
        position += 27 + page[26] + sum(page[27 : 27 + page[26]])
    return min(position, source.size)


def _asf(source: _Bytes, start: int) -> _Steps:
    """Read objects, of a GUID and a size: a header after the first one begins another file."""
    position = start
    while len(header := source.at(position, 24)) == 24:  # noqa: PLR2004
        size = int.from_bytes(header[16:], "little")
        if size < len(header) or (position > start and _reader(header[:16])):
            break
        yield None
        position += size
    return min(position, source.size)


def _avi(source: _Bytes, start: int) -> _Steps:
    """Read chunks: `AVIX` goes on with the same file (OpenDML), another `AVI ` does not."""
    position = start
    while len(chunk := source.at(position, 12)) == 12:  # noqa: PLR2004
        is_other = chunk[8:] in {b"AVI ", b"WAVE"} and position > start
        if chunk[:4] not in {b"RIFF", b"JUNK"} or is_other:
            break
        yield None
        size = int.from_bytes(chunk[4:8], "little")
        if size == 0:
            # A recorder that broke off has not written it.
            return source.size
        position += 8 + size + size % 2
    return min(position, source.size)


def _wav(source: _Bytes, start: int) -> _Steps:
    """Read the size of the whole; what was written live has none. It counts beyond the file."""
    size = int.from_bytes(source.at(start, 8)[4:], "little")
    yield None
    return source.size if size in _UNKNOWN_SIZES else start + 8 + size + size % 2


def copy_part(source: Path, part: Part, path: Path, check: Callable[[], None]) -> None:
    """Write a part to a file of its own; `check` raises where the job is to stop."""
    left = part.end - part.start
    with source.open("rb") as file, path.open("wb") as output:
        output.write(part.prefix)
        file.seek(part.start)
        while left and (block := file.read(min(left, 1 << 20))):
            check()
            output.write(block)
            left -= len(block)
