"""Which segments start when audio has come, and how many may wait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.unit.fakes import RecordingStore, retrying
from tests.unit.sample import audio_segments, plan
from worker.hls.encryption import CLEAR
from worker.hls.segment import segment_bounds_ticks
from worker.plan.plan import Plan
from worker.runtime.workspace import Workspace
from worker.upload.checkpoint import Checkpoint
from worker.upload.uploader import Finished, Uploader

MUXED = plan("--audio", "muxed")
COUNT = MUXED.grid.segment_count


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Return rendition and index of what was started; nothing is stored."""
    names: list[tuple[str, int]] = []
    monkeypatch.setattr("worker.upload.uploader.DaemonThreadPool", Mock())
    monkeypatch.setattr(
        "worker.upload.uploader.partial",
        lambda _, finished, __: names.append((finished.rendition, finished.index)),
    )
    return names


def make_uploader(a_plan: Plan, folder: Path) -> Uploader:
    return Uploader(
        plan=a_plan,
        cipher=CLEAR,
        store=retrying(RecordingStore()),
        checkpoint=Checkpoint("run", {}),
        workspace=Mock(spec=Workspace, folder=folder, budget=Mock()),
        threads=1,
    )


def test_segments_start_in_the_order_of_their_audio_and_none_is_judged_twice(
    tmp_path: Path, started: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy is hours ahead of the audio: to try each at each segment of audio took minutes."""
    bounds = Mock(side_effect=segment_bounds_ticks)
    monkeypatch.setattr("worker.upload.muxer.segment_bounds_ticks", bounds)
    uploader = make_uploader(MUXED, tmp_path)
    path = tmp_path / "segment.ts"
    path.write_bytes(b"segment")

    def submit(rendition: str, index: int) -> None:
        uploader.submit(Finished(rendition=rendition, index=index, path=path, preset=None))

    for index in reversed(range(COUNT)):
        submit("720p", index)
    assert started == []
    assert uploader._bytes_without_audio == COUNT * len(b"segment")
    for segment in audio_segments(MUXED):
        submit("audio", segment.index)
        uploader._muxer.add(segment)
        uploader._start_ready()
    uploader.end_audio()
    order = [index for rendition, index in started if rendition == "720p"]
    assert order == list(range(COUNT))
    assert uploader._bytes_without_audio == 0
    assert bounds.call_count <= COUNT


@pytest.mark.parametrize(("lanes", "most_mib"), [(1, 64), (16, 64), (64, 256)])
def test_many_lanes_may_end_a_segment_at_once(
    lanes: int, most_mib: int, tmp_path: Path, started: list[tuple[str, int]]
) -> None:
    uploader = make_uploader(replace(plan(), lanes=lanes), tmp_path)
    path = tmp_path / "segment.ts"
    with path.open("wb") as file:
        file.truncate(4 << 20)
    finished = Finished(rendition="720p", index=0, path=path, preset=None)
    while not uploader.is_full:
        uploader.submit(finished)
    assert len(started) == most_mib // 4 + 1
