"""Exit statuses 64, 65 and 66: parameters and sources that cannot be used."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.functional.conftest import Server, ffmpeg
from tests.functional.pipeline.outcomes import assert_failed
from tests.functional.worker_process import RunWorker, StartWorker


def test_64_all_bad_parameters_are_in_one_message(run_worker: RunWorker) -> None:
    ended = run_worker("--source", "Ref::source", "--ladder", "tall", "--time-limit", "-1")
    assert_failed(ended, None, 64, "--source", "Ref::source", "--destination", "--ladder")
    assert "--time-limit" in ended.final["message"]
    assert ended.named("worker_started") == []


@pytest.mark.parametrize(
    "content",
    [b"", b"just words " * 100, b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"],
    ids=["empty", "text", "playlist"],
)
def test_65_a_file_that_is_not_a_video(
    content: bytes, run_worker: RunWorker, tmp_path: Path
) -> None:
    source, out = tmp_path / "upload.mp4", tmp_path / "out"
    source.write_bytes(content)
    ended = run_worker("--source", source, "--destination", out)
    assert_failed(ended, out, 65, "read")
    assert ended.final["code"] == "unreadable"
    assert ended.final["teacher_message"].keys() == {"en", "ko"}


def test_65_audio_without_video(run_worker: RunWorker, tmp_path: Path) -> None:
    source, out = tmp_path / "speech.m4a", tmp_path / "out"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2", "-c:a", "aac", source)
    ended = run_worker("--source", source, "--destination", out)
    assert_failed(ended, out, 65, "no video")
    assert ended.final["code"] == "audio_only"


@pytest.mark.ffmpeg
def test_65_half_a_file_is_truncated(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """FFmpeg would make half a video of it and exit 0."""
    whole, half, out = tmp_path / "whole.mp4", tmp_path / "half.mp4", tmp_path / "out"
    ffmpeg("-i", small_clip, "-c", "copy", "-movflags", "+faststart", whole)
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    ended = run_worker("--source", half, "--destination", out)
    assert_failed(ended, out, 65, "truncated")
    assert ended.final["code"] == "truncated"


@pytest.mark.ffmpeg
@pytest.mark.parametrize("whole_share", [0.1, 0.6])
def test_65_packets_that_are_void_from_some_time_on(
    whole_share: float, run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """Where few are, FFmpeg ends with an error; where many are, with status 0."""
    source, out = tmp_path / "void.mp4", tmp_path / "out"
    ffmpeg("-i", small_clip, "-an", "-c", "copy", "-movflags", "+faststart", source)
    data = source.read_bytes()
    kept = round(len(data) * whole_share)
    source.write_bytes(data[:kept] + bytes(len(data) - kept))
    ended = run_worker("--source", source, "--destination", out)
    assert_failed(ended, out, 65, "damaged")
    assert ended.final["code"] == "damaged"


def test_66_a_missing_source(run_worker: RunWorker, moto: Server, tmp_path: Path) -> None:
    out = tmp_path / "out"
    missing = run_worker("--source", tmp_path / "nothing.mp4", "--destination", out)
    assert_failed(missing, out, 66, "nothing.mp4", "No such file")
    moto.make_bucket("empty")
    s3 = ("--s3-endpoint", moto.endpoint, "--destination", out)
    absent = run_worker("--source", "s3://empty/nothing.mp4", *s3)
    assert_failed(absent, out, 66, "s3://empty/nothing.mp4", "404")


@pytest.mark.parametrize("kind", ["FIFO", "socket", "device", "folder"])
def test_66_a_local_source_that_is_no_file(
    kind: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    """At once: opening a FIFO waits until another process writes to it."""
    source, out = tmp_path / "upload.mp4", tmp_path / "out"
    if kind == "FIFO":
        os.mkfifo(source)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(source))
    elif kind == "device":
        source = Path("/dev/zero")
    else:
        source.mkdir()
    ended = start_worker("--source", source, "--destination", out).wait(60)
    assert_failed(ended, out, 66, str(source), kind, "regular file")


def test_66_a_source_that_becomes_a_fifo_before_ffprobe_opens_it(
    start_worker: StartWorker, small_clip: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "upload.mp4", tmp_path / "out"
    source.write_bytes(small_clip.read_bytes())
    replaced = (
        "import os, worker.pipeline as p\nopen_sources = p.open_sources\n"
        "def then_replaced(job, budget):\n"
        "    found = open_sources(job, budget)\n"
        "    os.unlink(job.sources[0].path); os.mkfifo(job.sources[0].path)\n"
        "    return found\n"
        "p.open_sources = then_replaced"
    )
    ended = start_worker("--source", source, "--destination", out, before=replaced).wait(60)
    assert_failed(ended, out, 66, "FIFO")


def test_66_a_source_whose_store_denies_access(
    run_worker: RunWorker, rclone: Server, small_clip: Path, tmp_path: Path
) -> None:
    """A store that checks signatures, and a wrong secret."""
    out = tmp_path / "out"
    rclone.client().put_object(Bucket="academy", Key="in.mp4", Body=small_clip.read_bytes())
    ended = run_worker(
        *("--source", "s3://academy/in.mp4", "--destination", out),
        *("--s3-endpoint", rclone.endpoint),
        environment={"AWS_SECRET_ACCESS_KEY": "wrong"},
    )
    assert_failed(ended, out, 66, "403")
