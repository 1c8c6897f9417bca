"""With `--audio muxed` each rung's segments carry the audio: every AAC frame once, as encoded."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg, publish, wait_for
from tests.functional.encode.test_resume import stored_segments
from tests.functional.hls import (
    Published,
    Rendition,
    assert_strictly_valid,
    decode,
    longest_clock_gap_s,
    read_published,
)
from tests.functional.worker_process import FAST_LEASE, RunWorker, StartWorker
from worker.hls.mpegts import read_segment

OPTIONS = ("--ladder", "360,180", "--segment", "2", "--log-level", "debug", "--audio", "muxed")
FAST = ("--preset", "superfast")
SECONDS = 21
AAC_TICKS = 1920


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds that move and eleven that stand still, with audio that never does.

    At 30000/1001 frames per second no joint is at a whole number of ticks or AAC frames.
    """
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    moving = "testsrc2=size=640x360:rate=30000/1001:duration=10,tpad=stop_mode=clone"
    chirp = f"aevalsrc='0.4*sin(2*PI*(300*t+20*t*t))':s=48000:d={SECONDS}"
    ffmpeg(
        *("-f", "lavfi", "-i", f"{moving}:stop_duration={SECONDS - 10},format=yuv420p"),
        *("-f", "lavfi", "-i", chirp, "-t", SECONDS),
        *("-c:v", "libx264", "-preset", "veryfast", "-g", "60", "-colorspace", "bt709"),
        *("-color_range", "tv", "-c:a", "aac", path),
    )
    return path


@pytest.fixture(scope="module")
def whole(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one uninterrupted job in one lane publishes."""
    return publish(tmp_path_factory.mktemp("whole"), clip, *OPTIONS, *FAST, "--parallel-spans", "1")


def aac_frames(rendition: Rendition) -> bytes:
    """Read all AAC frames of a rendition with FFmpeg, as one stream."""
    return decode(rendition.playlist, "-map", "0:a", "-c", "copy", "-f", "adts").stdout


def assert_muxed(published: Published) -> None:
    """Each rung has the audio of the audio-only variant, frame by frame, cut where it is cut."""
    assert published.audio
    expected = aac_frames(published.audio)
    assert len(expected) > 4000 * SECONDS
    for rung in published.rungs:
        assert aac_frames(rung) == expected, rung.folder.name
        end_ticks = None
        for segment in rung.segments:
            reading = read_segment(segment.read_bytes())
            audio = reading.audio
            assert audio
            assert audio.end_ticks
            # The next AAC frame, neither doubled nor missing.
            assert end_ticks in {None, audio.first_pts_ticks}
            end_ticks = audio.end_ticks
            assert longest_clock_gap_s(segment) <= 0.1
        last = rung.segments[-1]
        for before, after in zip(rung.segments, rung.segments[1:], strict=False):
            one, other = (read_segment(path.read_bytes()) for path in (before, after))
            assert one.audio
            assert 0 <= (one.audio.end_ticks or 0) - other.first_pts_ticks < AAC_TICKS
        end = 900_000 + round(sum(rung.durations_s) * 90_000)
        reading = read_segment(last.read_bytes())
        assert reading.audio
        assert -90 <= (reading.audio.end_ticks or 0) - end <= AAC_TICKS


@pytest.mark.ffmpeg
def test_each_rung_has_every_aac_frame_once(whole: Path) -> None:
    published = read_published(whole)
    assert len(published.rungs) == 2
    assert_muxed(published)
    assert_strictly_valid(published)
    master = (whole / "master.m3u8").read_text()
    assert "TYPE=AUDIO" not in master
    assert 'AUDIO="' not in master
    for uri, variant in published.variants.items():
        assert variant["CODECS"].split(",")[-1] == "mp4a.40.2", uri
    (alone,) = (uri for uri, variant in published.variants.items() if "RESOLUTION" not in variant)
    assert "/audio/" in alone


@pytest.mark.ffmpeg
def test_key_frames_are_ranges_without_audio(whole: Path) -> None:
    """What a playlist of key frames names is a frame, and decodes alone."""
    for playlist in whole.rglob("iframes.*.m3u8"):
        shown = decode(playlist, "-map", "0:v", "-f", "framemd5", "-fps_mode", "passthrough").stdout
        rows = [line for line in shown.splitlines() if line[:1] != b"#"]
        assert len(rows) == playlist.read_text().count("#EXTINF")


def test_lanes_make_the_same(
    run_worker: RunWorker, clip: Path, whole: Path, tmp_path: Path
) -> None:
    """Where spans meet there is no joint to be heard: the audio is not encoded in them."""
    out = tmp_path / "out"
    options = ("--source", clip, *OPTIONS, *FAST)
    ended = run_worker(*options, "--destination", out, "--parallel-spans", 3)
    assert ended.status == 0, ended.stdout
    assert len(ended.named("span_started")) > 1
    published, expected = read_published(out), read_published(whole)
    assert_muxed(published)
    for rung, reference in zip(published.rungs, expected.rungs, strict=True):
        assert rung.times_s("v") == reference.times_s("v")
        assert rung.times_s("a") == reference.times_s("a")


def is_begun(out: Path) -> bool:
    return len(stored_segments(out)) >= 4 and len([*out.rglob("audio/*.ts")]) > SECONDS // 2


@pytest.mark.parametrize("has_audio", [True, False], ids=["audio stored", "audio gone"])
def test_a_killed_job_is_resumed(
    start_worker: StartWorker,
    run_worker: RunWorker,
    clip: Path,
    tmp_path: Path,
    *,
    has_audio: bool,
) -> None:
    """The audio is fetched from the store, or encoded once more, and muxed into what lacks it."""
    out = tmp_path / "out"
    options = ("--source", clip, "--destination", out, *OPTIONS, "--preset", "medium")
    running = start_worker(*options, before=FAST_LEASE)
    wait_for(lambda: is_begun(out), what="all audio and a second segment of both rungs")
    running.process.send_signal(signal.SIGKILL)
    running.wait(30)
    before = {path: path.stat().st_mtime_ns for path in stored_segments(out)}
    if not has_audio:
        for path in out.rglob("audio/*.ts"):
            path.unlink()
    ended = run_worker(*options, before=FAST_LEASE)
    assert ended.status == 0, ended.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before, "written twice"
    encoded = {e["rendition"] for e in ended.named("segment_encoded")}
    assert ("audio" in encoded) == (not has_audio)
    assert_muxed(read_published(out))


def test_a_copied_rung_is_muxed(run_worker: RunWorker, clip: Path, tmp_path: Path) -> None:
    """The copy is there long before the audio: it waits, and is cut as the audio is."""
    out = tmp_path / "out"
    options = ("--source", clip, "--destination", out, *OPTIONS, *FAST, "--copy-top", "always")
    ended = run_worker(*options)
    assert ended.status == 0, ended.final
    assert ended.named("top_rung_copied"), ended.named("top_rung_encoded")
    assert_muxed(read_published(out))


def test_a_video_without_audio_is_as_ever(run_worker: RunWorker, tmp_path: Path) -> None:
    source, out = tmp_path / "silent.mp4", tmp_path / "out"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=5", source)
    ended = run_worker(
        *("--source", source, "--destination", out, "--ladder", "180", *FAST, "--audio", "muxed")
    )
    assert ended.status == 0, ended.final
    published = read_published(out)
    assert published.audio is None
    (rung,) = published.rungs
    readings = [read_segment(path.read_bytes()) for path in rung.segments]
    assert sum(reading.frames for reading in readings) == 5 * 25
    assert {reading.audio for reading in readings} == {None}
