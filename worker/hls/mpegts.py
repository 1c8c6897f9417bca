"""Reads a finished MPEG-TS segment (ISO/IEC 13818-1): what is really in it. Pure.

FFmpeg's report about a segment is not enough, so each one is read before it is uploaded: how many
frames, from when to when, does it start with a keyframe, are all packets there, which codec string.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from worker.media.timeline import CLOCK_HZ

PACKET_BYTES = 188

_SYNC = 0x47
_PAT_PID = 0
_H264 = 0x1B
_AAC_ADTS = 0x0F
_AAC_FRAME_SAMPLES = 1024
_AAC_RATES_HZ = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
_NAL_IDR = 5
_NAL_SPS = 7
_WRAP = 1 << 33
# The muxer rounds a frame's time to the tick.
_ROUNDING_TICKS = 2


class MalformedSegmentError(Exception):
    """The bytes are not a whole MPEG-TS segment with one H.264 or AAC stream."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentReading:
    """One segment's content. Times in ticks of 90 kHz, as they stand in the stream.

    `times_ticks` are those of video frames, in presentation order; none for audio. `end_ticks` is
    where the last frame ends; None for video, whose frames carry no duration.
    `codec` is the RFC 6381 string, as in the bitstream. The segment's first `key_bytes` hold its
    tables and first frame, and nothing else: None for audio. `jump_ticks` is when the largest of
    the other frames is shown, and `jump_bytes` how large it is: a new slide, where there is one.
    """

    codec: str
    frames: int
    first_pts_ticks: int
    last_pts_ticks: int
    end_ticks: int | None
    starts_with_keyframe: bool
    times_ticks: tuple[int, ...] = ()
    key_bytes: int | None = None
    jump_ticks: int | None = None
    jump_bytes: int = 0


def read_segment(data: bytes) -> SegmentReading:
    """Read a segment with one elementary stream.

    Raises:
        MalformedSegmentError: with what is wrong.

    """
    count, rest = divmod(len(data), PACKET_BYTES)
    if rest or not count or data[::PACKET_BYTES].count(_SYNC) != count:
        raise MalformedSegmentError(f"{len(data)} bytes are not a whole number of TS packets")
    pid, stream_type = _elementary_stream(data)
    packets = _payloads(data, pid)
    units = _pes_units(packets)
    if not units:
        raise MalformedSegmentError("it holds no frame")
    if stream_type == _H264:
        return _read_h264(units)
    return _read_aac(units)


@dataclass(frozen=True, slots=True)
class _Pes:
    """One packetized elementary stream packet: time, payload, and where it ends in the file."""

    pts_ticks: int
    payload: bytes
    end: int


@dataclass(frozen=True, slots=True)
class _Packet:
    """One transport packet of the stream: whether a PES packet starts there, and where it ends."""

    starts: bool
    payload: bytes
    end: int


def _pid(data: bytes, at: int) -> int:
    return (data[at + 1] & 0x1F) << 8 | data[at + 2]


def _payload_start(data: bytes, at: int) -> int:
    """Offset of the packet's payload, or the packet's end where it has none."""
    control = data[at + 3] >> 4 & 0x3
    if not control & 1:
        return at + PACKET_BYTES
    return at + 4 + (1 + data[at + 4] if control & 2 else 0)


def _elementary_stream(data: bytes) -> tuple[int, int]:
    """Find the one stream through PAT and PMT (sections 2.4.4.3 and 2.4.4.8).

    They must precede it, so that a player can start with any segment (RFC 8216, 3.2).
    """
    _, pat = _section(data, _PAT_PID)
    programs = [pat[i : i + 4] for i in range(8, len(pat) - 4, 4)]
    pmt_pid = next((_number(p[2:4]) & 0x1FFF for p in programs if _number(p[:2])), None)
    if pmt_pid is None:
        raise MalformedSegmentError("its program association table names no program")
    pmt_at, pmt = _section(data, pmt_pid)
    at = 12 + (_number(pmt[10:12]) & 0xFFF)
    streams = []
    while at < len(pmt) - 4:
        streams.append((_number(pmt[at + 1 : at + 3]) & 0x1FFF, pmt[at]))
        at += 5 + (_number(pmt[at + 3 : at + 5]) & 0xFFF)
    if len(streams) != 1 or streams[0][1] not in {_H264, _AAC_ADTS}:
        types = [hex(stream_type) for _, stream_type in streams]
        raise MalformedSegmentError(f"it holds stream types {types}, not one of H.264 or AAC")
    pid, stream_type = streams[0]
    if any(_pid(data, at) == pid for at in range(0, pmt_at, PACKET_BYTES)):
        raise MalformedSegmentError("its program map table does not come first")
    return pid, stream_type


def _section(data: bytes, pid: int) -> tuple[int, bytes]:
    """Return a table's first section and where; the ones FFmpeg writes fit into one packet."""
    for at in range(0, len(data), PACKET_BYTES):
        if _pid(data, at) == pid and data[at + 1] & 0x40:
            start = _payload_start(data, at)
            start += 1 + data[start]
            length = 3 + (_number(data[start + 1 : start + 3]) & 0xFFF)
            return at, data[start : start + length]
    raise MalformedSegmentError(f"it holds no table with PID {pid}")


