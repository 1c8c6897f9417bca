"""Exit status 78 and --self-check: what the machine or the image lacks."""

from __future__ import annotations

import json
import platform
from pathlib import Path

from tests.functional.pipeline.outcomes import assert_failed
from tests.functional.worker_process import RunWorker


def make_program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_78_ffmpeg_that_is_missing_or_lacks_an_encoder(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = run_worker("--source", small_clip, "--destination", out, "--ffmpeg", "/nowhere/ffmpeg")
    assert_failed(ended, out, 78, "/nowhere/ffmpeg", "install")
    lacking = make_program(tmp_path / "ffmpeg", "echo ' V..... mpeg4 MPEG-4'")
    ended = run_worker("--source", small_clip, "--destination", out, "--ffmpeg", lacking)
    assert_failed(ended, out, 78, "libx264")


def test_78_ffmpeg_that_is_too_old(run_worker: RunWorker, small_clip: Path, tmp_path: Path) -> None:
    """Checked at the start: it would refuse the options, and the upload would seem damaged."""
    out = tmp_path / "out"
    encoders = "".join(f" V..... {name} {name}\\n" for name in ("libx264", "aac", "mjpeg"))
    version = "ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright (c) 2000-2021"
    old = make_program(tmp_path / "ffmpeg", f"echo '{version}' >&2\nprintf '{encoders}'")
    ended = run_worker("--source", small_clip, "--destination", out, "--ffmpeg", old)
    assert_failed(ended, out, 78, "4.4.2", "5.1 or newer")
    make_program(old, f"echo '{version}'")
    checked = run_worker("--self-check", "--ffmpeg", old)
    assert checked.status == 78
    assert "too old" in json.loads(checked.stdout)["missing"][0]


def test_self_check_lists_what_is_there_and_what_is_missing(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    whole = run_worker("--self-check")
    assert whole.status == 0, whole.stdout
    inventory = json.loads(whole.stdout)
    assert inventory["missing"] == []
    assert {"file", "pipe"} <= set(inventory["protocols"])
    assert inventory["architecture"] == platform.machine()
    lacking = make_program(tmp_path / "ffmpeg", "echo ' V..... libx264 H.264'")
    ended = run_worker("--self-check", environment={"WORKER_FFMPEG": str(lacking)})
    assert ended.status == 78
    assert "encoder aac" in json.loads(ended.stdout)["missing"]
    # A program of another architecture cannot be run at all.
    lacking.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(100))
    ended = run_worker("--self-check", environment={"WORKER_FFMPEG": str(lacking)})
    assert ended.status == 78
    assert "does not run" in ended.stdout
    mistyped = run_worker("--self-check", "--ffmpge", "ffmpeg")
    assert mistyped.status == 64
    assert "--ffmpge" in mistyped.stderr
