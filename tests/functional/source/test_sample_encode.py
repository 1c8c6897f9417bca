"""A sample encode selects the rungs that are worth making, the same on every machine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.functional.conftest import FFMPEG, ROOT
from tests.functional.hls import assert_strictly_valid, read_published
from tests.functional.worker_process import RunWorker


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "slides.mp4"
    subprocess.run(
        [ROOT / "scripts" / "sample-lecture", path, "16"],
        check=True,
        env={**os.environ, "WORKER_FFMPEG": FFMPEG},
    )
    return path


@pytest.mark.ffmpeg
def test_slides_get_no_lower_rung_of_about_the_same_bit_rate(
    run_worker: RunWorker, slides: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--source", slides, "--destination", out, "--copy-top", "never")
    ended = run_worker(*options)
    assert ended.status == 0
    (chosen,) = ended.named("ladder_chosen")
    assert chosen["rungs"] == ["1080p"]
    assert chosen["sampled_bps"]["720p"] > chosen["sampled_bps"]["1080p"] / 1.5
    published = read_published(out)
    assert [rung.folder.name for rung in published.rungs] == ["1080p"]
    assert_strictly_valid(published)
    assert "already published" in run_worker(*options).final["message"]


def test_the_selected_ladder_is_the_same_on_one_core(
    run_worker: RunWorker, slides: Path, tmp_path: Path
) -> None:
    """x264 divides frames among threads, which changes their sizes."""
    options = ("--source", slides, "--destination", tmp_path / "out", "--plan-only", "true")
    all_cores = run_worker(*options)
    one_core = run_worker(*options, before="import os; os.sched_setaffinity(0, {0})")
    plans = [json.loads(ended.stdout) for ended in (all_cores, one_core)]
    assert [plan.pop("estimate")["cores"] for plan in plans][1] == 1
    assert plans[0]["rungs"][0]["name"] == "1080p"
    assert plans[0] == plans[1]


def test_requested_heights_are_kept(run_worker: RunWorker, slides: Path, tmp_path: Path) -> None:
    options = ("--source", slides, "--destination", tmp_path / "out", "--plan-only", "true")
    ended = run_worker(*options, "--ladder", "1080,480")
    assert '"name": "480p"' in ended.stdout