def _payloads(data: bytes, pid: int) -> list[_Packet]:
    """Return the stream's packets that carry something."""
    found: list[_Packet] = []
    expected: int | None = None
    for at in range(0, len(data), PACKET_BYTES):
        if _pid(data, at) != pid or not data[at + 3] & 0x10:
            continue
        counter = data[at + 3] & 0x0F
        if expected is not None and counter != expected:
            raise MalformedSegmentError(f"packets are missing before byte {at}")
        expected = counter + 1 & 0x0F
        start, end = _payload_start(data, at), at + PACKET_BYTES
        found.append(_Packet(bool(data[at + 1] & 0x40), data[start:end], end))
    return found


def _pes_units(packets: list[_Packet]) -> list[_Pes]:
    units: list[_Pes] = []
    chunks: list[_Packet] = []
    for packet in packets:
        if packet.starts and chunks:
            units.append(_read_pes(chunks))
            chunks = []
        if packet.starts or chunks:
            chunks.append(packet)
    if chunks:
        units.append(_read_pes(chunks))
    return units


def _read_pes(packets: list[_Packet]) -> _Pes:
    """Read a PES header with a presentation time (section 2.4.3.6)."""
    pes = b"".join(packet.payload for packet in packets)
    if pes[:3] != b"\x00\x00\x01" or len(pes) < 14 or not pes[7] & 0x80:
        raise MalformedSegmentError("a PES packet has no presentation time")
    pts = (
        (pes[9] >> 1 & 0x07) << 30
        | pes[10] << 22
        | (pes[11] >> 1) << 15
        | pes[12] << 7
        | pes[13] >> 1
    )
    return _Pes(pts_ticks=pts, payload=pes[9 + pes[8] :], end=packets[-1].end)


def _read_h264(units: list[_Pes]) -> SegmentReading:
    times = sorted(_unwrap(unit.pts_ticks, units[0].pts_ticks) for unit in units)
    first = {nal[0] & 0x1F: nal for nal in _nal_units(units[0].payload)}
    sps = first.get(_NAL_SPS)
    if sps is None:
        raise MalformedSegmentError("it does not start with a sequence parameter set")
    jump = max(units[1:], key=lambda unit: len(unit.payload), default=None)
    return SegmentReading(
        codec=f"avc1.{sps[1:4].hex()}",
        frames=len(units),
        first_pts_ticks=times[0],
        last_pts_ticks=times[-1],
        end_ticks=None,
        starts_with_keyframe=_NAL_IDR in first,
        times_ticks=tuple(times),
        key_bytes=units[0].end,
        jump_ticks=_unwrap(jump.pts_ticks, units[0].pts_ticks) if jump else None,
        jump_bytes=len(jump.payload) if jump else 0,
    )


def _nal_units(payload: bytes) -> Iterator[bytes]:
    """Yield the head of each NAL unit of an access unit in byte-stream format (Annex B)."""
    at = payload.find(b"\x00\x00\x01")
    while at >= 0 and at + 7 <= len(payload):
        yield payload[at + 3 : at + 7]
        at = payload.find(b"\x00\x00\x01", at + 3)


def _read_aac(units: list[_Pes]) -> SegmentReading:
    """Count ADTS frames (ISO/IEC 14496-3, 1.A.2); several travel in one PES packet.

    They follow one another without a gap, as the encoder's do: else samples were lost, or put in.
    """
    frames = 0
    first_pts, last_frames = units[0].pts_ticks, 0
    head = units[0].payload[:4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        raise MalformedSegmentError("its audio is not AAC in ADTS")
    rate_index = head[2] >> 2 & 0x0F
    if rate_index >= len(_AAC_RATES_HZ):
        raise MalformedSegmentError("its AAC header has no sample rate")
    frame_ticks = _AAC_FRAME_SAMPLES * CLOCK_HZ / _AAC_RATES_HZ[rate_index]
    for unit in units:
        at, last_pts = round(first_pts + frames * frame_ticks), _unwrap(unit.pts_ticks, first_pts)
        if abs(last_pts - at) > _ROUNDING_TICKS:
            raise MalformedSegmentError(
                f"AAC frame {frames} is at {last_pts - first_pts} ticks from the first, not at"
                f" {at - first_pts}"
            )
        last_frames = sum(1 for _ in _adts_frames(unit.payload))
        frames += last_frames
    return SegmentReading(
        codec=f"mp4a.40.{(head[2] >> 6) + 1}",
        frames=frames,
        first_pts_ticks=first_pts,
        last_pts_ticks=round(last_pts + (last_frames - 1) * frame_ticks),
        end_ticks=round(last_pts + last_frames * frame_ticks),
        starts_with_keyframe=True,
    )


def _adts_frames(payload: bytes) -> Iterator[int]:
    at = 0
    while at + 7 <= len(payload):
        length = (payload[at + 3] & 0x03) << 11 | payload[at + 4] << 3 | payload[at + 5] >> 5
        if payload[at] != 0xFF or length < 7 or at + length > len(payload):
            raise MalformedSegmentError("an AAC frame is cut")
        yield length
        at += length
    if at != len(payload):
        raise MalformedSegmentError("an AAC frame is cut")


def _unwrap(ticks: int, reference: int) -> int:
    """Undo the 33-bit wrap (26.5 h) against a time of the same segment."""
    difference = (ticks - reference + _WRAP // 2) % _WRAP - _WRAP // 2
    return reference + difference


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
