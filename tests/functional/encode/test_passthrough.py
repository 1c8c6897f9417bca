"""A fit H.264 upload is copied as the top rung: its frames stay bit for bit the same."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.functional.conftest import ROOT, ffmpeg, ffprobe, media
from tests.functional.hls import (
    Published,
    assert_strictly_valid,
    decode,
    longest_clock_gap_s,
    read_published,
)
from tests.functional.worker_process import Ended, RunWorker
from worker.hls.mpegts import read_segment

RATE, SECONDS = 25, 20
# Keyframes at uneven distances, the first two closer than a segment may be short.
KEY_FRAMES = (0, 7, 130, 255, 300, 441)
CUTS_S = ["5.2", "5", "7.44", "2.36"]
# The first half moves; the second half is all duplicate frames.
MOVING = f"testsrc2=size=640x360:rate={RATE}:duration={SECONDS / 2}"

MakeSource: TypeAlias = Callable[..., Path]


@pytest.fixture(scope="module")
def make_source(tmp_path_factory: pytest.TempPathFactory) -> MakeSource:
    """Encode an upload with B-frames; more options of FFmpeg come last."""

    @cache
    def make(name: str, *options: object) -> Path:
        path = tmp_path_factory.mktemp("source") / name
        keys = ",".join(f"{key / RATE - 0.01:.3f}" for key in KEY_FRAMES)
        ffmpeg(
            *("-f", "lavfi", "-i", f"{MOVING},tpad=stop_mode=clone:stop_duration={SECONDS / 2}"),
            *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"),
            *("-vf", "format=yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "30"),
            *("-g", "999", "-sc_threshold", "0", "-force_key_frames", keys),
            *("-colorspace", "bt709", "-color_range", "tv", "-c:a", "aac", *options, path),
        )
        return path

    return make


def publish(run_worker: RunWorker, source: Path, out: Path, *options: object) -> Ended:
    return run_worker(
        *("--source", source, "--destination", out, "--ladder", "360,180"),
        *("--preset", "superfast", *options),
    )


def publish_copied(run_worker: RunWorker, source: Path, out: Path) -> Published:
    ended = publish(run_worker, source, out, "--copy-top", "always")
    assert ended.status == 0, ended.final
    assert ended.named("top_rung_copied"), ended.named("top_rung_encoded")
    return read_published(out)


def frame_digests(path: Path) -> list[str]:
    """Digest of each decoded frame, duplicates included."""
    text = decode(path, *("-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5")).stdout
    return [line.split(b",")[-1].decode() for line in text.splitlines() if line[:1] != b"#"]


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("source.mp4", ()),
        # Without audio: its encoder's priming would make the container start before the video.
        ("source.ts", ("-an", "-output_ts_offset", "7")),
        # Its timestamps are in milliseconds, which are not thirtieths of a second.
        ("thirty.mkv", ("-an", "-r", "30", "-fps_mode", "cfr")),
    ],
)
def test_the_top_rung_holds_the_source_frames_and_the_other_rung_is_cut_alike(
    run_worker: RunWorker,
    make_source: MakeSource,
    tmp_path: Path,
    name: str,
    options: tuple[object, ...],
) -> None:
    source, out = make_source(name, *options), tmp_path / "out"
    published = publish_copied(run_worker, source, out)
    top, lower = published.rungs
    assert frame_digests(top.playlist) == frame_digests(source)
    if name != "thirty.mkv":
        assert [f"{float(s):g}" for s in top.durations_s] == CUTS_S
    for rung in published.rungs:
        assert rung.durations_s == top.durations_s
        start_s = 10.0
        for segment, duration_s in zip(rung.segments, rung.durations_s, strict=True):
            reading = read_segment(segment.read_bytes())
            assert reading.starts_with_keyframe
            assert longest_clock_gap_s(segment) <= 1
            assert reading.first_pts_ticks == pytest.approx(start_s * 90_000, abs=2)
            start_s += float(duration_s)
    shown = len(frame_digests(top.playlist))
    assert shown >= RATE * SECONDS
    assert len(frame_digests(lower.playlist)) < 0.6 * shown, "duplicate frames are left out"
    assert_strictly_valid(published)
    decoded_s = [float(row) for row in decode_times(top.segments)]
    assert decoded_s == sorted(decoded_s), "decoding times rise across segments"
    assert decoded_s[0] >= 10


def decode_times(segments: tuple[Path, ...]) -> list[str]:
    rows: list[str] = []
    for segment in segments:
        options = ("-show_entries", "packet=dts_time", "-print_format", "csv=print_section=0")
        rows += [row.strip(",") for row in ffprobe(*options, segment).split()]
    return rows


def test_a_copy_is_resumed_and_the_result_is_that_of_one_job(
    run_worker: RunWorker, make_source: MakeSource, tmp_path: Path
) -> None:
    source, whole, out = make_source("source.mp4"), tmp_path / "whole", tmp_path / "out"
    publish_copied(run_worker, source, whole)
    published = publish_copied(run_worker, source, out)
    for name in ("master.m3u8", "manifest.json", "status.json"):
        (out / name).unlink()
    for rung in published.rungs:
        rung.segments[1].unlink()
    kept = published.rungs[0].segments[2]
    written = kept.stat().st_mtime_ns
    ended = publish(run_worker, source, out, "--copy-top", "always")
    assert ended.status == 0
    assert ended.final["segments_resumed"] > 0
    assert kept.stat().st_mtime_ns == written, "what was stored is not stored again"
    resumed, reference = published.rungs[0], read_published(whole).rungs[0]
    expected = [segment.read_bytes() for segment in reference.segments]
    assert [segment.read_bytes() for segment in resumed.segments] == expected


def test_copy_top_auto_copies_a_source_of_a_low_bit_rate(
    run_worker: RunWorker, make_source: MakeSource, tmp_path: Path
) -> None:
    automatic = publish(run_worker, make_source("source.mp4"), tmp_path / "auto")
    assert automatic.named("top_rung_copied")
    never = publish(
        *(run_worker, make_source("source.mp4"), tmp_path / "never", "--copy-top", "never"),
    )
    assert not never.named("top_rung_copied")
    assert never.final["run"] != automatic.final["run"]
    assert never.status == automatic.status == 0


def test_copy_top_auto_counts_the_rung_that_a_copy_needs(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """Of a still screen an encode alone is lighter than both; of a recording in gray it is not."""
    source = tmp_path / "whiteboard.mp4"
    subprocess.run([ROOT / "scripts" / "sample-lecture", source, "20"], check=True, timeout=60)
    still = run_worker("--source", source, "--destination", tmp_path / "still")
    (encoded,) = still.named("top_rung_encoded")
    assert "with the smaller rung that it needs" in encoded["reason"]
    gray = media("normal/sleap__20190128_113421.120s.mp4")
    light = run_worker("--source", gray, "--destination", tmp_path / "light")
    assert light.named("top_rung_copied")
    assert len(read_published(tmp_path / "light").rungs) == 2
    assert still.status == light.status == 0


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        # Keyframes of the container may be recovery points; no segment can start there.
        ("open.ts", ("-an", "-x264-params", "open-gop=1:keyint=50"), "too far"),
        ("audio.ts", (), "not evenly spaced"),
        ("high10.mp4", ("-vf", "format=yuv420p10le"), "profile is High 10"),
    ],
)
def test_a_source_that_cannot_be_copied_is_encoded(
    run_worker: RunWorker,
    make_source: MakeSource,
    tmp_path: Path,
    name: str,
    options: tuple[object, ...],
    reason: str,
) -> None:
    source = make_source(name, *options)
    ended = publish(run_worker, source, tmp_path / "out", "--copy-top", "always")
    (encoded,) = ended.named("top_rung_encoded")
    assert reason in encoded["reason"]
    assert ended.status == 0
    assert_strictly_valid(read_published(tmp_path / "out"))


def test_a_joined_recording_is_encoded(
    run_worker: RunWorker, make_source: MakeSource, tmp_path: Path
) -> None:
    """Its second half has other parameters, so that one codec string cannot describe it."""
    halves = [make_source(f"{level}.mp4", "-an", "-level", level) for level in ("2.1", "4.0")]
    joined, source = tmp_path / "halves.txt", tmp_path / "joined.ts"
    joined.write_text("".join(f"file '{half}'\n" for half in halves))
    ffmpeg("-f", "concat", "-safe", "0", "-i", joined, "-c", "copy", source)
    ended = publish(run_worker, source, tmp_path / "out", "--copy-top", "always")
    (encoded,) = ended.named("top_rung_encoded")
    assert encoded["reason"] == "its size or other parameters change within the video"
    assert ended.status == 0
