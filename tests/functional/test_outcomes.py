"""Each kind of failure, reached by the real worker: its status, its message, and no master.m3u8."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.functional.conftest import (
    Ended,
    Run,
    Server,
    Start,
    ffmpeg,
    free_port,
    wait_for,
)

SLOW = ("--preset", "slower", "--ladder", "360")


def assert_refused(ended: Ended, out: Path | None, status: int, *words: str) -> None:
    assert ended.status == status, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    said = ended.final["message"] if ended.events else ended.stderr
    for word in words:
        assert word in said
    if out is not None:
        assert not (out / "master.m3u8").exists()
    if ended.events:
        assert ended.final["exit_status"] == status
        if out is not None:
            recorded = json.loads((out / "status.json").read_text())
            assert recorded["state"] == "ended"
            assert recorded["outcome"]["exit_status"] == status


def segments_in(out: Path) -> list[Path]:
    return [p for p in out.rglob("*.ts") if p.parent.name != "audio"]


def test_64_bad_parameters_are_all_told_at_once(run_worker: Run) -> None:
    ended = run_worker("--source", "Ref::source", "--ladder", "tall", "--time-limit", "-1")
    assert_refused(ended, None, 64, "--source", "Ref::source", "--destination", "--ladder")
    assert "--time-limit" in ended.final["message"]
    assert ended.named("worker_started") == []


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "read"),
        (b"just words " * 100, "read"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "read"),
    ],
)
def test_65_what_is_not_a_video(content: bytes, word: str, run_worker: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "upload.mp4", tmp_path / "out"
    source.write_bytes(content)
    assert_refused(run_worker("--source", source, "--destination", out), out, 65, word)


def test_65_sound_alone(run_worker: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "voice.m4a", tmp_path / "out"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2", "-c:a", "aac", source)
    assert_refused(run_worker("--source", source, "--destination", out), out, 65, "no video")


@pytest.mark.ffmpeg
def test_65_half_a_file_is_not_half_a_success(
    run_worker: Run, small_clip: Path, tmp_path: Path
) -> None:
    """FFmpeg would make half a video of it and exit 0."""
    whole, half, out = tmp_path / "whole.mp4", tmp_path / "half.mp4", tmp_path / "out"
    ffmpeg("-i", small_clip, "-c", "copy", "-movflags", "+faststart", whole)
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert_refused(run_worker("--source", half, "--destination", out), out, 65, "truncated")


@pytest.mark.ffmpeg
@pytest.mark.parametrize("whole_share", [0.1, 0.6])
def test_65_pictures_that_break_off(
    whole_share: float, run_worker: Run, small_clip: Path, tmp_path: Path
) -> None:
    """All packets are there, but from some place on they are void.

    Where few are, FFmpeg ends with an error; where many are, with status 0.
    """
    source, out = tmp_path / "void.mp4", tmp_path / "out"
    ffmpeg("-i", small_clip, "-an", "-c", "copy", "-movflags", "+faststart", source)
    data = source.read_bytes()
    kept = round(len(data) * whole_share)
    source.write_bytes(data[:kept] + bytes(len(data) - kept))
    assert_refused(run_worker("--source", source, "--destination", out), out, 65, "damaged")


def test_66_no_source(run_worker: Run, moto: Server, tmp_path: Path) -> None:
    out = tmp_path / "out"
    missing = run_worker("--source", tmp_path / "nothing.mp4", "--destination", out)
    assert_refused(missing, out, 66, "nothing.mp4", "No such file")
    moto.client().create_bucket(
        Bucket="empty", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"}
    )
    s3 = ("--s3-endpoint", moto.endpoint, "--destination", out)
    absent = run_worker("--source", "s3://empty/nothing.mp4", *s3)
    assert_refused(absent, out, 66, "s3://empty/nothing.mp4", "404")


def test_66_source_denied(
    run_worker: Run, rclone: Server, small_clip: Path, tmp_path: Path
) -> None:
    """A store that checks signatures, and a wrong secret."""
    out = tmp_path / "out"
    rclone.client().put_object(Bucket="academy", Key="in.mp4", Body=small_clip.read_bytes())
    ended = run_worker(
        *("--source", "s3://academy/in.mp4", "--destination", out),
        *("--s3-endpoint", rclone.endpoint),
        environment={"AWS_SECRET_ACCESS_KEY": "wrong"},
    )
    assert_refused(ended, out, 66, "403")


def test_69_storage_unavailable(start_worker: Start, tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    started_s = time.monotonic()
    ended = start_worker(
        *("--source", "s3://bucket/in.mp4", "--destination", tmp_path / "out"),
        *("--s3-endpoint", endpoint),
        before="import worker.storage.retrying as retrying; retrying.PATIENCE_S = 3",
    ).wait()
    assert_refused(ended, tmp_path / "out", 69, "s3://bucket/in.mp4", "submit the job again")
    assert time.monotonic() - started_s > 1, "it did not try again"
    assert ended.named("storage_retried")


def test_70_a_bug_is_named_as_one(run_worker: Run, small_clip: Path, tmp_path: Path) -> None:
    """The one outcome with a traceback, and it is in the log."""
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
def test_71_ffmpeg_killed_by_another(start_worker: Start, long_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    running = start_worker("--source", long_clip, "--destination", out, *SLOW)
    wait_for(lambda: segments_in(out), what="a first segment")
    for child in running.children():
        os.kill(child, signal.SIGKILL)
    assert_refused(running.wait(), out, 71, "SIGKILL", "MiB")


@pytest.mark.ffmpeg
def test_71_ffmpeg_that_stands_still(start_worker: Start, long_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    running = start_worker("--source", long_clip, "--destination", out, *SLOW, "--stall-timeout", 2)
    wait_for(lambda: segments_in(out), what="a first segment")
    children = running.children()
    for child in children:
        os.kill(child, signal.SIGSTOP)
    assert_refused(running.wait(60), out, 71, "no progress for 2 s")
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_73_destination_cannot_be_written(
    run_worker: Run, small_clip: Path, tmp_path: Path
) -> None:
    """A folder below what is a file; root may write everything else."""
    (tmp_path / "file").write_text("not a folder")
    out = tmp_path / "file" / "out"
    ended = run_worker("--source", small_clip, "--destination", out)
    assert ended.status == 73, ended.stdout
    assert "cannot write" in ended.final["message"]


def test_73_bucket_that_is_not_there(run_worker: Run, moto: Server, small_clip: Path) -> None:
    ended = run_worker(
        *("--source", small_clip, "--destination", "s3://no-such-bucket/out"),
        *("--s3-endpoint", moto.endpoint),
    )
    assert_refused(ended, None, 73, "NoSuchBucket", "s3://no-such-bucket/out")


def test_73_work_folder_too_small(
    run_worker: Run, moto: Server, small_clip: Path, tmp_path: Path
) -> None:
    """Told before the first byte is fetched."""
    work, out = tmp_path / "tiny", tmp_path / "out"
    work.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(work)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        moto.client().create_bucket(
            Bucket="roomy", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"}
        )
        moto.client().put_object(Bucket="roomy", Key="in.mp4", Body=small_clip.read_bytes())
        ended = run_worker(
            *("--source", "s3://roomy/in.mp4", "--destination", out, "--work-dir", work),
            *("--s3-endpoint", moto.endpoint),
        )
        assert_refused(ended, out, 73, "MiB free")
        # A local source needs no room in advance; the disk fills while encoding.
        full = run_worker("--source", small_clip, "--destination", out, "--work-dir", work)
        assert full.status in {0, 73}, full.stdout
    finally:
        subprocess.run(["umount", "-l", str(work)], check=True)


def test_73_work_folder_fills_up(run_worker: Run, tmp_path: Path) -> None:
    """FFmpeg reports ENOSPC in its own ways; what was made until then is not made again."""
    source, work, out = tmp_path / "noise.mkv", tmp_path / "tiny", tmp_path / "out"
    noise = "noise=alls=60:allf=t:enable='gte(t,24)'"
    ffmpeg(
        *("-f", "lavfi", "-i", f"smptebars=size=640x360:rate=30:duration=36,{noise}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", source),
    )
    options = ("--source", source, "--destination", out, "--ladder", "360", "--preset", "medium")
    work.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(work)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        full = run_worker(*options, "--work-dir", work)
        assert_refused(full, out, 73, "full", "--work-dir")
        assert len(segments_in(out)) >= 2
    finally:
        subprocess.run(["umount", "-l", str(work)], check=True)
    ended = run_worker(*options)
    assert ended.status == 0, ended.stdout
    assert ended.final["segments_resumed"] >= 2


def test_75_a_live_job_keeps_its_destination(
    start_worker: Start, long_clip: Path, tmp_path: Path
) -> None:
    """The second one leaves, and the first one does not notice."""
    out = tmp_path / "out"
    first = start_worker("--source", long_clip, "--destination", out, *SLOW, "--job-id", "first")
    wait_for(lambda: segments_in(out), what="a first segment")
    second = start_worker("--source", long_clip, "--destination", out, "--job-id", "second").wait(
        60
    )
    assert second.status == 75, second.stdout
    assert "job first" in second.final["message"]
    assert first.process.poll() is None
    assert json.loads((out / "status.json").read_text())["job_id"] == "first"
    first.process.send_signal(signal.SIGTERM)
    assert first.wait(30).status == 143


@pytest.mark.parametrize(
    ("kept_bytes", "word"), [(None, "is not in the store"), (-188, "not in the store as it was")]
)
def test_76_a_store_that_loses_what_it_confirmed(
    kept_bytes: int | None, word: str, start_worker: Start, long_clip: Path, tmp_path: Path
) -> None:
    """A segment that is gone, or shorter than it was written: nothing may be published."""
    out = tmp_path / "out"
    fast = ("--ladder", "144", "--preset", "ultrafast")
    running = start_worker("--source", long_clip, "--destination", out, *fast)
    wait_for(lambda: segments_in(out), what="a first segment")
    victim = segments_in(out)[0]
    if kept_bytes is None:
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[:kept_bytes])
    assert_refused(running.wait(), out, 76, word, "nothing was published")


def test_78_bad_environment(run_worker: Run, small_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = run_worker("--source", small_clip, "--destination", out, "--ffmpeg", "/nowhere/ffmpeg")
    assert_refused(ended, out, 78, "/nowhere/ffmpeg", "install")
    lacking = tmp_path / "ffmpeg"
    lacking.write_text("#!/bin/sh\necho ' V..... mpeg4 MPEG-4'\n")
    lacking.chmod(0o755)
    ended = run_worker("--source", small_clip, "--destination", out, "--ffmpeg", lacking)
    assert_refused(ended, out, 78, "libx264")


def test_78_ffmpeg_too_old(run_worker: Run, small_clip: Path, tmp_path: Path) -> None:
    """Told at the start: it would know none of the options, and the upload be called damaged."""
    out, old = tmp_path / "out", tmp_path / "ffmpeg"
    encoders = "".join(f" V..... {name} {name}\\n" for name in ("libx264", "aac", "mjpeg"))
    version = "ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright (c) 2000-2021"
    old.write_text(f"#!/bin/sh\necho '{version}' >&2\nprintf '{encoders}'\n")
    old.chmod(0o755)
    ended = run_worker("--source", small_clip, "--destination", out, "--ffmpeg", old)
    assert_refused(ended, out, 78, "4.4.2", "5.1 or newer")
    old.write_text(f"#!/bin/sh\necho '{version}'\n")
    checked = run_worker("--self-check", environment={"WORKER_FFMPEG": str(old)})
    assert checked.status == 78
    assert "too old" in json.loads(checked.stdout)["missing"][0]


def test_self_check_says_what_is_there_and_what_is_not(run_worker: Run, tmp_path: Path) -> None:
    whole = run_worker("--self-check")
    assert whole.status == 0, whole.stdout
    inventory = json.loads(whole.stdout)
    assert inventory["missing"] == []
    assert {"file", "pipe"} <= set(inventory["protocols"])
    assert inventory["architecture"] == platform.machine()
    lacking = tmp_path / "ffmpeg"
    lacking.write_text("#!/bin/sh\necho ' V..... libx264 H.264'\n")
    lacking.chmod(0o755)
    ended = run_worker("--self-check", environment={"WORKER_FFMPEG": str(lacking)})
    assert ended.status == 78
    assert "encoder aac" in json.loads(ended.stdout)["missing"]
    # Of another architecture, it cannot be run at all.
    lacking.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(100))
    ended = run_worker("--self-check", environment={"WORKER_FFMPEG": str(lacking)})
    assert ended.status == 78
    assert "does not run" in ended.stdout


def test_124_budget_spent(run_worker: Run, long_clip: Path, tmp_path: Path) -> None:
    """It stops by itself before the limit, and remembers what it has done."""
    out = tmp_path / "out"
    started_s = time.monotonic()
    ended = run_worker("--source", long_clip, "--destination", out, *SLOW, "--time-limit", 15)
    assert_refused(ended, out, 124, "15 s", "submit")
    assert time.monotonic() - started_s < 60
    (checkpoint,) = out.rglob("checkpoint.json")
    recorded = json.loads(checkpoint.read_text())["segments"]
    assert recorded
    for segment in recorded:
        path = checkpoint.parent / segment["rendition"] / f"{segment['index']:05d}.ts"
        assert path.stat().st_size == segment["bytes"]


def test_143_terminated(start_worker: Start, long_clip: Path, tmp_path: Path) -> None:
    """SIGTERM leaves nothing running, nothing in the work folder, and nothing published."""
    out = tmp_path / "out"
    running = start_worker("--source", long_clip, "--destination", out, *SLOW)
    wait_for(lambda: segments_in(out), what="a first segment")
    children = running.children()
    started_s = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    ended = running.wait(30)
    assert_refused(ended, out, 143, "SIGTERM")
    assert time.monotonic() - started_s < 20
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.ffmpeg
def test_a_killed_worker_takes_ffmpeg_with_it(
    start_worker: Start, long_clip: Path, tmp_path: Path
) -> None:
    """SIGKILL leaves no time for anything: the kernel must do it."""
    out = tmp_path / "out"
    running = start_worker("--source", long_clip, "--destination", out, *SLOW)
    wait_for(lambda: segments_in(out), what="a first segment")
    children = running.children()
    assert children
    running.process.kill()
    running.process.communicate()
    wait_for(
        lambda: not any(Path(f"/proc/{child}").exists() for child in children),
        timeout_s=10,
        what="FFmpeg's end",
    )
    assert not (out / "master.m3u8").exists()


def test_0_published_twice_is_encoded_once(
    run_worker: Run, small_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = run_worker("--source", small_clip, "--destination", out)
    before = (out / "master.m3u8").stat().st_mtime_ns
    second = run_worker("--source", small_clip, "--destination", out)
    assert (first.status, second.status) == (0, 0)
    assert "already published" in second.final["message"]
    assert (out / "master.m3u8").stat().st_mtime_ns == before
    assert not second.named("planned")
    (out / next(iter(p.relative_to(out) for p in segments_in(out)))).unlink()
    third = run_worker("--source", small_clip, "--destination", out)
    assert third.status == 0
    assert third.named("planned"), "a segment is gone: it must be made again"
    assert len(segments_in(out)) == 3
