"""What a video can be published without: an FFmpeg that is killed at it, or hangs, ends no job."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.conftest import FFMPEG, Run, ffmpeg

pytestmark = pytest.mark.ffmpeg

# What stands in the arguments of one FFmpeg alone.
TEXT, SAMPLES, KEYFRAMES = "text0.vtt", "sample-180p", "filter_units"
COPIED = ("--ladder", "180,144", "--copy-top")
LOUDNESS, TRIED_SOUND = "ebur128", "-f null -t"
PICTURES, THUMBNAIL = "keys.ts", "thumbnail.jpg"


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """H.264 that may be copied, long enough to be sampled, with sound and subtitles."""
    folder = tmp_path_factory.mktemp("upload")
    path, words = folder / "in.mp4", folder / "words.srt"
    words.write_text("1\n00:00:01,000 --> 00:00:02,500\nGood morning\n\n")
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=size=320x180:rate=25:duration=18"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=18", "-i", words),
        *("-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-g", "25"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
        *("-pix_fmt", "yuv420p", "-c:a", "aac", "-c:s", "mov_text", path),
    )
    return path


def spoilt(folder: Path, how: str, *where: str) -> dict[str, str]:
    """An FFmpeg that does `how` where one of these words is in its arguments, and notes it."""
    path = folder / "spoilt-ffmpeg"
    cases = "".join(f'  *"{word}"*) echo "{word}" >> {folder}/met; {how} ;;\n' for word in where)
    path.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}esac\nexec {FFMPEG} "$@"\n')
    path.chmod(0o755)
    return {"WORKER_FFMPEG": str(path)}


def met(folder: Path) -> list[str]:
    return (folder / "met").read_text().splitlines()


def test_extras_that_ffmpeg_is_killed_at_are_left_out(
    upload: Path, run_worker: Run, tmp_path: Path
) -> None:
    words = (TEXT, KEYFRAMES, LOUDNESS, TRIED_SOUND, PICTURES)
    ended = run_worker(
        *("--source", upload, "--destination", tmp_path / "out", "--log-level", "debug"),
        *(*COPIED, "always", "--loudness", "-16"),
        environment=spoilt(tmp_path, "kill -9 $$", *words),
    )
    assert ended.status == 0, ended.final
    assert set(met(tmp_path)) == {*words}, ended.named("top_rung_encoded")
    for event in ("subtitles_left_out", "images_left_out", "top_rung_encoded"):
        (told,) = ended.named(event)
        assert "was killed by SIGKILL" in told["reason"]
    assert len(ended.named("audio_check_failed")) == 2
    assert ended.named("loudness_unknown")
    # Why it was killed is not known: the sound is not given up for it.
    assert not ended.named("audio_undecodable")
    assert "mp4a.40.2" in (tmp_path / "out" / "master.m3u8").read_text()


def test_samples_that_ffmpeg_is_killed_at_leave_all_rungs(
    upload: Path, run_worker: Run, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", upload, "--destination", tmp_path / "out", "--log-level", "debug"),
        *(*COPIED, "auto"),
        environment=spoilt(tmp_path, "kill -9 $$", SAMPLES),
    )
    assert ended.status == 0, ended.final
    assert ended.final["rungs"] == ["180p", "144p"]
    (told,) = ended.named("sample_encode_failed")
    assert "was killed by SIGKILL" in told["reason"]


def test_an_extra_that_hangs_is_given_up_after_the_jobs_stall_timeout(
    upload: Path, run_worker: Run, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", upload, "--destination", tmp_path / "out"),
        *("--ladder", "180", "--stall-timeout", "5"),
        environment=spoilt(tmp_path, "exec sleep 1000", TEXT),
    )
    assert ended.status == 0, ended.final
    (told,) = ended.named("subtitles_left_out")
    assert "made no progress for 5 s" in told["reason"]


def test_a_thumbnail_is_looked_for_elsewhere(upload: Path, run_worker: Run, tmp_path: Path) -> None:
    """Killed at the first place, it is found at the next."""
    once = f"test $(grep -c {THUMBNAIL} {tmp_path}/met) -gt 1 || kill -9 $$"
    ended = run_worker(
        *("--source", upload, "--destination", tmp_path / "out", "--ladder", "180"),
        environment=spoilt(tmp_path, once, PICTURES, THUMBNAIL),
    )
    assert ended.status == 0, ended.final
    assert met(tmp_path).count(THUMBNAIL) == 2
    assert (tmp_path / "out" / "thumbnail.jpg").read_bytes()


def test_a_thumbnail_that_is_killed_everywhere_is_not_the_sources_fault(
    upload: Path, run_worker: Run, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", upload, "--destination", tmp_path / "out", "--ladder", "180"),
        environment=spoilt(tmp_path, "kill -9 $$", PICTURES, THUMBNAIL),
    )
    assert ended.status == 71
    assert "was killed by SIGKILL" in ended.final["message"]
