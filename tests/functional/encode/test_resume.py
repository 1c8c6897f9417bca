"""A job continues where an earlier one ended, and the result is that of one job."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg, publish, wait_for
from tests.functional.hls import assert_strictly_valid, read_published
from tests.functional.worker_process import FAST_LEASE, RunWorker, StartWorker

OPTIONS = ("--ladder", "360,180", "--segment", "2", "--log-level", "debug")
# Where nothing has to be slow enough to be interrupted.
FAST = ("--preset", "superfast")
# A preset that is always late on a forecast, and one that is not, on any machine.
LATE_AT_MEDIUM = """
import worker.plan.plan, worker.plan.forecast as forecast
worker.plan.plan.AUTO_PRESETS = ("medium", "superfast")
needed_s = forecast.Forecast.needed_s
def planted(self, choice=None):
    found = needed_s(self, choice)
    is_late = (choice or self.choice).preset == "medium"
    return found + 1e6 if found is not None and is_late else found
forecast.Forecast.needed_s = planted
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s of 640x360 with audio and B-frames."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=20"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=20"),
        *("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-c:a", "aac", "-shortest", path),
    )
    return path


@pytest.fixture(scope="module")
def whole(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one uninterrupted job publishes of the clip."""
    return publish(tmp_path_factory.mktemp("whole"), clip, *OPTIONS, *FAST)


def stored_segments(out: Path) -> list[Path]:
    return [path for path in out.rglob("*.ts") if path.parent.name != "audio"]


def assert_same_times(out: Path, whole: Path) -> None:
    """The frames of one uninterrupted job, in count and time, whatever the presets of both."""
    found, expected = read_published(out), read_published(whole)
    assert_strictly_valid(found)
    assert len(found.rungs) == len(expected.rungs)
    for rung, reference in zip(found.rungs, expected.rungs, strict=True):
        assert rung.durations_s == reference.durations_s
        assert rung.times_s("v") == reference.times_s("v")
    assert found.audio
    assert expected.audio
    assert found.audio.times_s("a") == expected.audio.times_s("a")


@pytest.mark.ffmpeg
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_resumes_after_a_kill_or_sigterm(
    number: signal.Signals,
    start_worker: StartWorker,
    run_worker: RunWorker,
    clip: Path,
    whole: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    options = ("--source", clip, "--preset", "medium", *OPTIONS)
    running = start_worker(*options, "--destination", out, before=FAST_LEASE)
    wait_for(lambda: len(stored_segments(out)) >= 4, what="second segment of both rungs")
    running.process.send_signal(number)
    first = running.wait(30)
    assert first.status == (143 if number is signal.SIGTERM else -9)
    before = {path: path.stat().st_mtime_ns for path in stored_segments(out)}
    second = run_worker(*options, "--destination", out, before=FAST_LEASE)
    assert second.status == 0, second.stdout
    assert second.final["segments_resumed"] >= len(before)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "written twice"
    again = {(e["rendition"], e["index"]) for e in second.named("segment_encoded")}
    assert again.isdisjoint({(path.parent.name, int(path.name[:5])) for path in before})
    assert_same_times(out, whole)


@pytest.mark.ffmpeg
def test_a_job_that_would_be_late_changes_to_a_faster_preset(
    run_worker: RunWorker, clip: Path, whole: Path, tmp_path: Path
) -> None:
    """As soon as there is a forecast: FFmpeg is stopped and started again in mid-video."""
    out = tmp_path / "late"
    ended = run_worker(*("--source", clip, "--destination", out, *OPTIONS), before=LATE_AT_MEDIUM)
    assert ended.status == 0, ended.stdout
    (replanned,) = ended.named("replanned")
    assert replanned["reason"] == "too_late_at_this_preset"
    status = json.loads((out / "status.json").read_text())
    assert status["forecast"]["decisions"]
    assert json.loads((out / "manifest.json").read_text())["presets"] == ["medium", "superfast"]
    assert ended.final["rungs"] == ["360p", "180p"]
    assert_same_times(out, whole)


@pytest.mark.ffmpeg
def test_three_spans_side_by_side_publish_the_same_frames(
    run_worker: RunWorker, clip: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--source", clip, *OPTIONS, *FAST)
    ended = run_worker(*options, "--destination", out, "--parallel-spans", 3)
    assert ended.status == 0, ended.stdout
    spans = [(span["first"], span["end"]) for span in ended.named("span_started")]
    assert spans == [(0, 4), (4, 7), (7, 10)]
    assert_same_times(out, whole)


def test_a_rung_that_was_given_up_is_added_by_the_next_job(
    run_worker: RunWorker, clip: Path, tmp_path: Path
) -> None:
    """Given up at the first forecast; submitted again, only that rung is made."""
    out = tmp_path / "out"
    give_up = (
        "import worker.plan.forecast as forecast\n"
        "def late(self, remaining_s):\n"
        "    choice = forecast.Choice(preset='superfast', rungs=('360p',))\n"
        "    return choice, forecast.ReplanReason.TOO_LATE_AT_FASTEST\n"
        "forecast.MARGIN = 1e9; forecast.Forecast._lesser = late"
    )
    options = ("--source", clip, "--destination", out, *OPTIONS)
    first = run_worker(*options, before=give_up)
    assert first.status == 0, first.stdout
    assert "without 180p" in first.final["message"]
    assert b"180p" not in (out / "master.m3u8").read_bytes()
    second = run_worker(*options)
    assert second.status == 0
    assert {e["rendition"] for e in second.named("segment_encoded")} == {"180p"}
    assert len(read_published(out).rungs) == 2
    assert run_worker(*options).final["already_published"]


def test_a_paused_job_does_not_overwrite_its_successor(
    start_worker: StartWorker, run_worker: RunWorker, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--source", clip, "--destination", out, *OPTIONS)
    paused = start_worker(*options, "--preset", "slower", before=FAST_LEASE)
    wait_for(lambda: stored_segments(out), what="a first segment")
    paused.process.send_signal(signal.SIGSTOP)
    successor = run_worker(*options, *FAST, before=FAST_LEASE)
    assert successor.status == 0
    assert successor.named("lease_taken_over")
    master = (out / "master.m3u8").stat().st_mtime_ns
    paused.process.send_signal(signal.SIGCONT)
    assert paused.wait(60).status == 75
    assert (out / "master.m3u8").stat().st_mtime_ns == master
    assert json.loads((out / "status.json").read_text())["outcome"]["name"] == "published"
