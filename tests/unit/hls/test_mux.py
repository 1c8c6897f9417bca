"""Audio is muxed into a segment of video: packets, tables, clock references, order."""

from __future__ import annotations

import binascii
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.hls.mpegts import AacFrame, aac_frames, read_segment
from worker.hls.mux import _crc, _packet, _pts_field, add_audio
from worker.hls.transport import (
    AAC_ADTS,
    PACKET_BYTES,
    MalformedSegmentError,
    fill_up,
    read_pes,
    read_program,
)

FRAME = 3003
ZERO = 900_000
# As FFmpeg writes them: 256 is the PID of the video, 4096 that of the map.
PAT = bytes.fromhex("474000100000b00d0001c100000001f0002ab104b2")
PMT = bytes.fromhex("475000100002b0120001c10000e100f0001be100f00015bd4d56")
SPS = b"\x00\x00\x00\x01\x67\x64\x00\x1e\xac"
IDR, SLICE = b"\x00\x00\x00\x01\x65\x88\x84", b"\x00\x00\x00\x01\x41\x9a\x24"


def video(sizes: list[int], *, step: int = FRAME) -> bytes:
    """A segment of frames of these sizes, `step` ticks apart, each with a clock reference."""
    packets = [PAT.ljust(PACKET_BYTES, b"\xff"), PMT.ljust(PACKET_BYTES, b"\xff")]
    counter = 0
    for i, size in enumerate(sizes):
        ticks = ZERO + i * step
        nal = (SPS + IDR if i == 0 else SLICE).ljust(size, b"\x55")
        pes = b"\x00\x00\x01\xe0\x00\x00\x80\x80\x05" + _pts_field(ticks) + nal
        clock = b"\x50" + ((ticks - 15_300) << 15 | 0x7E00).to_bytes(6, "big")
        fields = clock
        while pes:
            room = PACKET_BYTES - 4 - (1 + len(fields) if fields else 0)
            packet = bytearray(_packet(pes[:room], fields, starts=fields is clock, counter=counter))
            packet[1] = packet[1] & 0xE0 | 0x01
            packet[2] = 0x00
            packets.append(bytes(packet))
            pes, fields, counter = pes[room:], b"", counter + 1
    return b"".join(packets)


def audio(count: int, *, at: int = ZERO, size: int = 180) -> list[AacFrame]:
    """AAC frames of 48 kHz in ADTS."""
    header = bytes([0xFF, 0xF1, 0x4C, 0x40 | size >> 11, size >> 3 & 0xFF, (size & 7) << 5, 0])
    return [
        AacFrame(pts_ticks=at + 1920 * i, data=header + bytes([i & 0x7F]) * (size - 7))
        for i in range(count)
    ]


@given(
    sizes=st.lists(st.integers(20, 2000), min_size=1, max_size=20),
    step=st.sampled_from([FRAME, 20 * FRAME]),
    count=st.integers(1, 40),
    size=st.integers(8, 1500),
    late=st.integers(-1920, 1919),
)
def test_every_frame_is_there_once_and_in_time(
    sizes: list[int], step: int, count: int, size: int, late: int
) -> None:
    alone, frames = video(sizes, step=step), audio(count, at=ZERO + late, size=size)
    muxed = add_audio(alone, frames)
    before, after = read_segment(alone), read_segment(muxed)
    assert after.times_ticks == before.times_ticks
    assert after.key_bytes == before.key_bytes
    assert after.audio
    assert (after.audio.frames, after.audio.first_pts_ticks) == (count, ZERO + late)
    assert list(aac_frames(muxed)) == frames
    pids = read_program(muxed).pids
    units = [unit for pid in pids.values() for unit in read_pes(muxed, pid)]
    first, *rest = sorted(units, key=lambda unit: unit.start)
    assert first.pts_ticks == ZERO, "the first frame of video is in front"
    assert all(a.dts_ticks <= b.dts_ticks for a, b in pairwise(rest))


def clocks(data: bytes) -> list[tuple[int, int]]:
    """PID and ticks of each clock reference."""
    found = []
    for at in range(0, len(data), PACKET_BYTES):
        packet = data[at : at + PACKET_BYTES]
        if packet[3] & 0x20 and packet[4] and packet[5] & 0x10:
            pid = int.from_bytes(packet[1:3], "big") & 0x1FFF
            found.append((pid, int.from_bytes(packet[6:12], "big") >> 15))
    return found


def test_the_clock_references_are_those_of_the_audio() -> None:
    """However far apart the frames of video are."""
    muxed = add_audio(video([5000, 100, 100], step=90_000), audio(140))
    found = clocks(muxed)
    assert {pid for pid, _ in found} == {read_program(muxed).pids[AAC_ADTS]}
    ticks = [at for _, at in found]
    assert ticks[0] == ZERO - 15_300
    assert all(0 < b - a <= 9000 for a, b in pairwise(ticks))
    pmt = muxed[PACKET_BYTES : 2 * PACKET_BYTES]
    assert int.from_bytes(pmt[13:15], "big") & 0x1FFF == found[0][0], "the map names it"


def test_the_checksum_of_tables_is_that_of_ffmpeg() -> None:
    assert _crc(PAT[5:-4]) == int.from_bytes(PAT[-4:], "big")
    assert _crc(PMT[5:-4]) == int.from_bytes(PMT[-4:], "big")
    muxed = add_audio(video([500]), audio(3))
    section = muxed[PACKET_BYTES + 5 :][: 3 + 23]
    assert _crc(section) == 0, "over a table with its checksum"
    assert binascii.crc32(section) != 0


def test_without_audio_a_segment_stays_as_it_is() -> None:
    alone = video([500, 300])
    assert add_audio(alone, []) == alone


def test_audio_in_front_of_the_first_frame_is_refused() -> None:
    """A playlist of key frames would name it."""
    muxed = add_audio(video([500, 100]), audio(8))
    at = next(unit.start for unit in read_pes(muxed, read_program(muxed).pids[AAC_ADTS]))
    head, packet = muxed[: 2 * PACKET_BYTES], muxed[at : at + PACKET_BYTES]
    moved = head + packet + muxed[2 * PACKET_BYTES : at] + muxed[at + PACKET_BYTES :]
    with pytest.raises(MalformedSegmentError, match="follow its first frame"):
        read_segment(moved)


@pytest.mark.parametrize(("packets", "filled"), [(3, 12), (12, 12), (40, 40)])
def test_short_segments_are_filled_up(packets: int, filled: int) -> None:
    data = video([100] * (packets - 2))
    assert len(fill_up(data)) == filled * PACKET_BYTES
    assert read_segment(fill_up(data)) == read_segment(data)
