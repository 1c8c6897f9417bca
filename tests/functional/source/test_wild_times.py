"""Uploads in which the timestamps of one track, or of one packet, are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg
from tests.functional.hls import read_published
from tests.functional.source.generated import SMALL, X264
from tests.functional.source.test_joined import (
    AAC,
    FLV_HEADER_BYTES,
    FLV_TAG_BYTES,
    H264,
    PART_S,
    VP8,
    assert_joined,
)
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg

FLV_AUDIO, FLV_VIDEO = 8, 9
TS_PACKET, TS_HZ = 188, 90_000
PES_AUDIO, PES_VIDEO = 0xC0, 0xE0
# Of what is made: before the change that is looked for.
WILD_S = PART_S / 2


def make(path: Path, *options: object) -> bytearray:
    """After four seconds black becomes white, and 440 Hz 880, as in two parts that were joined."""
    white = f"drawbox=t=fill:c=white:enable='gte(t,{PART_S})'"
    sine = f"0.25*sin(2*PI*t*if(gte(t,{PART_S}),880,440))"
    ffmpeg(
        *("-f", "lavfi", "-i", f"color=black:size=320x180:rate=25:duration={2 * PART_S},{white}"),
        *("-f", "lavfi", "-i", f"aevalsrc='{sine}':s=48000:d={2 * PART_S}"),
        *options,
        path,
    )
    return bytearray(path.read_bytes())


def flv_tags(flv: bytearray, kind: int) -> Iterator[tuple[int, int]]:
    """Yield where each tag of a kind begins, and its time in ms."""
    at = FLV_HEADER_BYTES
    while at < len(flv):
        if flv[at] == kind:
            yield at, int.from_bytes(flv[at + 4 : at + 7], "big") | flv[at + 7] << 24
        at += int.from_bytes(flv[at + 1 : at + 4], "big") + FLV_TAG_BYTES


def stamp_flv(flv: bytearray, at: int, time_ms: int) -> None:
    flv[at + 4 : at + 7], flv[at + 7] = (time_ms & 0xFFFFFF).to_bytes(3, "big"), time_ms >> 24


def zero_one_tag(flv: bytearray) -> None:
    """Stamp one packet of audio 0."""
    stamp_flv(flv, next(at for at, ms in flv_tags(flv, FLV_AUDIO) if ms > WILD_S * 1000), 0)


def leap_audio(flv: bytearray) -> None:
    """Move all audio from one packet on by a minute."""
    for at, ms in list(flv_tags(flv, FLV_AUDIO)):
        if ms > WILD_S * 1000:
            stamp_flv(flv, at, ms + 60_000)


def show_one_tag_late(flv: bytearray) -> None:
    """Let one frame be shown ten minutes after it is decoded."""
    at = next(at for at, ms in flv_tags(flv, FLV_VIDEO) if ms > WILD_S * 1000)
    # Behind the tag's header of 11 bytes: the codec, the kind of packet, then the offset.
    flv[at + 13 : at + 16] = (600_000).to_bytes(3, "big")


def move_one_pes(ts: bytearray, stream_id: int, by_s: int, *, has_dts: bool) -> None:
    """Move the PTS of one PES packet (ISO/IEC 13818-1, 2.4.3.7), and leave its DTS."""
    for start in range(0, len(ts), TS_PACKET):
        is_start, has_field = ts[start + 1] & 0x40, ts[start + 3] & 0x20
        at = start + 4 + (1 + ts[start + 4] if has_field else 0)
        if not is_start or ts[at : at + 4] != bytes((0, 0, 1, stream_id)):
            continue
        if bool(ts[at + 7] & 0x40) != has_dts:
            continue
        a, b, c = (
            ts[at + 9],
            int.from_bytes(ts[at + 10 : at + 12]),
            int.from_bytes(ts[at + 12 : at + 14]),
        )
        pts = (a >> 1 & 7) << 30 | b >> 1 << 15 | c >> 1
        # FFmpeg begins at 1.4 s.
        if pts > (WILD_S + 1.4) * TS_HZ:
            pts += by_s * TS_HZ
            ts[at + 9] = a & 0xF1 | pts >> 30 << 1
            ts[at + 10 : at + 12] = (pts >> 15 << 1 & 0xFFFE | 1).to_bytes(2)
            ts[at + 12 : at + 14] = (pts << 1 & 0xFFFE | 1).to_bytes(2)
            return
    raise AssertionError("there is no such packet")


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        ("ts", lambda ts: move_one_pes(ts, PES_AUDIO, 1000, has_dts=False)),
        ("ts", lambda ts: move_one_pes(ts, PES_VIDEO, 600, has_dts=True)),
        ("flv", zero_one_tag),
        ("flv", leap_audio),
        ("flv", show_one_tag_late),
    ],
    ids=["a PES of audio", "a PTS of video", "a tag stamped 0", "audio's clock", "a frame in FLV"],
)
def test_what_has_wrong_times_alone_is_moved_and_nothing_else(
    run_worker: RunWorker, tmp_path: Path, suffix: str, damage: Callable[[bytearray], None]
) -> None:
    source, out = tmp_path / f"in.{suffix}", tmp_path / "out"
    data = make(source, *H264, *AAC)
    damage(data)
    source.write_bytes(data)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert ended.named("timestamps_repaired")
    assert_joined(read_published(out))


@pytest.mark.parametrize(
    ("suffix", "codecs"), [("flv", (*X264, *AAC)), ("flv", (*H264, *AAC)), ("webm", VP8)]
)
def test_frames_stay_after_the_audio_has_ended(
    run_worker: RunWorker, tmp_path: Path, suffix: str, codecs: tuple[str, ...]
) -> None:
    """A still screen is shared on, in a container that does not say how long a frame stays."""
    source, out = tmp_path / f"in.{suffix}", tmp_path / "out"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=5:duration=62"),
        *("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=6"),
        *("-vf", "select='lt(t,6)+not(mod(n,75))'", "-fps_mode", "vfr", *codecs, source),
    )
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert not ended.named("timestamps_repaired")
    assert 60 <= read_published(out).rungs[0].duration_s < 76
