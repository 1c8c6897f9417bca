"""Reads a finished MPEG-TS segment (ISO/IEC 13818-1): what is really in it. Pure.

FFmpeg's report about a segment is not enough, so each one is read before it is uploaded: how many
frames, from when to when, does it start with a keyframe, are all packets there, which codec string.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from worker.hls.transport import (
    AAC_ADTS,
    H264,
    MalformedSegmentError,
    Pes,
    check_packets,
    read_pes,
    read_program,
    unwrap,
)
from worker.media.timeline import CLOCK_HZ

_AAC_FRAME_SAMPLES = 1024
_AAC_RATES_HZ = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
_NAL_IDR = 5
_NAL_SPS = 7
# The muxer rounds a frame's time to the tick.
_ROUNDING_TICKS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentReading:
    """One segment's content. Times in ticks of 90 kHz, as they stand in the stream.

    `times_ticks` are those of video frames, in presentation order; none for audio. `end_ticks` is
    where the last frame ends; None for video, whose frames carry no duration.
    `codec` is the RFC 6381 string, as in the bitstream. The segment's first `key_bytes` hold its
    tables and first frame, and nothing else: None for audio. `jump_ticks` is when the largest of
    the other frames is shown, and `jump_bytes` how large it is: a new slide, where there is one.
    `audio` is what is muxed with the video.
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
    audio: SegmentReading | None = None


def read_segment(data: bytes) -> SegmentReading:
    """Read a segment with H.264, AAC or both.

    Raises:
        MalformedSegmentError: with what is wrong.

    """
    check_packets(data)
    pids = read_program(data).pids
    found = {stream_type: read_pes(data, pid) for stream_type, pid in pids.items()}
    if not all(found.values()):
        raise MalformedSegmentError("it holds no frame")
    if H264 not in found:
        return _read_aac(found[AAC_ADTS])
    video = _read_h264(found[H264])
    if AAC_ADTS not in found:
        return video
    # A player of key frames alone reads as far as the first one.
    if found[AAC_ADTS][0].start < found[H264][0].end:
        raise MalformedSegmentError("its audio does not follow its first frame")
    return replace(video, audio=_read_aac(found[AAC_ADTS]))


@dataclass(frozen=True, kw_only=True, slots=True)
class AacFrame:
    """One AAC frame in ADTS, and its time in ticks of 90 kHz as it stands in the stream."""

    pts_ticks: int
    data: bytes


def aac_frames(data: bytes) -> Iterator[AacFrame]:
    """Yield the frames of a segment of audio.

    Raises:
        MalformedSegmentError: with what is wrong.

    """
    for unit in read_pes(data, read_program(data).pids[AAC_ADTS]):
        frame_ticks = _frame_ticks(unit.payload)
        at = 0
        for i, length in enumerate(_adts_frames(unit.payload)):
            pts_ticks = round(unit.pts_ticks + i * frame_ticks)
            yield AacFrame(pts_ticks=pts_ticks, data=unit.payload[at : at + length])
            at += length


def _read_h264(units: list[Pes]) -> SegmentReading:
    times = sorted(unwrap(unit.pts_ticks, units[0].pts_ticks) for unit in units)
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
        jump_ticks=unwrap(jump.pts_ticks, units[0].pts_ticks) if jump else None,
        jump_bytes=len(jump.payload) if jump else 0,
    )


def _nal_units(payload: bytes) -> Iterator[bytes]:
    """Yield the head of each NAL unit of an access unit in byte-stream format (Annex B)."""
    at = payload.find(b"\x00\x00\x01")
    while at >= 0 and at + 7 <= len(payload):
        yield payload[at + 3 : at + 7]
        at = payload.find(b"\x00\x00\x01", at + 3)


def _read_aac(units: list[Pes]) -> SegmentReading:
    """Count ADTS frames (ISO/IEC 14496-3, 1.A.2); several travel in one PES packet.

    They follow one another without a gap, as the encoder's do: else samples were lost, or put in.
    """
    frames = 0
    first_pts, last_frames = units[0].pts_ticks, 0
    frame_ticks = _frame_ticks(units[0].payload)
    for unit in units:
        at, last_pts = round(first_pts + frames * frame_ticks), unwrap(unit.pts_ticks, first_pts)
        if abs(last_pts - at) > _ROUNDING_TICKS:
            raise MalformedSegmentError(
                f"AAC frame {frames} is at {last_pts - first_pts} ticks from the first, not at"
                f" {at - first_pts}"
            )
        last_frames = sum(1 for _ in _adts_frames(unit.payload))
        frames += last_frames
    return SegmentReading(
        codec=f"mp4a.40.{(units[0].payload[2] >> 6) + 1}",
        frames=frames,
        first_pts_ticks=first_pts,
        last_pts_ticks=round(last_pts + (last_frames - 1) * frame_ticks),
        end_ticks=round(last_pts + last_frames * frame_ticks),
        starts_with_keyframe=True,
    )


def _frame_ticks(payload: bytes) -> float:
    """Return how long an AAC frame lasts, by the header of the first."""
    head = payload[:4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        raise MalformedSegmentError("its audio is not AAC in ADTS")
    rate_index = head[2] >> 2 & 0x0F
    if rate_index >= len(_AAC_RATES_HZ):
        raise MalformedSegmentError("its AAC header has no sample rate")
    return _AAC_FRAME_SAMPLES * CLOCK_HZ / _AAC_RATES_HZ[rate_index]


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
