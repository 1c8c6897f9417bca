"""How a job ends: published (0), destination in use (75), deadline (124), SIGTERM (143), killed."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.functional.conftest import wait_for
from tests.functional.hls import named
from tests.functional.pipeline.outcomes import SLOW, assert_failed, video_segments
from tests.functional.worker_process import RunWorker, StartWorker


def test_plan_only_prints_the_plan_and_writes_nothing(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = run_worker("--source", small_clip, "--destination", out, "--plan-only")
    plan = json.loads(ended.stdout)
    assert ended.status == 0
    assert plan["grid"]["rate"] == "25"
    assert [rung["name"] for rung in plan["rungs"]] == ["180p"]
    assert plan["segment_count"] == 3
    assert not out.exists()


def test_0_the_same_job_submitted_again_encodes_nothing(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """Unless a segment is missing, which is then made again."""
    out = tmp_path / "out"
    first = run_worker("--source", small_clip, "--destination", out)
    before = (out / "master.m3u8").stat().st_mtime_ns
    second = run_worker("--source", small_clip, "--destination", out)
    assert (first.status, second.status) == (0, 0)
    assert "already published" in second.final["message"]
    assert (out / "master.m3u8").stat().st_mtime_ns == before
    assert not second.named("planned")
    video_segments(out)[0].unlink()
    third = run_worker("--source", small_clip, "--destination", out)
    assert third.status == 0
    assert third.named("planned"), "the missing segment must be made again"
    assert len(video_segments(out)) == 3


def test_75_a_second_job_leaves_the_destination_of_a_running_one(
    start_worker: StartWorker, long_clip: Path, tmp_path: Path
) -> None:
    """The first job is not affected."""
    out = tmp_path / "out"
    first = start_worker("--source", long_clip, "--destination", out, *SLOW, "--job-id", "first")
    wait_for(lambda: video_segments(out), what="first segment")
    options = ("--source", long_clip, "--destination", out, "--job-id", "second")
    second = start_worker(*options).wait(60)
    assert second.status == 75, second.stdout
    assert "job first" in second.final["message"]
    assert first.process.poll() is None
    assert json.loads((out / "status.json").read_text())["job_id"] == "first"
    first.process.send_signal(signal.SIGTERM)
    assert first.wait(30).status == 143


def test_124_a_job_ends_before_its_time_limit_with_a_checkpoint(
    run_worker: RunWorker, long_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    slow = ("--preset", "slower", "--ladder", "360", "--segment", "2")
    started_s = time.monotonic()
    ended = run_worker("--source", long_clip, "--destination", out, *slow, "--time-limit", 15)
    assert_failed(ended, out, 124, "15 s", "submit")
    assert time.monotonic() - started_s < 60
    (checkpoint,) = out.rglob("checkpoint.json")
    recorded = json.loads(checkpoint.read_text())["segments"]
    assert recorded
    for segment in recorded:
        path = named(checkpoint.parent / segment["rendition"], f"{segment['index']:05d}.ts")
        assert path.stat().st_size == segment["bytes"]


def test_143_sigterm_leaves_no_process_and_no_file_in_the_work_folder(
    start_worker: StartWorker, long_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    running = start_worker("--source", long_clip, "--destination", out, *SLOW)
    wait_for(lambda: video_segments(out), what="first segment")
    children = running.children()
    started_s = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    ended = running.wait(30)
    assert_failed(ended, out, 143, "SIGTERM")
    assert time.monotonic() - started_s < 20
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.ffmpeg
def test_ffmpeg_dies_with_a_worker_that_is_killed(
    start_worker: StartWorker, long_clip: Path, tmp_path: Path
) -> None:
    """SIGKILL cannot be handled: the kernel ends the children."""
    out = tmp_path / "out"
    running = start_worker("--source", long_clip, "--destination", out, *SLOW)
    wait_for(lambda: video_segments(out), what="first segment")
    children = running.children()
    assert children
    running.process.kill()
    running.process.communicate()
    wait_for(
        lambda: not any(Path(f"/proc/{child}").exists() for child in children),
        timeout_s=10,
        what="end of FFmpeg",
    )
    assert not (out / "master.m3u8").exists()
