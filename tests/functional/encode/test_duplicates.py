"""Duplicate frames are left out; every change, however small, is shown at its frame."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg
from tests.functional.hls import Rendition, decode, longest_clock_gap_s, read_published
from tests.functional.worker_process import RunWorker
from worker.hls.mpegts import read_segment

RATE, SECONDS, SEGMENT_S = 25, 10, 4
ZERO = 10 * 90_000
WIDTH, HEIGHT = 640, 360


def frames_of(rendition: Rendition) -> list[int]:
    """The frames of the grid that a rung holds; each stays until the next one."""
    readings = [read_segment(path.read_bytes()) for path in rendition.segments]
    times = [at for reading in readings for at in reading.times_ticks]
    return [round((at - ZERO) * RATE / 90_000) for at in times]


def publish(run_worker: RunWorker, folder: Path, graph: str, *options: object) -> list[Rendition]:
    """Publish SECONDS of generated video, in two rungs."""
    source, out = folder / "source.mkv", folder / "out"
    ffmpeg(
        *("-f", "lavfi", "-i", f"{graph},format=yuv420p", "-t", SECONDS),
        # Lossless, so that duplicates are alike and changes are as drawn.
        *("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", *options, source),
    )
    ended = run_worker(
        *("--source", source, "--destination", out),
        *("--ladder", "360,180", "--segment", SEGMENT_S, "--preset", "superfast"),
    )
    assert ended.status == 0
    return list(read_published(out).rungs)


def luma(rendition: Rendition) -> list[int]:
    """Luma of one pixel of every frame, as a player shows it."""
    raw = decode(
        rendition.playlist,
        *("-vf", f"setpts=PTS-STARTPTS,fps={RATE}:start_time=0,crop=2:2:100:60,format=gray"),
        *("-f", "rawvideo"),
    ).stdout
    return list(raw[::4])


def test_slides_are_published_when_they_change(run_worker: RunWorker, tmp_path: Path) -> None:
    """A mark of 8x8 of 230,400 pixels appears at frame 70 and disappears at frame 163."""
    mark = "drawbox=x=100:y=60:w=8:h=8:color=black:t=fill:enable='between(t,2.79,6.5)'"
    rungs = publish(run_worker, tmp_path, f"color=white:size={WIDTH}x{HEIGHT}:rate={RATE},{mark}")
    shown = frames_of(rungs[0])
    assert {70, 163} <= set(shown)
    assert {0, 99, 100, 199, 200, 249} <= set(shown), "the ends of each segment"
    assert len(shown) < 30, "little else: one a second"
    assert max(b - a for a, b in pairwise(shown)) <= RATE
    assert max(map(longest_clock_gap_s, rungs[0].segments)) <= 1, "each frame has a clock reference"
    assert frames_of(rungs[1]) == shown
    seen = luma(rungs[0])
    dark = [frame for frame, value in enumerate(seen) if value < 100]
    assert dark == list(range(70, 163))


def test_moving_video_keeps_every_frame(run_worker: RunWorker, tmp_path: Path) -> None:
    rungs = publish(run_worker, tmp_path, f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE}")
    assert frames_of(rungs[0]) == list(range(RATE * SECONDS))


def test_a_slow_fade_is_shown_in_time(run_worker: RunWorker, tmp_path: Path) -> None:
    """One level in two thirds of a second: no step is large, but they add up."""
    level = "geq=lum='100+floor(1.5*T)':cb=128:cr=128"
    fade = f"nullsrc=size=16x16:rate={RATE},{level},scale={WIDTH}:{HEIGHT}:flags=neighbor"
    rungs = publish(run_worker, tmp_path, fade, "-color_range", "tv", "-colorspace", "bt709")
    seen = luma(rungs[0])
    # Decoding to gray expands the limited range to the full one.
    drawn = [round((100 + int(1.5 * frame / RATE) - 16) * 255 / 219) for frame in range(len(seen))]
    assert max(abs(a - b) for a, b in zip(seen, drawn, strict=True)) <= 3


@pytest.mark.ffmpeg
@pytest.mark.parametrize("size", ["321x181", "50x50"])
def test_sizes_for_which_duplicates_are_not_detected_keep_every_frame(
    run_worker: RunWorker, tmp_path: Path, size: str
) -> None:
    graph = f"color=white:size={size}:rate={RATE},format=yuv444p"
    source, out = tmp_path / "source.mkv", tmp_path / "out"
    ffmpeg("-f", "lavfi", "-i", graph, "-t", 2, "-c:v", "libx264", source)
    assert run_worker("--source", source, "--destination", out).status == 0
    assert frames_of(read_published(out).rungs[0]) == list(range(2 * RATE))


def test_a_last_segment_of_one_frame_is_published(run_worker: RunWorker, tmp_path: Path) -> None:
    """Of still video, although that frame repeats the last one of the segment before."""
    source, out = tmp_path / "source.mkv", tmp_path / "out"
    ffmpeg(
        *("-f", "lavfi", "-i", f"color=gray:size={WIDTH}x{HEIGHT}:rate=25/2,format=yuv420p"),
        *("-frames:v", 76, "-c:v", "libx264", "-preset", "ultrafast", source),
    )
    ended = run_worker("--source", source, "--destination", out, "--ladder", "180")
    assert ended.status == 0, ended.final
    (rung,) = read_published(out).rungs
    assert [float(s) for s in rung.durations_s] == [6.0, 0.08]


@pytest.mark.ffmpeg
def test_a_second_of_one_color_is_recognized(run_worker: RunWorker, tmp_path: Path) -> None:
    """FFmpeg needs more than ten packets to see that a file is MPEG-TS."""
    source, out = tmp_path / "source.mkv", tmp_path / "out"
    graph = "color=gray:size=160x120:rate=25:duration=1,format=yuv420p"
    ffmpeg("-f", "lavfi", "-i", graph, "-c:v", "libx264", source)
    ended = run_worker("--source", source, "--destination", out, "--preset", "ultrafast")
    assert ended.status == 0, ended.final
    (rung,) = read_published(out).rungs
    (segment,) = rung.segments
    assert b"\x47\x1f\xff" in segment.read_bytes(), "without padding this test checks nothing"
    assert len(decode(rung.playlist, "-vf", "format=gray", "-f", "rawvideo").stdout) > 0
