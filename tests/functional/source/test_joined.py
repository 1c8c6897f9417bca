"""Recordings that were joined: files put end to end, and timestamps that restart or leap."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg
from tests.functional.hls import Published, decode, read_published
from tests.functional.source.generated import SMALL, X264
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg

PART_S = 4
AUDIO_HZ = 8000
FLV_HEADER_BYTES, FLV_TAG_BYTES = 13, 15
# With B-frames, whose decoding times are not those at which they are shown.
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac")
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
LIVE_MP4 = ("-movflags", "frag_keyframe+empty_moov")


def make_part(path: Path, *options: object, is_second: bool, size: str = "320x180") -> bytes:
    """Four seconds: the first part is black with 440 Hz, the second is white with 880 Hz."""
    color, hertz = ("white", 880) if is_second else ("black", 440)
    ffmpeg(
        *("-f", "lavfi", "-i", f"color={color}:size={size}:rate=25:duration={PART_S}"),
        *("-f", "lavfi", "-i", f"sine=frequency={hertz}:sample_rate=48000:duration={PART_S}"),
        *options,
        path,
    )
    return path.read_bytes()


def make_both(folder: Path, suffix: str, *options: object, second_size: str = "320x180") -> Path:
    """Put the second part behind the first, byte by byte."""
    first = make_part(folder / f"1.{suffix}", *options, is_second=False)
    second = make_part(folder / f"2.{suffix}", *options, is_second=True, size=second_size)
    joined = folder / f"joined.{suffix}"
    joined.write_bytes(first + second)
    return joined


def move_flv(data: bytes, by_ms: int) -> bytes:
    """Return the tags of an FLV without its header, their times moved."""
    tags, at = bytearray(data[FLV_HEADER_BYTES:]), 0
    while at < len(tags):
        time_ms = (int.from_bytes(tags[at + 4 : at + 7], "big") | tags[at + 7] << 24) + by_ms
        tags[at + 4 : at + 7], tags[at + 7] = (time_ms & 0xFFFFFF).to_bytes(3, "big"), time_ms >> 24
        at += int.from_bytes(tags[at + 1 : at + 4], "big") + FLV_TAG_BYTES
    return bytes(tags)


def assert_joined(published: Published, *, seconds: float = 2 * PART_S) -> None:
    """All is there, and video and audio go over to the second part at the same time."""
    (rung,) = published.rungs
    assert rung.duration_s == pytest.approx(seconds, abs=0.25)
    audio = published.audio
    assert audio
    assert audio.duration_s == pytest.approx(rung.duration_s, abs=0.1)
    gray = ("-vf", "setpts=PTS-STARTPTS,fps=25:start_time=0,scale=1:1,format=gray")
    levels = decode(rung.playlist, *gray, "-f", "rawvideo").stdout
    white_s = sum(level < 128 for level in levels) / 25
    mono = ("-ac", 1, "-ar", AUDIO_HZ)
    samples = array("h", decode(audio.playlist, *mono, "-f", "s16le").stdout)
    # Upward passes through zero, in a tenth of a second each.
    window = AUDIO_HZ // 10
    passes = [
        sum(a < 0 <= b for a, b in zip(samples[i : i + window], samples[i + 1 :], strict=False))
        for i in range(0, len(samples) - window, window)
    ]
    low, high = (sum(abs(p - tone) <= 4 for p in passes) / 10 for tone in (44, 88))
    assert white_s == pytest.approx(seconds - PART_S, abs=0.2)
    assert low == pytest.approx(seconds - PART_S, abs=0.4), passes
    assert high == pytest.approx(PART_S, abs=0.4), passes
    high_from_s = next(i for i, p in enumerate(passes) if abs(p - 88) <= 4) / 10
    assert high_from_s == pytest.approx(white_s, abs=0.2)


@pytest.mark.parametrize(
    ("suffix", "options", "second_size"),
    [
        ("flv", (*H264, *AAC), "320x180"),
        ("flv", (*H264, *AAC), "640x360"),
        ("mkv", (*H264, *AAC), "640x360"),
        ("mkv", (*X264, "-c:a", "pcm_s16le"), "320x180"),
        ("webm", VP8, "320x180"),
        ("webm", (*VP8, "-live", 1), "640x360"),
        ("ogv", (*VP8, "-f", "ogg"), "320x180"),
        ("ogv", (*VP8[:-1], "vorbis", "-strict", -2, "-ac", 2, "-f", "ogg"), "320x180"),
        ("mp4", (*H264, *AAC), "640x360"),
        ("mp4", (*H264, *AAC, *LIVE_MP4), "320x180"),
        ("asf", ("-c:v", "wmv2", "-c:a", "wmav2"), "320x180"),
        ("avi", ("-c:v", "mpeg4", "-c:a", "libmp3lame"), "320x180"),
    ],
)
def test_files_put_end_to_end_play_through(
    run_worker: RunWorker,
    tmp_path: Path,
    suffix: str,
    options: tuple[object, ...],
    second_size: str,
) -> None:
    """FFmpeg reads the first of them, or the second by the first one's header."""
    source, out = make_both(tmp_path, suffix, *options, second_size=second_size), tmp_path / "out"
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert ended.named("timestamps_repaired")
    assert_joined(read_published(out))


