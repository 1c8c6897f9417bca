"""Exit statuses 69, 70, 71, 73 and 76: faults of stores, programs, disks and of the worker."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.functional.conftest import Server, ffmpeg, free_port, wait_for
from tests.functional.pipeline.outcomes import SLOW, assert_failed, small_disk, video_segments
from tests.functional.worker_process import RunWorker, StartWorker


def test_69_a_store_that_does_not_answer_is_retried(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    started_s = time.monotonic()
    ended = start_worker(
        *("--source", "s3://bucket/in.mp4", "--destination", tmp_path / "out"),
        *("--s3-endpoint", endpoint),
        before="import worker.storage.retrying as retrying; retrying.PATIENCE_S = 3",
    ).wait()
    assert_failed(ended, tmp_path / "out", 69, "s3://bucket/in.mp4", "submit the job again")
    assert time.monotonic() - started_s > 1, "there was no second attempt"
    assert ended.named("storage_retried")


def test_70_a_bug_is_reported_with_its_traceback(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """The one outcome with a traceback, which is in the log."""
    planted = (
        "import worker.source.prepare\n"
        "def broken(*_, **__): raise ZeroDivisionError('planted')\n"
        "worker.source.prepare.make_plan = broken"
    )
    out = tmp_path / "out"
    ended = run_worker("--source", small_clip, "--destination", out, before=planted)
    assert ended.status == 70
    assert ended.final["outcome"] == "internal_error"
    assert "planted" in ended.final["message"]
    (bug,) = ended.named("internal_error")
    assert "Traceback" in bug["exception"]
    assert not (out / "master.m3u8").exists()


@pytest.mark.ffmpeg
def test_71_ffmpeg_that_another_process_kills(
    start_worker: StartWorker, long_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    running = start_worker("--source", long_clip, "--destination", out, *SLOW)
    wait_for(lambda: video_segments(out), what="first segment")
    for child in running.children():
        os.kill(child, signal.SIGKILL)
    assert_failed(running.wait(), out, 71, "SIGKILL", "MiB")


@pytest.mark.ffmpeg
def test_71_ffmpeg_without_progress_is_killed(
    start_worker: StartWorker, long_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    running = start_worker("--source", long_clip, "--destination", out, *SLOW, "--stall-timeout", 2)
    wait_for(lambda: video_segments(out), what="first segment")
    children = running.children()
    for child in children:
        os.kill(child, signal.SIGSTOP)
    assert_failed(running.wait(60), out, 71, "no progress for 2 s")
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_73_a_destination_that_cannot_be_written(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """A folder below a file: root may write everything else."""
    (tmp_path / "file").write_text("not a folder")
    out = tmp_path / "file" / "out"
    ended = run_worker("--source", small_clip, "--destination", out)
    assert ended.status == 73, ended.stdout
    assert "cannot write" in ended.final["message"]


def test_73_a_bucket_that_does_not_exist(
    run_worker: RunWorker, moto: Server, small_clip: Path
) -> None:
    ended = run_worker(
        *("--source", small_clip, "--destination", "s3://no-such-bucket/out"),
        *("--s3-endpoint", moto.endpoint),
    )
    assert_failed(ended, None, 73, "NoSuchBucket", "s3://no-such-bucket/out")


def test_73_a_work_folder_too_small_for_the_download(
    run_worker: RunWorker, moto: Server, small_clip: Path, tmp_path: Path
) -> None:
    """Reported before the first byte is downloaded."""
    out = tmp_path / "out"
    with small_disk(tmp_path / "tiny", "4m") as work:
        moto.make_bucket("large")
        moto.client().put_object(Bucket="large", Key="in.mp4", Body=small_clip.read_bytes())
        ended = run_worker(
            *("--source", "s3://large/in.mp4", "--destination", out, "--work-dir", work),
            *("--s3-endpoint", moto.endpoint),
        )
        assert_failed(ended, out, 73, "MiB free")
        # A local source needs no space in advance; the disk fills during the encode.
        full = run_worker("--source", small_clip, "--destination", out, "--work-dir", work)
        assert full.status in {0, 73}, full.stdout


def test_73_a_work_folder_that_fills_up_keeps_what_was_stored(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """FFmpeg reports ENOSPC in several ways; the next job continues."""
    source, out = tmp_path / "noise.mkv", tmp_path / "out"
    noise = "noise=alls=60:allf=t:enable='gte(t,18)'"
    ffmpeg(
        *("-f", "lavfi", "-i", f"smptebars=size=640x360:rate=15:duration=27,{noise}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", source),
    )
    options = ("--source", source, "--destination", out, "--ladder", "360", "--preset", "superfast")
    with small_disk(tmp_path / "tiny", "400k") as work:
        full = run_worker(*options, "--work-dir", work)
        assert_failed(full, out, 73, "full", "--work-dir")
        assert len(video_segments(out)) >= 2
    ended = run_worker(*options)
    assert ended.status == 0, ended.stdout
    assert ended.final["segments_resumed"] >= 2


@pytest.mark.parametrize(
    ("kept_bytes", "word"), [(None, "is not in the store"), (-188, "not in the store as it was")]
)
def test_76_a_stored_segment_that_is_lost_or_cut_prevents_publishing(
    kept_bytes: int | None,
    word: str,
    start_worker: StartWorker,
    minute_clip: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    fast = ("--ladder", "144", "--segment", "2", "--preset", "ultrafast")
    running = start_worker("--source", minute_clip, "--destination", out, *fast)
    wait_for(lambda: video_segments(out), what="first segment")
    victim = video_segments(out)[0]
    if kept_bytes is None:
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[:kept_bytes])
    assert_failed(running.wait(), out, 76, word, "nothing was published")
