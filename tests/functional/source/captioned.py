"""Puts captions into the frames of a video, as a broadcaster's encoder does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import av

from tests.captions import Triplet, cc_data, sei

_START = re.compile(b"\0\0\0?\x01")
# First bytes of NAL units: those of H.264's slices by type, of HEVC's likewise.
_HEADERS = {"h264": b"\x06", "hevc": b"\x4e\x01"}
_MPEG2_SLICE, _MPEG2_USER_DATA = b"\0\0\x01\x01", b"\0\0\x01\xb2"


def put_captions(source: Path, target: Path, frames: Mapping[int, Sequence[Triplet]]) -> None:
    """Write a copy whose k-th frame, in the order of display, carries these triplets."""
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        stream = reading.streams.video[0]
        packets = [packet for packet in reading.demux(stream) if packet.pts is not None]
        display = {pts: k for k, pts in enumerate(sorted(p.pts for p in packets if p.pts))}
        copied = writing.add_stream_from_template(stream)
        for packet in packets:
            assert packet.pts is not None
            triplets = frames.get(display[packet.pts], [(0, (0, 0))])
            data = _with_user_data(bytes(packet), stream.codec.name, cc_data(triplets))
            changed = av.Packet(data)
            changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
            changed.is_keyframe, changed.stream = packet.is_keyframe, copied
            writing.mux(changed)


def _with_user_data(frame: bytes, codec: str, user_data: bytes) -> bytes:
    if codec == "mpeg2video":
        at = frame.index(_MPEG2_SLICE)
        return frame[:at] + _MPEG2_USER_DATA + user_data + frame[at:]
    unit = sei(user_data, header=_HEADERS[codec])
    for match in _START.finditer(frame):
        if _is_slice(frame[match.end()], codec):
            return frame[: match.start()] + b"\0\0\0\1" + unit + frame[match.start() :]
    raise AssertionError("a frame without a slice, or not in Annex B")


def _is_slice(header: int, codec: str) -> bool:
    return header & 0x1F in {1, 5} if codec == "h264" else header >> 1 & 0x3F < 32
