"""The thumbnail: never black where any frame is not, and never missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.functional.conftest import FFMPEG, ffmpeg, media
from tests.functional.worker_process import RunWorker

# No thumbnail depends on the preset.
FAST = ("--preset", "superfast")


def luma(jpeg: Path) -> tuple[int, int, float]:
    """Darkest, brightest and mean luma, decoded from the JPEG."""
    answer = subprocess.run(
        [FFMPEG, "-loglevel", "error", "-i", jpeg, "-f", "rawvideo", "-pix_fmt", "gray", "-"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return min(answer.stdout), max(answer.stdout), sum(answer.stdout) / len(answer.stdout)


def publish(source: Path, run_worker: RunWorker, tmp_path: Path) -> Path:
    ended = run_worker("--source", source, "--destination", tmp_path / "out", *FAST)
    assert ended.status == 0, ended.stdout
    return tmp_path / "out" / "thumbnail.jpg"


@pytest.mark.ffmpeg
def test_a_long_black_opening_is_skipped(run_worker: RunWorker, tmp_path: Path) -> None:
    """Four fifths of the video are black."""
    source = tmp_path / "late.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:size=320x180:rate=10:duration=40"),
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=10"),
        *("-filter_complex", "[0][1]concat=n=2", "-pix_fmt", "yuv420p", source),
    )
    darkest, brightest, mean = luma(publish(source, run_worker, tmp_path))
    assert mean > 60
    assert brightest - darkest > 150


def test_a_white_slide_with_words_becomes_the_thumbnail(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    source = tmp_path / "slide.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=white:size=320x180:rate=10:duration=8"),
        *("-vf", "drawbox=x=40:y=40:w=60:h=4:color=black:t=fill", "-pix_fmt", "yuv420p", source),
    )
    _, _, mean = luma(publish(source, run_worker, tmp_path))
    assert mean > 200


def test_a_video_that_is_all_black_has_a_thumbnail(run_worker: RunWorker, tmp_path: Path) -> None:
    source = tmp_path / "black.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:size=320x180:rate=10:duration=3", source)
    assert luma(publish(source, run_worker, tmp_path))[1] < 40


def test_a_clip_of_five_frames_has_a_thumbnail(run_worker: RunWorker, tmp_path: Path) -> None:
    source = media("normal/siti-tools__lights-hlg.mov")
    assert publish(source, run_worker, tmp_path).stat().st_size > 1000


def small_gray(path: Path) -> bytes:
    """First frame as 9x16 of gray, rotated as FFmpeg rotates it by itself."""
    small = "scale=9:16:flags=area,format=gray"
    answer = subprocess.run(
        [
            FFMPEG,
            "-loglevel",
            "error",
            "-i",
            str(path),
            *("-frames:v", "1", "-vf", small),
            "-f",
            "rawvideo",
            "-",
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return answer.stdout


def distance(a: bytes, b: bytes) -> float:
    return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / len(a)


@pytest.mark.ffmpeg
def test_the_thumbnail_of_a_rotated_video_is_upright(run_worker: RunWorker, tmp_path: Path) -> None:
    """A clip of a phone whose display matrix rotates it to portrait."""
    source = media("oddities/media__internal_emulator_transformer_output_270_rotated.mp4")
    thumbnail = small_gray(publish(source, run_worker, tmp_path))
    upright = small_gray(source)
    assert distance(thumbnail, upright) < distance(thumbnail, upright[::-1]) - 5
