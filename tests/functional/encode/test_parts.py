"""Several files become one video, and a clip is cut out of it: 0 frames and 0 samples off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg
from tests.functional.encode.numbered import Numbered, Recipe, make
from tests.functional.encode.shown import Piece, assert_shows
from tests.functional.hls import assert_strictly_valid, manifest_of, read_published
from tests.functional.worker_process import FAST_LEASE, Ended, RunWorker

pytestmark = pytest.mark.ffmpeg

OPTIONS = ("--ladder", "180", "--segment", "1", "--preset", "superfast")
LANDSCAPE, PORTRAIT = (320, 180), (180, 320)
TWO_S = Fraction(2)
# Matroska rounds the start of AAC to a millisecond, and newer FFmpeg does not say from where.
AAC, PCM = ("-c:a", "aac", "-b:a", "128k"), ("-c:a", "pcm_s16le")
FIELDS = (
    *("-c:v", "libx264", "-preset", "ultrafast", "-g", 50),
    *("-flags", "+ildct+ilme", "-x264-params", "tff=1"),
)
# At times of its own, and more slowly in the end.
UNEVEN = (*range(20), *range(20, 40, 3), 41, 46, 49)

PAIRS = {
    "phone and camera": (
        Recipe(size=PORTRAIT, rotated=True, rate=Fraction(30), seconds=TWO_S),
        Recipe(suffix="ts", size=PORTRAIT, rate=Fraction(30), seconds=TWO_S),
    ),
    "25 and 30": (
        Recipe(seconds=TWO_S),
        Recipe(suffix="mkv", rate=Fraction(30), seconds=TWO_S, audio=PCM),
    ),
    "44.1 and 48 kHz": (
        Recipe(audio_hz=44_100, seconds=TWO_S),
        Recipe(suffix="mov", audio=PCM, seconds=TWO_S),
    ),
    "mono and 5.1": (
        Recipe(seconds=TWO_S),
        Recipe(suffix="mkv", channels=6, seconds=TWO_S, audio=PCM),
    ),
    "with and without audio": (
        Recipe(audio=None, seconds=TWO_S),
        Recipe(channels=2, seconds=TWO_S),
    ),
    "landscape and portrait": (
        Recipe(seconds=TWO_S),
        Recipe(size=PORTRAIT, seconds=TWO_S),
    ),
    "interlaced and uneven": (
        Recipe(suffix="ts", codec=FIELDS, seconds=TWO_S),
        Recipe(suffix="mkv", kept=UNEVEN, seconds=TWO_S, audio=PCM),
    ),
    "late audio": (
        Recipe(suffix="ts", audio_late_s=Fraction(1, 2), seconds=TWO_S),
        Recipe(suffix="mkv", audio_late_s=Fraction(3, 10), seconds=TWO_S, audio=PCM),
    ),
}


def arguments(videos: Sequence[Numbered], out: Path) -> list[object]:
    sources = [word for video in videos for word in ("--source", video.path)]
    return [*sources, "--destination", out, *OPTIONS]


def pieces_of(*videos: Numbered, rate: Fraction) -> list[Piece]:
    return [Piece(video, 0, video.frames(rate)) for video in videos]


@pytest.mark.parametrize("pair", PAIRS)
def test_two_unlike_files_follow_each_other(
    pair: str, run_worker: RunWorker, tmp_path: Path
) -> None:
    recipes = PAIRS[pair]
    videos = [make(tmp_path, number, recipe) for number, recipe in enumerate(recipes, 1)]
    rate = max(recipe.rate for recipe in recipes)
    ended = run_worker(*arguments(videos, tmp_path / "out"))
    assert ended.status == 0, ended.stdout
    assert_shows(
        read_published(tmp_path / "out"),
        pieces_of(*videos, rate=rate),
        rate=rate,
        size=recipes[0].size,
        inner=[(102, 180)],
    )


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[Numbered]:
    """Three files, of 50, 75 and 60 frames on the grid of the second one."""
    folder = tmp_path_factory.mktemp("three")
    recipes = (
        Recipe(seconds=TWO_S, audio_hz=44_100),
        Recipe(suffix="mkv", rate=Fraction(30), seconds=Fraction(5, 2), audio=PCM),
        Recipe(suffix="ts", seconds=TWO_S, channels=2),
    )
    return [make(folder, number, recipe) for number, recipe in enumerate(recipes, 1)]


KILLED = f"""{FAST_LEASE}
import os, signal, time, worker.encode.scheduler as scheduler
recorded, record = [], scheduler.Scheduler.record
def planted(self, *args):
    record(self, *args)
    recorded.append(args)
    if len(recorded) == 6:
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)
scheduler.Scheduler.record = planted
"""


def test_parts_resume_after_a_kill_in_two_lanes(
    run_worker: RunWorker, three: list[Numbered], tmp_path: Path
) -> None:
    """No FFmpeg reads two files: spans end at joints, also of what is left."""
    out, rate = tmp_path / "out", Fraction(30)
    options = [*arguments(three, out), "--parallel-spans", 2]
    assert run_worker(*options, before=KILLED).status == -9
    ended = run_worker(*options, before=FAST_LEASE)
    assert ended.status == 0, ended.stdout
    assert ended.final["segments_resumed"] >= 1
    published = read_published(out)
    assert_shows(published, pieces_of(*three, rate=rate), rate=rate, size=LANDSCAPE)
    assert_strictly_valid(published)


@pytest.mark.parametrize(("suffix", "audio"), [("mp4", AAC), ("ts", AAC), ("mkv", PCM)])
def test_a_clip_begins_between_keyframes_and_between_samples(
    suffix: str, audio: tuple[str, ...], run_worker: RunWorker, tmp_path: Path
) -> None:
    """At the nearest frames, with the samples of their times."""
    recipe = Recipe(suffix=suffix, seconds=Fraction(9), audio_hz=44_100, audio=audio)
    video, out, rate = make(tmp_path, 1, recipe), tmp_path / "out", recipe.rate
    ended = run_worker(*arguments([video], out), "--from", "6.493", "--to", "00:00:07.887")
    assert ended.status == 0, ended.stdout
    piece = Piece(video, 162, 197 - 162)
    assert_shows(read_published(out), [piece], rate=rate, size=LANDSCAPE)


# Audio that ends early or begins late, and video that ends early.
SHORT = Recipe(seconds=Fraction(6), audio_end_s=Fraction(5, 2))
LATE = Recipe(seconds=Fraction(6), audio_late_s=Fraction(4))
STOPPED = Recipe(seconds=Fraction(8), audio_end_s=Fraction(14))


@pytest.mark.parametrize("suffix", ["mp4", "ts", "mkv"])
@pytest.mark.parametrize(
    ("recipe", "clip", "frames"),
    [
        (SHORT, ("--from", "4"), (100, None)),
        (LATE, ("--to", "2"), (0, 50)),
        (STOPPED, ("--from", "11"), (275, None)),
        (STOPPED, ("--from", "8.1", "--to", "10"), (202, 250)),
    ],
)
def test_where_a_track_has_ended_a_clip_shows_what_the_whole_shows(
    suffix: str,
    recipe: Recipe,
    clip: tuple[str, ...],
    frames: tuple[int, int | None],
    run_worker: RunWorker,
    tmp_path: Path,
) -> None:
    """Silence, and the last frame."""
    audio = PCM if suffix == "mkv" else AAC
    video = make(tmp_path, 1, replace(recipe, suffix=suffix, audio=audio))
    out, rate = tmp_path / "out", recipe.rate
    ended = run_worker(*arguments([video], out), *clip)
    assert ended.status == 0, ended.stdout
    first, end = frames[0], frames[1] or video.frames(rate)
    published = read_published(out)
    assert_shows(published, [Piece(video, first, end - first)], rate=rate, size=LANDSCAPE)
    assert published.audio


def test_a_part_whose_audio_has_ended_is_silent_beside_others(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    recipes = (Recipe(seconds=Fraction(4), audio_end_s=Fraction(1)), Recipe(seconds=TWO_S))
    videos = [make(tmp_path, number, recipe) for number, recipe in enumerate(recipes, 1)]
    out, rate = tmp_path / "out", recipes[0].rate
    ended = run_worker(*arguments(videos, out), "--from", "2")
    assert ended.status == 0, ended.stdout
    first, second = (video.frames(rate) for video in videos)
    pieces = [Piece(videos[0], 50, first - 50), Piece(videos[1], 0, second)]
    assert_shows(read_published(out), pieces, rate=rate, size=LANDSCAPE)


def test_a_clip_over_a_joint_leaves_out_the_file_before_it(
    run_worker: RunWorker, three: list[Numbered], tmp_path: Path
) -> None:
    out, rate = tmp_path / "out", Fraction(30)
    begins = [video.frames(rate) for video in three]
    joint_s = (begins[0] + begins[1]) / rate
    clip = ("--from", f"{float(joint_s) - 0.7:.3f}", "--to", f"{float(joint_s) + 0.61:.3f}")
    ended = run_worker(*arguments(three, out), *clip)
    assert ended.status == 0, ended.stdout
    pieces = [Piece(three[1], begins[1] - 21, 21), Piece(three[2], 0, 18)]
    assert_shows(read_published(out), pieces, rate=rate, size=LANDSCAPE)


@pytest.mark.parametrize(
    ("clip", "frames", "is_copied"),
    [
        (("--from", "2", "--to", "6"), (50, 150), True),
        (("--from", "5"), (125, 200), True),
        (("--from", "2.04", "--to", "6"), (51, 150), False),
    ],
)
def test_a_clip_at_keyframes_is_copied(
    clip: tuple[str, ...],
    frames: tuple[int, int],
    *,
    is_copied: bool,
    run_worker: RunWorker,
    tmp_path: Path,
) -> None:
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-g", 25, "-bf", 2, "-sc_threshold", 0)
    tags = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
    recipe = Recipe(size=(640, 360), seconds=Fraction(8), codec=(*codec, *tags))
    video, out, rate = make(tmp_path, 1, recipe), tmp_path / "out", recipe.rate
    ended = run_worker(
        *("--source", video.path, "--destination", out, "--ladder", "360,180", *clip),
        *("--copy-top", "always", "--segment", "2", "--preset", "superfast"),
    )
    assert ended.status == 0, ended.stdout
    assert bool(ended.named("top_rung_copied")) is is_copied, ended.stdout
    first, end = frames
    piece = Piece(video, first, end - first)
    assert_shows(read_published(out), [piece], rate=rate, size=(640, 360))


def refused(ended: Ended, status: int) -> str:
    assert ended.status == status, ended.stdout
    return str(ended.final["message"])


def test_a_bad_file_among_several_is_named(
    run_worker: RunWorker, three: list[Numbered], tmp_path: Path
) -> None:
    whole = three[0].path.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    cut = Numbered(tmp_path / "cut.mp4", 1, (), (), 0)
    message = refused(run_worker(*arguments([three[1], cut], tmp_path / "out")), 65)
    assert "part 2 of 2 (cut.mp4): " in message


@pytest.mark.parametrize(
    "clip", [("--from", "100"), ("--to", "100"), ("--from", "1", "--to", "6.6")]
)
def test_a_clip_past_the_end_is_refused_with_the_length(
    clip: tuple[str, ...], run_worker: RunWorker, three: list[Numbered], tmp_path: Path
) -> None:
    message = refused(run_worker(*arguments(three, tmp_path / "out"), *clip), 64)
    assert re.search(r"the source lasts 0:00:06\.[56]", message), message


def test_subtitles_of_one_language_go_on_and_end_at_joints(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """Whatever holds them; and each part begins a chapter."""
    texts = tmp_path / "texts.srt"
    texts.write_text(
        "1\n00:00:00,500 --> 00:00:01,000\nOne\n\n2\n00:00:01,500 --> 00:00:02,500\nTwo\n"
    )
    paths = [tmp_path / "first.mkv", tmp_path / "second.mp4"]
    for path, codec in zip(paths, ("srt", "mov_text"), strict=True):
        ffmpeg(
            *("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2", "-i", texts, "-map", 0),
            *("-map", 1, "-c:v", "libx264", "-preset", "ultrafast", "-c:s", codec),
            *("-metadata:s:s:0", "language=kor", path),
        )
    out = tmp_path / "out"
    sources = [word for path in paths for word in ("--source", path)]
    ended = run_worker(*sources, "--destination", out, *OPTIONS, "--from", "0.8")
    assert ended.status == 0, ended.stdout
    (track,) = out.rglob("text0/*.vtt")
    assert re.findall(r"(\S+) --> (\S+)\n(\w+)", track.read_text()) == [
        ("00:00:00.000", "00:00:00.200", "One"),
        ("00:00:00.700", "00:00:01.200", "Two"),
        ("00:00:01.700", "00:00:02.200", "One"),
        ("00:00:02.700", "00:00:03.200", "Two"),
    ]
    chapters = manifest_of(out)["chapters"]
    assert [(each["start_s"], each["title"]) for each in chapters] == [
        (0, "first"),
        (1.2, "second"),
    ]
