"""Puts audio into a segment of video (ISO/IEC 13818-1): each AAC frame once, as it is. Pure.

FFmpeg would have to encode or read the audio in each span, and would cut it where it stands when
the video's segment ends. Here a frame belongs to the segment within which it starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from worker.hls.mpegts import AacFrame
from worker.hls.transport import (
    AAC_ADTS,
    H264,
    PACKET_BYTES,
    WRAP,
    Pes,
    check_packets,
    read_pes,
    read_program,
)

# As FFmpeg muxes the audio rendition: so many frames in a PES packet, each of which carries a clock
# reference (at most 0.1 s apart, section 2.7.2), so far ahead of its time.
_FRAMES_IN_PES = 4
_CLOCK_LEAD_TICKS = 15_300
_AUDIO_PID = 257
_AUDIO_STREAM_ID = 0xC0
_CRC = 0x04C11DB7
_START, _HAS_PAYLOAD, _HAS_ADAPTATION, _HAS_CLOCK = 0x40, 0x10, 0x20, 0x10
_STUFFING = b"\xff"


def add_audio(video: bytes, frames: Sequence[AacFrame]) -> bytes:
    """Return the segment of video with these frames between its own.

    The clock reference moves to the audio: frames of video may be seconds apart, where duplicates
    were left out. The first frame of video stays in front of all audio: it alone is what a playlist
    of key frames names.

    Raises:
        MalformedSegmentError: it is no segment of video alone.

    """
    if not frames:
        return video
    check_packets(video)
    program = read_program(video)
    units = read_pes(video, program.pids[H264])
    packets = bytearray(video)
    packets[program.map_at : program.map_at + PACKET_BYTES] = _program_map(
        video[program.map_at : program.map_at + PACKET_BYTES], program.pids[H264]
    )
    _drop_clock(packets, units)
    parts: list[bytes] = []
    counter = done = 0
    following = iter(units[1:])
    unit = next(following, None)
    for first in range(0, len(frames), _FRAMES_IN_PES):
        group = frames[first : first + _FRAMES_IN_PES]
        while unit and unit.dts_ticks < group[0].pts_ticks:
            unit = next(following, None)
        at = unit.start if unit else len(packets)
        parts.append(bytes(packets[done:at]))
        done = at
        pes = list(_packetize(group, counter))
        counter += len(pes)
        parts += pes
    return b"".join([*parts, packets[done:]])


def _program_map(packet: bytes, video_pid: int) -> bytes:
    """Render the packet of a program map (section 2.4.4.8) with H.264 and AAC."""
    # Program number, version and section numbers stay.
    start = 5 + packet[4]
    body = packet[start + 3 : start + 8]
    section = b"".join(
        [
            b"\x02\xb0\x17",
            body,
            _pid_field(_AUDIO_PID),
            b"\xf0\x00",
            *(
                bytes([kind, *_pid_field(pid), 0xF0, 0x00])
                for kind, pid in ((H264, video_pid), (AAC_ADTS, _AUDIO_PID))
            ),
        ]
    )
    whole = packet[:5] + section + _crc(section).to_bytes(4, "big")
    return whole + _STUFFING * (PACKET_BYTES - len(whole))


def _pid_field(pid: int) -> bytes:
    return (0xE000 | pid).to_bytes(2, "big")


def _crc(data: bytes) -> int:
    """Return the CRC of annex A."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (_CRC if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


def _drop_clock(packets: bytearray, units: Sequence[Pes]) -> None:
    """Replace the clock references of the video by stuffing."""
    for unit in units:
        at = unit.start
        if packets[at + 3] & _HAS_ADAPTATION and packets[at + 4] and packets[at + 5] & _HAS_CLOCK:
            packets[at + 5] &= ~_HAS_CLOCK
            # What follows it, if anything does, moves to the front.
            end = at + 5 + packets[at + 4]
            packets[at + 6 : end] = packets[at + 12 : end] + _STUFFING * 6


def _packetize(frames: Sequence[AacFrame], counter: int) -> Iterator[bytes]:
    """Yield the transport packets of one PES packet, with a clock reference in the first."""
    pts = frames[0].pts_ticks
    payload = b"".join(frame.data for frame in frames)
    header = b"\x00\x00\x01" + bytes([_AUDIO_STREAM_ID]) + (8 + len(payload)).to_bytes(2, "big")
    pes = header + b"\x84\x80\x05" + _pts_field(pts) + payload
    # Random access is possible at each; then the reference, of 33 bits and no extension.
    clock = (pts - _CLOCK_LEAD_TICKS) % WRAP
    fields = bytes([0x40 | _HAS_CLOCK]) + (clock << 15 | 0x7E00).to_bytes(6, "big")
    at = 0
    while at < len(pes):
        room = PACKET_BYTES - 4 - (1 + len(fields) if fields else 0)
        chunk = pes[at : at + room]
        yield _packet(chunk, fields, starts=at == 0, counter=counter)
        at += len(chunk)
        counter += 1
        fields = b""


def _packet(payload: bytes, fields: bytes, *, starts: bool, counter: int) -> bytes:
    """Render one transport packet; what it does not fill is stuffing before the payload."""
    spare = PACKET_BYTES - 4 - len(payload)
    control = _HAS_PAYLOAD | (_HAS_ADAPTATION if spare else 0) | counter & 0x0F
    head = bytes([0x47, (_START if starts else 0) | _AUDIO_PID >> 8, _AUDIO_PID & 0xFF, control])
    if not spare:
        return head + payload
    if spare > 1:
        fields = fields or b"\x00"
    return head + bytes([spare - 1]) + fields.ljust(spare - 1, _STUFFING) + payload


def _pts_field(pts_ticks: int) -> bytes:
    pts = pts_ticks % WRAP
    return bytes(
        [
            0x21 | pts >> 29 & 0x0E,
            pts >> 22 & 0xFF,
            0x01 | pts >> 14 & 0xFE,
            pts >> 7 & 0xFF,
            0x01 | pts << 1 & 0xFE,
        ]
    )
