"""Pictures that repeat are left out; what changes is there at its frame, however little it is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.functional.conftest import Run, ffmpeg
from tests.functional.hls import Rendition, clock_gap_s, decode, read_published
from worker.hls.mpegts import read_segment

RATE, SECONDS, SEGMENT_S = 25, 10, 4
ZERO = 10 * 90_000
WIDTH, HEIGHT = 640, 360


def frames_of(rendition: Rendition) -> list[int]:
    """The frames of the grid at which a rung shows a new picture."""
    readings = [read_segment(path.read_bytes()) for path in rendition.segments]
    times = [at for reading in readings for at in reading.times_ticks]
    return [round((at - ZERO) * RATE / 90_000) for at in times]


def publish(run_worker: Run, folder: Path, picture: str, *options: object) -> list[Rendition]:
    """Publish SECONDS of a generated picture, in two rungs."""
    source, out = folder / "source.mkv", folder / "out"
    ffmpeg(
        *("-f", "lavfi", "-i", f"{picture},format=yuv420p", "-t", SECONDS),
        # Lossless, so that what repeats is alike and what changes is as drawn.
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


def test_slides_are_sent_when_they_change(run_worker: Run, tmp_path: Path) -> None:
    """A mark appears at frame 70, 8x8 pixels of 230,400, and goes at 163."""
    mark = "drawbox=x=100:y=60:w=8:h=8:color=black:t=fill:enable='between(t,2.79,6.5)'"
    rungs = publish(run_worker, tmp_path, f"color=white:size={WIDTH}x{HEIGHT}:rate={RATE},{mark}")
    shown = frames_of(rungs[0])
    assert {70, 163} <= set(shown)
    assert {0, 99, 100, 199, 200, 249} <= set(shown), "the ends of each segment"
    assert len(shown) < 30, "and little else: one a second"
    assert max(b - a for a, b in pairwise(shown)) <= RATE
    assert max(map(clock_gap_s, rungs[0].segments)) <= 1, "the clock is told with each picture"
    assert frames_of(rungs[1]) == shown
    seen = luma(rungs[0])
    dark = [frame for frame, value in enumerate(seen) if value < 100]
    assert dark == list(range(70, 163))


def test_what_moves_is_kept_whole(run_worker: Run, tmp_path: Path) -> None:
    rungs = publish(run_worker, tmp_path, f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE}")
    assert frames_of(rungs[0]) == list(range(RATE * SECONDS))


def test_a_slow_fade_does_not_fall_behind(run_worker: Run, tmp_path: Path) -> None:
    """One code in two thirds of a second: no step is large, but they add up."""
    fade = f"nullsrc=size={WIDTH}x{HEIGHT}:rate={RATE},geq=lum='100+floor(1.5*T)':cb=128:cr=128"
    rungs = publish(run_worker, tmp_path, fade, "-color_range", "tv", "-colorspace", "bt709")
    seen = luma(rungs[0])
    # decode gives full range of the limited one.
    drawn = [round((100 + int(1.5 * frame / RATE) - 16) * 255 / 219) for frame in range(len(seen))]
    assert max(abs(a - b) for a, b in zip(seen, drawn, strict=True)) <= 3


@pytest.mark.ffmpeg
@pytest.mark.parametrize("size", ["321x181", "50x50"])
def test_sizes_that_cannot_be_marked_are_encoded_whole(
    run_worker: Run, tmp_path: Path, size: str
) -> None:
    picture = f"color=white:size={size}:rate={RATE},format=yuv444p"
    source, out = tmp_path / "source.mkv", tmp_path / "out"
    ffmpeg("-f", "lavfi", "-i", picture, "-t", 2, "-c:v", "libx264", source)
    assert run_worker("--source", source, "--destination", out).status == 0
    assert frames_of(read_published(out).rungs[0]) == list(range(2 * RATE))


def test_a_last_segment_of_one_frame_is_there(run_worker: Run, tmp_path: Path) -> None:
    """Of a picture that stands still, beside the kept end of the segment before it."""
    source, out = tmp_path / "source.mkv", tmp_path / "out"
    ffmpeg(
        *("-f", "lavfi", "-i", f"color=gray:size={WIDTH}x{HEIGHT}:rate=25/2,format=yuv420p"),
        *("-frames:v", 76, "-c:v", "libx264", "-preset", "ultrafast", source),
    )
    ended = run_worker("--source", source, "--destination", out, "--ladder", "180")
    assert ended.status == 0, ended.final
    (rung,) = read_published(out).rungs
    assert [float(s) for s in rung.durations_s] == [6.0, 0.08]
