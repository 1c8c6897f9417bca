"""A sample tells which rungs are worth making; the same on every machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.functional.conftest import ROOT, Run
from tests.functional.hls import assert_strictly_valid, read_published


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "slides.mp4"
    subprocess.run([ROOT / "scripts" / "sample-lecture", path, "16"], check=True)
    return path


@pytest.mark.ffmpeg
def test_hard_edged_slides_get_no_rung_that_weighs_more(
    run_worker: Run, slides: Path, tmp_path: Path
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


def test_the_choice_is_the_same_on_one_core(run_worker: Run, slides: Path, tmp_path: Path) -> None:
    """x264 divides pictures among threads, and their sizes with it."""
    options = ("--source", slides, "--destination", tmp_path / "out", "--plan-only", "true")
    everywhere = run_worker(*options)
    here = run_worker(*options, before="import os; os.sched_setaffinity(0, {0})")
    assert '"name": "1080p"' in everywhere.stdout
    assert here.stdout == everywhere.stdout


def test_heights_that_are_asked_for_are_kept(run_worker: Run, slides: Path, tmp_path: Path) -> None:
    options = ("--source", slides, "--destination", tmp_path / "out", "--plan-only", "true")
    ended = run_worker(*options, "--ladder", "1080,480")
    assert '"name": "480p"' in ended.stdout
