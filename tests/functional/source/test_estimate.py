"""What --plan-only says that a job would take, beside what one takes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import FFMPEG, media
from tests.functional.worker_process import RunWorker

REPEATS = 6
OPTIONS = ("--preset", "ultrafast", "--ladder", "360", "--copy-top", "never")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of a real recording of a talk."""
    path = tmp_path_factory.mktemp("estimate") / "talk.mp4"
    source = media("lecture/LivePortrait__s18.mp4")
    words = ("-v", "error", "-stream_loop", str(REPEATS - 1), "-i", source, "-c", "copy", path)
    subprocess.run([FFMPEG, *words], check=True)
    return path


def estimated(run_worker: RunWorker, source: Path, out: Path, *words: str) -> dict[str, Any]:
    ended = run_worker("--source", source, "--destination", out, *OPTIONS, "--plan-only", *words)
    assert ended.status == 0, ended.stdout
    estimate: dict[str, Any] = json.loads(ended.stdout)["estimate"]
    return estimate


def test_an_estimate_is_of_the_size_of_what_the_job_takes(
    run_worker: RunWorker, recording: Path, tmp_path: Path
) -> None:
    """Both are CPU seconds of this machine; of eight samples alone it would be a seventh."""
    out = tmp_path / "out"
    estimate = estimated(run_worker, recording, out, "--price", "3600")
    took_s = run_worker("--source", recording, "--destination", out, *OPTIONS).final["cpu_s"]
    assert took_s / 3 < estimate["cpu_s"] < took_s * 3
    assert estimate["elapsed_s"] > 0
    cost = estimate["elapsed_s"] * estimate["cores"]
    assert estimate["cost"] == pytest.approx(cost, abs=0.1 * estimate["cores"])


def test_what_is_not_known_is_null(
    run_worker: RunWorker, recording: Path, small_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert estimated(run_worker, recording, out)["cost"] is None
    short = estimated(run_worker, small_clip, out, "--price", "0.04")
    assert short.pop("cores") > 0
    assert short == {"cpu_s": None, "elapsed_s": None, "cost": None}
