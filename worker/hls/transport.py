"""Reads the packets of MPEG-TS (ISO/IEC 13818-1): tables, streams and their PES packets. Pure."""

from __future__ import annotations

from dataclasses import dataclass

PACKET_BYTES = 188
PAT_PID = 0
# Times are of 33 bits.
WRAP = 1 << 33
# Stream types (table 2-34).
H264 = 0x1B
AAC_ADTS = 0x0F

_SYNC = 0x47
_NULL_PACKET = b"\x47\x1f\xff\x10" + b"\xff" * (PACKET_BYTES - 4)
# FFmpeg, and with it many a player, takes fewer packets for no MPEG-TS.
_RECOGNIZED_PACKETS = 12
# Where presentation and decoding time end in the header of a PES packet (section 2.4.3.6).
_PTS_END, _DTS_END = 14, 19


class MalformedSegmentError(Exception):
    """The bytes are not a whole MPEG-TS segment with H.264, AAC or both."""


@dataclass(frozen=True, slots=True)
class Pes:
    """One packetized elementary stream packet, and the bytes of the file [start, end) it is in.

    Ticks are of 90 kHz, as they stand in the stream. Packets of other streams may lie in between.
    """

    pts_ticks: int
    dts_ticks: int
    payload: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Packet:
    """One transport packet of a stream: whether a PES packet starts there, and where it lies."""

    starts: bool
    payload: bytes
    start: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """What a segment's tables say: where the map is, and the PID of each stream by its type."""

    map_pid: int
    map_at: int
    pids: dict[int, int]


def check_packets(data: bytes) -> None:
    """Check that the bytes are transport packets.

    Raises:
        MalformedSegmentError: they are not.

    """
    count, rest = divmod(len(data), PACKET_BYTES)
    if rest or not count or data[::PACKET_BYTES].count(_SYNC) != count:
        raise MalformedSegmentError(f"{len(data)} bytes are not a whole number of TS packets")


def fill_up(data: bytes) -> bytes:
    """Add null packets to a segment that is too short to be recognized: a second of one color."""
    return data + _NULL_PACKET * (_RECOGNIZED_PACKETS - len(data) // PACKET_BYTES)


def read_program(data: bytes) -> Program:
    """Find the streams through PAT and PMT (sections 2.4.4.3 and 2.4.4.8).

    They must precede the streams, so that a player can start with any segment (RFC 8216, 3.2).

    Raises:
        MalformedSegmentError: they do not, or a stream is neither H.264 nor AAC, or two are alike.

    """
    _, pat = _section(data, PAT_PID)
    programs = [pat[i : i + 4] for i in range(8, len(pat) - 4, 4)]
    map_pid = next((_number(p[2:4]) & 0x1FFF for p in programs if _number(p[:2])), None)
    if map_pid is None:
        raise MalformedSegmentError("its program association table names no program")
    map_at, pmt = _section(data, map_pid)
    at = 12 + (_number(pmt[10:12]) & 0xFFF)
    streams = []
    while at < len(pmt) - 4:
        streams.append((pmt[at], _number(pmt[at + 1 : at + 3]) & 0x1FFF))
        at += 5 + (_number(pmt[at + 3 : at + 5]) & 0xFFF)
    pids = dict(streams)
    if not pids or len(pids) != len(streams) or not pids.keys() <= {H264, AAC_ADTS}:
        types = [hex(stream_type) for stream_type, _ in streams]
        raise MalformedSegmentError(f"it holds stream types {types}, not H.264, AAC or both")
    if any(_pid(data, at) in pids.values() for at in range(0, map_at, PACKET_BYTES)):
        raise MalformedSegmentError("its program map table does not come first")
    return Program(map_pid=map_pid, map_at=map_at, pids=pids)


def read_pes(data: bytes, pid: int) -> list[Pes]:
    """Read the PES packets of a stream.

    Raises:
        MalformedSegmentError: transport packets are missing, or one has no presentation time.

    """
    units: list[Pes] = []
    chunks: list[_Packet] = []
    for packet in _payloads(data, pid):
        if packet.starts and chunks:
            units.append(_read_pes(chunks))
            chunks = []
        if packet.starts or chunks:
            chunks.append(packet)
    if chunks:
        units.append(_read_pes(chunks))
    return units


def unwrap(ticks: int, reference: int) -> int:
    """Undo the 33-bit wrap (26.5 h) against a time of the same segment."""
    difference = (ticks - reference + WRAP // 2) % WRAP - WRAP // 2
    return reference + difference


def _pid(data: bytes, at: int) -> int:
    return (data[at + 1] & 0x1F) << 8 | data[at + 2]


def _payload_start(data: bytes, at: int) -> int:
    """Offset of the packet's payload, or the packet's end where it has none."""
    control = data[at + 3] >> 4 & 0x3
    if not control & 1:
        return at + PACKET_BYTES
    return at + 4 + (1 + data[at + 4] if control & 2 else 0)


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
        payload = data[_payload_start(data, at) : at + PACKET_BYTES]
        found.append(_Packet(bool(data[at + 1] & 0x40), payload, at))
    return found


def _read_pes(packets: list[_Packet]) -> Pes:
    """Read a PES header with a presentation time (section 2.4.3.6)."""
    pes = b"".join(packet.payload for packet in packets)
    if pes[:3] != b"\x00\x00\x01" or len(pes) < _PTS_END or not pes[7] & 0x80:
        raise MalformedSegmentError("a PES packet has no presentation time")
    pts = _read_ticks(pes[_PTS_END - 5 : _PTS_END])
    has_dts = pes[7] & 0x40 and len(pes) >= _DTS_END
    return Pes(
        pts_ticks=pts,
        dts_ticks=_read_ticks(pes[_PTS_END:_DTS_END]) if has_dts else pts,
        payload=pes[9 + pes[8] :],
        start=packets[0].start,
        end=packets[-1].start + PACKET_BYTES,
    )


def _read_ticks(field: bytes) -> int:
    return (
        (field[0] >> 1 & 0x07) << 30
        | field[1] << 22
        | (field[2] >> 1) << 15
        | field[3] << 7
        | field[4] >> 1
    )


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
