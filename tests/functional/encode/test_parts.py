"""Several files become one video, and a clip is cut out of it: 0 frames and 0 samples off."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.functional.encode.numbered import Numbered, Piece, Recipe, assert_shows, make
from tests.functional.hls import read_published
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg

OPTIONS = ("--ladder", "180", "--segment", "1", "--preset", "superfast")
LANDSCAPE = (320, 180)


def pieces_of(*videos: Numbered, rate: Fraction) -> list[Piece]:
    return [Piece(video, 0, video.frames(rate)) for video in videos]


PAIRS = {
    "phone, camera": (
        Recipe(suffix="mp4", size=(180, 320), rotated=True, rate=Fraction(30)),
        Recipe(suffix="ts", size=(180, 320), rate=Fraction(30)),
    ),
    "25, 30": (Recipe(), Recipe(suffix="mkv", rate=Fraction(30))),
    "44100, 48000": (Recipe(audio_hz=44_100), Recipe(suffix="mov", audio=("-c:a", "pcm_s16le"))),
    "mono, 5.1": (Recipe(), Recipe(suffix="mkv", channels=6)),
    "without audio": (Recipe(), Recipe(audio=None)),
    "portrait": (Recipe(), Recipe(size=(180, 320))),
    "interlaced, variable": (Recipe(suffix="ts"), Recipe()),
    "late audio": (
        Recipe(suffix="ts", audio_late_s=Fraction(1, 2)),
        Recipe(suffix="mkv", audio_late_s=Fraction(3, 10)),
    ),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_two_unlike_files_follow_each_other(
    pair: str, run_worker: RunWorker, tmp_path: Path
) -> None:
    recipes = PAIRS[pair]
    videos = [make(tmp_path, number, recipe) for number, recipe in enumerate(recipes, 1)]
    rate = max(recipe.rate for recipe in recipes)
    out = tmp_path / "out"
    sources = [word for video in videos for word in ("--source", video.path)]
    ended = run_worker(*sources, "--destination", out, *OPTIONS)
    assert ended.status == 0, ended.stdout
    size = recipes[0].size
    inner = [(102, 180)] if pair == "portrait" else []
    assert_shows(
        read_published(out), pieces_of(*videos, rate=rate), rate=rate, size=size, inner=inner
    )
