"""A job survives an FFmpeg that is killed, or hangs, at what a video can be published without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.conftest import TESTED, ffmpeg
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg

# Words of which each is in the arguments of one FFmpeg, or ffprobe, alone.
TEXT, SAMPLES, IDR_LIST = "-select_streams s", "sample-180p", "pass_types=5"
CAPTIONS = "user_data"
FAST = ("--preset", "superfast")
COPIED = (*FAST, "--ladder", "180,144", "--copy-top")
LOUDNESS, TRIED_AUDIO = "ebur128", "-t 10 "
KEY_FRAMES, THUMBNAIL = "keys.ts", "thumbnail.jpg"


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """H.264 that may be copied, long enough for a sample encode, with audio and subtitles."""
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


def faulty_ffmpeg(folder: Path, fault: str, *words: str) -> dict[str, str]:
    """FFmpeg and ffprobe with a fault where one of these words is in their arguments.

    They record the word.
    """
    cases = "".join(
        f'  *"{word}"*) echo "{word}" >> {folder}/found; {fault} ;;\n' for word in words
    )
    for name in ("ffmpeg", "ffprobe"):
        path, program = folder / f"faulty-{name}", TESTED[f"WORKER_{name.upper()}"]
        path.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}esac\nexec {program} "$@"\n')
        path.chmod(0o755)
    # In the sandbox they could not kill themselves.
    return {
        "WORKER_FFMPEG": str(folder / "faulty-ffmpeg"),
        "WORKER_FFPROBE": str(folder / "faulty-ffprobe"),
        "WORKER_SANDBOX": "off",
    }


def found_words(folder: Path) -> list[str]:
    return (folder / "found").read_text().splitlines()


def test_optional_outputs_whose_ffmpeg_is_killed_are_left_out(
    upload: Path, run_worker: RunWorker, tmp_path: Path
) -> None:
    words = (TEXT, CAPTIONS, IDR_LIST, LOUDNESS, TRIED_AUDIO, KEY_FRAMES)
    ended = run_worker(
        *("--source", upload, "--destination", tmp_path / "out", "--log-level", "debug"),
        *(*COPIED, "always", "--loudness", "-16"),
        environment=faulty_ffmpeg(tmp_path, "kill -9 $$", *words),
    )
    assert ended.status == 0, ended.final
    assert set(found_words(tmp_path)) == {*words}, ended.named("top_rung_encoded")
    optional = ("subtitles_left_out", "captions_left_out", "images_left_out")
    for event in (*optional, "top_rung_encoded"):
        (logged,) = ended.named(event)
        assert "was killed by SIGKILL" in logged["reason"]
    assert len(ended.named("audio_check_failed")) == 2
    assert ended.named("loudness_unknown")
    # The reason of the kill is not known, so the audio is not left out.
    assert not ended.named("audio_undecodable")
    assert "mp4a.40.2" in (tmp_path / "out" / "master.m3u8").read_text()


def test_a_sample_encode_that_is_killed_keeps_all_rungs(
    upload: Path, run_worker: RunWorker, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", upload, "--destination", tmp_path / "out", "--log-level", "debug"),
        *(*COPIED, "auto"),
        environment=faulty_ffmpeg(tmp_path, "kill -9 $$", SAMPLES),
    )
    assert ended.status == 0, ended.final
    assert ended.final["rungs"] == ["180p", "144p"]
    (warning,) = ended.named("sample_encode_failed")
    assert "was killed by SIGKILL" in warning["reason"]


def test_an_optional_output_that_hangs_is_left_out_after_the_stall_timeout(
    upload: Path, run_worker: RunWorker, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", upload, "--destination", tmp_path / "out"),
        *(*FAST, "--ladder", "180", "--stall-timeout", "5"),
        environment=faulty_ffmpeg(tmp_path, "exec sleep 1000", TEXT),
    )
    assert ended.status == 0, ended.final
    (warning,) = ended.named("subtitles_left_out")
    assert "made no progress for 5 s" in warning["reason"]


def test_the_search_for_a_thumbnail_continues_at_the_next_time(
    upload: Path, run_worker: RunWorker, tmp_path: Path
) -> None:
    """Where FFmpeg was killed at the first one."""
    once = f"test $(grep -c {THUMBNAIL} {tmp_path}/found) -gt 1 || kill -9 $$"
    ended = run_worker(
        *("--source", upload, "--destination", tmp_path / "out", *FAST, "--ladder", "180"),
        environment=faulty_ffmpeg(tmp_path, once, KEY_FRAMES, THUMBNAIL),
    )
    assert ended.status == 0, ended.final
    assert found_words(tmp_path).count(THUMBNAIL) == 2
    assert (tmp_path / "out" / "thumbnail.jpg").read_bytes()


def test_a_thumbnail_search_that_is_always_killed_ends_the_job_with_71(
    upload: Path, run_worker: RunWorker, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", upload, "--destination", tmp_path / "out", *FAST, "--ladder", "180"),
        environment=faulty_ffmpeg(tmp_path, "kill -9 $$", KEY_FRAMES, THUMBNAIL),
    )
    assert ended.status == 71
    assert "was killed by SIGKILL" in ended.final["message"]
