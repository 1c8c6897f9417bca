"""A span of the timeline holds the same frames as that part of the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg, media
from tests.functional.span_frames import frames, make, workspace
from worker.ffmpeg.encode import encode_video
from worker.ffmpeg.run import run_ffmpeg
from worker.hls.segment import is_whole, measure_segment
from worker.plan.plan import Span


def open_gop_with_b_frames(folder: Path) -> Path:
    """VFR, open GOP, B-pyramid, MPEG-TS that starts at 1.4 s: the hardest to seek in."""
    path = folder / "hard.ts"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30:duration=30"),
        *("-vf", "select='not(eq(mod(n,7),3))'", "-fps_mode", "vfr", "-c:v", "libx264"),
        *("-x264-params", "open-gop=1:keyint=75:bframes=5:b-pyramid=normal", path),
    )
    return path


def audio_after_the_last_frame(folder: Path) -> Path:
    """Frames of five and a half seconds, the last of which stays on screen for eleven more."""
    path = folder / "tail.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30:duration=5.5"),
        *("-f", "lavfi", "-i", "sine=duration=16.5", "-c:v", "libx264", "-g", "40", path),
    )
    return path


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    "make_source",
    [
        open_gop_with_b_frames,
        audio_after_the_last_frame,
        lambda _: media("normal/ExoPlayer__video_big_buck_bunny.mp4"),
        lambda _: media("lecture/opencast__av.mov"),
    ],
    ids=["open GOP", "audio continues", "big buck bunny", "opencast"],
)
def test_each_span_decodes_to_the_frames_of_the_whole(
    make_source: Callable[[Path], Path], tmp_path: Path
) -> None:
    source = make_source(tmp_path)
    plan = make(source, "--segment", "2", "--ladder", "1080")
    grid = plan.grid
    rungs = tuple(rung.name for rung in plan.rungs)
    every = Span(first=0, end=grid.segment_count, rungs=rungs, preset="ultrafast")
    whole = frames(plan, every, source, tmp_path)
    assert whole[0][0] == 0
    assert whole[-1][0] == grid.total_frames - 1
    for first in range(1, grid.segment_count):
        span = replace(every, first=first, end=first + 1)
        start, end = grid.first_frame(first), grid.first_frame(first + 1)
        expected = [(frame - start, md5) for frame, md5 in whole if start <= frame < end]
        assert frames(plan, span, source, tmp_path) == expected, f"span {first}"


@pytest.mark.ffmpeg
def test_segments_of_two_spans_and_presets_are_on_one_grid(tmp_path: Path) -> None:
    """The worker's TS reader finds each segment on the grid, also where the spans meet."""
    source = open_gop_with_b_frames(tmp_path)
    plan = make(source, "--ladder", "90")
    (tmp_path / "90p").mkdir()
    for first, end, preset in ((0, 2, "slower"), (2, 5, "superfast")):
        span = Span(first=first, end=end, rungs=("90p",), preset=preset)
        run_ffmpeg("ffmpeg", encode_video(plan, span, source), workspace(tmp_path))
    for index in range(plan.grid.segment_count):
        data = (tmp_path / "90p" / f"{index:05d}.ts").read_bytes()
        segment = measure_segment(plan, "90p", index, data)
        assert is_whole(plan, segment)
