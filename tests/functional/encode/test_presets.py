"""The preset changes the size of a segment, and nothing that a player is announced."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg
from tests.functional.worker_process import RunWorker
from worker.hls.mpegts import read_segment

ULTRAFAST_OF_X264 = "import worker.ffmpeg.encode as e; e._CHANGED_PRESETS.pop('ultrafast')"
PRESETS = ("ultrafast", "superfast", "faster", "slower")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3", path)
    return path


def encode(run_worker: RunWorker, clip: Path, out: Path, preset: str, before: str = "") -> None:
    ended = run_worker(
        *("--source", clip, "--destination", out, "--preset", preset),
        *("--ladder", "144", "--segment", "1"),
        before=before,
    )
    assert ended.status == 0, ended.stdout


def codecs(out: Path) -> set[str]:
    return {read_segment(path.read_bytes()).codec for path in out.glob("*/144p/*.ts")}


@pytest.mark.ffmpeg
def test_each_preset_has_the_same_codec_string(
    run_worker: RunWorker, clip: Path, tmp_path: Path
) -> None:
    """Profile, constraint flags and level, as the SPS has them."""
    found = {}
    for preset in PRESETS:
        encode(run_worker, clip, tmp_path / preset, preset)
        found[preset] = codecs(tmp_path / preset)
    assert found == {preset: {"avc1.64001e"} for preset in PRESETS}


@pytest.mark.ffmpeg
def test_segments_of_another_codec_string_are_encoded_again(
    run_worker: RunWorker, clip: Path, tmp_path: Path
) -> None:
    encode(run_worker, clip, tmp_path, "ultrafast", before=ULTRAFAST_OF_X264)
    (baseline,) = codecs(tmp_path)
    assert baseline.startswith("avc1.4"), "profile Baseline or Main"
    # Published, and so ended at once, without this; unfinished, it is continued.
    (tmp_path / "master.m3u8").unlink()
    next(tmp_path.glob("*/144p/00001.*.ts")).unlink()
    encode(run_worker, clip, tmp_path, "medium")
    assert codecs(tmp_path) == {"avc1.64001e"}