@pytest.mark.parametrize("second_size", ["320x180", "640x360"])
def test_transport_streams_whose_tracks_have_other_identifiers_play_through(
    run_worker: RunWorker, tmp_path: Path, second_size: str
) -> None:
    """FFmpeg takes those of the second recording for further tracks, which are not chosen."""
    source, out = tmp_path / "joined.ts", tmp_path / "out"
    first = make_part(tmp_path / "1.ts", *H264, *AAC, is_second=False)
    other = ("-mpegts_start_pid", 0x200)
    second = make_part(tmp_path / "2.ts", *H264, *AAC, *other, is_second=True, size=second_size)
    source.write_bytes(first + second)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert_joined(read_published(out))


@pytest.mark.parametrize(
    "joined",
    [
        lambda one, two: one + move_flv(two, 0),
        lambda one, two: one + move_flv(two, 300_000),
        lambda one, two: one + move_flv(one, 0) + move_flv(one, 60_000) + move_flv(two, 1000),
    ],
    ids=["a restart", "a leap", "several"],
)
def test_a_stream_whose_timestamps_restart_or_leap_plays_through(
    run_worker: RunWorker, tmp_path: Path, joined: Callable[[bytes, bytes], bytes]
) -> None:
    one, two = (make_part(tmp_path / f"{i}.flv", *H264, *AAC, is_second=bool(i)) for i in range(2))
    source, out = tmp_path / "in.flv", tmp_path / "out"
    source.write_bytes(joined(one, two))
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (repaired,) = ended.named("timestamps_repaired")
    assert_joined(read_published(out), seconds=PART_S * (repaired["jumps"] + 1))


def test_a_stream_that_changes_its_size_declares_the_length_of_all(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    one = make_part(tmp_path / "1.flv", *H264, *AAC, is_second=False)
    two = make_part(tmp_path / "2.flv", *H264, *AAC, is_second=True, size="640x360")
    at = one.index(b"duration\0") + len(b"duration\0")
    declared = one[:at] + struct.pack(">d", 2.0 * PART_S) + one[at + 8 :]
    source, out = tmp_path / "in.flv", tmp_path / "out"
    source.write_bytes(declared + move_flv(two, 1000 * PART_S))
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert_joined(read_published(out))
    source.write_bytes(source.read_bytes()[: -len(two) * 4 // 5])
    ended = run_worker("--source", source, "--destination", tmp_path / "cut", *SMALL)
    assert (ended.status, ended.final.get("code")) == (65, "truncated"), ended.stdout


def test_a_frame_that_stays_while_audio_goes_on_is_not_cut_short(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=1/12:duration=24"),
        *("-f", "lavfi", "-i", "sine=duration=24", *X264, *AAC, source),
    )
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert not ended.named("timestamps_repaired")
    assert read_published(out).rungs[0].duration_s == pytest.approx(24, abs=0.1)


def turn(mp4: bytes) -> bytes:
    """Turn the first track of an MP4 by 90 degrees, by the matrix in its header."""
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 180 << 16, 0, 1 << 30)
    at = mp4.index(b"tkhd") + 44
    return mp4[:at] + matrix + mp4[at + len(matrix) :]


def test_parts_that_are_rotated_alike_are_one_video(run_worker: RunWorker, tmp_path: Path) -> None:
    """The copy that joins them says nothing of it."""
    parts = [make_part(tmp_path / f"{i}.mp4", *H264, *AAC, is_second=bool(i)) for i in range(2)]
    source, out = tmp_path / "joined.mp4", tmp_path / "out"
    source.write_bytes(turn(parts[0]) + turn(parts[1]))
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    published = read_published(out)
    assert "RESOLUTION=180x320" in (out / "master.m3u8").read_text()
    assert_joined(published)
    source.write_bytes(parts[0] + turn(parts[1]))
    refused = run_worker("--source", source, "--destination", tmp_path / "2", *SMALL)
    assert (refused.status, refused.final["code"]) == (65, "broken_timestamps")
    assert "rotated differently" in refused.final["message"]


def test_parts_that_cannot_be_one_video_are_refused(run_worker: RunWorker, tmp_path: Path) -> None:
    one = make_part(tmp_path / "1.webm", *VP8, is_second=False)
    two = make_part(tmp_path / "2.mp4", *H264, *AAC, is_second=True)
    source, out = tmp_path / "in.webm", tmp_path / "out"
    source.write_bytes(one + two)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert (ended.status, ended.final["code"]) == (65, "broken_timestamps")
    assert "vp8 is followed by h264" in ended.final["message"]


def test_a_part_that_cannot_be_read_is_refused_and_left_out_on_request(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """The header of an MP4 is its last part: the upload broke off."""
    source = make_both(tmp_path, "mp4", *H264, *AAC)
    whole, out = source.read_bytes(), tmp_path / "out"
    # Of half a header FFmpeg reads the video's track, and not the audio's.
    for lost, words in (
        (2000, "longer than this"),
        (whole[::-1].index(b"voom") + 4, "recording 2 of the 2"),
    ):
        source.write_bytes(whole[:-lost])
        ended = run_worker("--source", source, "--destination", out, *SMALL)
        assert (ended.status, ended.final["code"]) == (65, "truncated")
        assert words in ended.final["message"]
    ended = run_worker("--source", source, "--destination", out, *SMALL, "--allow-truncated")
    assert ended.status == 0, ended.final
    assert ended.named("part_left_out")
    assert read_published(out).rungs[0].duration_s == pytest.approx(PART_S, abs=0.1)


def test_what_lies_behind_a_video_and_is_none_is_reported(
    run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / "out"
    source.write_bytes(short_clip.read_bytes() + bytes(99_999))
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert ended.named("bytes_not_read")
