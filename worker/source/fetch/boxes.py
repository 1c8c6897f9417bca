"""Reads which bytes of an MP4 or MOV file are its header: all but what its mdat boxes hold."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from worker.media.streams import ByteRange

_TYPE = re.compile(rb"[\xa9 -~][ -~]{3}")
_HEADER_BYTES, _LONG_HEADER_BYTES = 8, 16
# Of a plain file there are a few. Thousands of boxes are fragments, or damage.
_MAX_BOXES = 1_000


def header_ranges(path: Path) -> list[ByteRange] | str:
    """Return the bytes outside the content; a reason where the file has no index of its content.

    Boxes are those of ISO/IEC 14496-12, 4.2.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        boxes = list(_boxes(file.fileno(), size))
    kinds = {kind for kind, *_ in boxes}
    if b"moof" in kinds or len(boxes) > _MAX_BOXES:
        return "it is fragmented"
    if not {b"moov", b"mdat"} <= kinds:
        return "it has no index"
    ranges, position = [], 0
    for kind, content, end in boxes:
        if kind == b"mdat":
            ranges.append((position, content))
            position = end
    return [*ranges, (position, size)]


def _boxes(descriptor: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box of the file: its type, where its content begins, and where it ends."""
    position, count = 0, 0
    while count <= _MAX_BOXES and position < size:
        header = os.pread(descriptor, _LONG_HEADER_BYTES, position)
        length, kind = int.from_bytes(header[:4], "big"), header[4:_HEADER_BYTES]
        begins = _LONG_HEADER_BYTES if length == 1 else _HEADER_BYTES
        if length == 1:
            length = int.from_bytes(header[_HEADER_BYTES:], "big")
        elif length == 0:
            length = size - position
        if length < begins or not _TYPE.fullmatch(kind):
            return
        end = min(position + length, size)
        yield kind, min(position + begins, end), end
        position, count = end, count + 1
