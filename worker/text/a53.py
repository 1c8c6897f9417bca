"""Finds captions in the user data of frames (ATSC A/53, part 4, 6.2.3). Pure."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator

# `GA94`, the type of cc_data(), its flags and the reserved byte before the triplets.
_CC_DATA = re.compile(rb"GA94\x03([\x00-\xff])[\x00-\xff]")
_HAS_DATA, _COUNT = 0x40, 0x1F
# cc_valid; cc_type is in the lowest two bits, where the higher one is of CEA-708.
_VALID, _TYPE_708 = 0x04, 0x02
# H.264 and HEVC have at most 16 frames out of order.
_REORDER = 32

# Codecs that put bytes between others, so that none is taken for a start code.
ESCAPED = frozenset({"h264", "hevc"})

# cc_type and the pair.
Triplet = tuple[int, int, int]


def cc_triplets(user_data: bytes, *, is_escaped: bool) -> list[Triplet]:
    """Return the triplets in the user data of a frame that are valid and hold something.

    `is_escaped`: as it is in the stream, with emulation prevention (Rec. ITU-T H.264, 7.4.1).
    """
    data = user_data.replace(b"\0\0\3", b"\0\0") if is_escaped else user_data
    return [
        (data[at] & 0x03, data[at + 1], data[at + 2])
        for match in _CC_DATA.finditer(data)
        if match[1][0] & _HAS_DATA
        for at in range(match.end(), match.end() + 3 * (match[1][0] & _COUNT), 3)
        if at + 2 < len(data) and _holds_something(data[at], data[at + 1] | data[at + 2])
    ]


def _holds_something(head: int, both: int) -> bool:
    # Pairs of CEA-608 are padded with zeros, beside a parity bit; in CEA-708 zeros are data.
    return bool(head & _VALID and (head & _TYPE_708 or both & 0x7F))


class PresentationOrder:
    """Puts the triplets of frames, which come in the order of decoding, into that of display."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, list[Triplet]]] = []
        self._count = 0

    def add(self, at_s: float, triplets: list[Triplet]) -> Iterator[tuple[float, Triplet]]:
        """Take a frame's triplets; yield those of frames that no other can precede."""
        heapq.heappush(self._waiting, (at_s, self._count, triplets))
        self._count += 1
        if len(self._waiting) > _REORDER:
            yield from self._next()

    def rest(self) -> Iterator[tuple[float, Triplet]]:
        """Yield what is left."""
        while self._waiting:
            yield from self._next()

    def _next(self) -> Iterator[tuple[float, Triplet]]:
        at_s, _, triplets = heapq.heappop(self._waiting)
        for triplet in triplets:
            yield at_s, triplet
