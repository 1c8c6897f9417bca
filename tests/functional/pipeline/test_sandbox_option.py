"""--sandbox: what it changes of a job, and that it changes no byte of what is published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.functional.conftest import FFMPEG, media
from tests.functional.pipeline.outcomes import assert_failed
from tests.functional.worker_process import RunWorker
from worker.runtime.landlock import landlock_version

# They hold times, and the job's id.
RECORDS = {"manifest.json", "status.json", "checkpoint.json"}
# x264's rate control depends on how its threads are scheduled.
ON_ONE_CORE = "import os\nos.sched_setaffinity(0, [min(os.sched_getaffinity(0))])"
HDR = "oddities/media__dolbyVision-hdr.MOV"

pytestmark = pytest.mark.skipif(not landlock_version(), reason="the kernel has no Landlock")


def published(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in RECORDS
    }


@pytest.mark.ffmpeg
@pytest.mark.parametrize("clip", ["small", HDR])
def test_the_sandbox_changes_no_byte(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path, clip: str
) -> None:
    source = small_clip if clip == "small" else media(clip)
    folders = {mode: tmp_path / mode for mode in ("required", "off")}
    for mode, folder in folders.items():
        # A named preset: auto depends on the measured speed.
        job = ("--source", source, "--destination", folder, "--preset", "veryfast")
        ended = run_worker(*job, "--sandbox", mode, before=ON_ONE_CORE)
        assert ended.status == 0, ended.final
        (chosen,) = ended.named("sandbox_chosen")
        parts = ["no_new_privs", "landlock", "seccomp"] if mode == "required" else []
        assert chosen["parts"] == parts
    assert published(folders["required"]) == published(folders["off"])


def test_where_a_part_is_missing_auto_warns_and_required_ends_with_78(
    run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    """A script in the position of FFmpeg: Landlock denies it its shell."""
    script, out = tmp_path / "ffmpeg", tmp_path / "out"
    script.write_text(f'#!/bin/sh\nexec {FFMPEG} "$@"\n')
    script.chmod(0o755)
    job = ("--source", short_clip, "--destination", out, "--ffmpeg", script)
    refused = run_worker(*job, "--sandbox", "required")
    assert_failed(refused, out, 78, "--sandbox required", "landlock")
    checked = run_worker("--self-check", "--ffmpeg", script, "--sandbox", "required")
    assert checked.status == 78
    assert "landlock" in json.loads(checked.stdout)["missing"][0]
    checked = run_worker("--self-check", "--ffmpeg", script)
    assert checked.status == 0
    inventory = json.loads(checked.stdout)["sandbox"]
    assert inventory["parts"] == ["no_new_privs", "seccomp"]
    assert list(inventory["lacks"]) == ["landlock"]
    ended = run_worker(*job)
    assert ended.status == 0
    (incomplete,) = ended.named("sandbox_incomplete")
    assert incomplete["level"] == "warning"
    assert incomplete["lacks"] == ["landlock"]
    assert "ffmpeg" in incomplete["reason"]


def test_an_unknown_mode_of_the_self_check_is_refused(run_worker: RunWorker) -> None:
    ended = run_worker("--self-check", "--sandbox", "maybe")
    assert ended.status == 64
    assert "--sandbox" in ended.stderr


def test_the_worker_closes_its_memory_to_other_processes(run_worker: RunWorker) -> None:
    """PR_GET_DUMPABLE, when the job ends."""
    dumpable = "ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)"
    show = f'print(\'{{"event": "asked", "dumpable": %d}}\' % {dumpable})'
    ended = run_worker(before=f"import atexit, ctypes\natexit.register(lambda: {show})")
    assert ended.status == 64
    assert [event["dumpable"] for event in ended.named("asked")] == [0]
