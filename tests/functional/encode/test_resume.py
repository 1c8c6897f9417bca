"""What a job that ended early has done is not done again, and nobody sees where it went on."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.functional.conftest import Run, Start, ffmpeg, wait_for
from tests.functional.hls import assert_strictly_valid, read_published

# The proportions of the lease, faster; a killed job is taken over after two seconds.
FAST_LEASE = (
    "import worker.storage.lease as lease, worker.monitoring.status as status\n"
    "lease.STALE_S, lease._WATCH_S = 2, 0.1\n"
    "status.HEARTBEAT_S, status._LEAST_INTERVAL_S = 0.5, 0.2"
)
OPTIONS = ("--ladder", "360,180", "--segment", "2", "--log-level", "debug")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 s of 640x360 with sound and B-frames."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=40"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=40"),
        *("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-c:a", "aac", "-shortest", path),
    )
    return path


def stored(out: Path) -> list[Path]:
    return [path for path in out.rglob("*.ts") if path.parent.name != "audio"]


def assert_same(made: Path, whole: Path) -> None:
    """Frame for frame in count and time, what one uninterrupted job makes."""
    ours, theirs = read_published(made), read_published(whole)
    assert_strictly_valid(ours)
    assert len(ours.rungs) == len(theirs.rungs)
    for mine, reference in zip(ours.rungs, theirs.rungs, strict=True):
        assert mine.durations_s == reference.durations_s
        assert mine.times_s("v") == reference.times_s("v")
    assert ours.audio
    assert theirs.audio
    assert ours.audio.times_s("a") == theirs.audio.times_s("a")


@pytest.mark.ffmpeg
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_goes_on_where_it_was_ended(
    number: signal.Signals, start_worker: Start, run_worker: Run, clip: Path, tmp_path: Path
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    options = ("--source", clip, "--preset", "slower", *OPTIONS)
    running = start_worker(*options, "--destination", out, before=FAST_LEASE)
    wait_for(lambda: len(stored(out)) >= 6, what="three segments of both rungs")
    running.process.send_signal(number)
    first = running.wait(30)
    assert first.status == (143 if number is signal.SIGTERM else -9)
    before = {path: path.stat().st_mtime_ns for path in stored(out)}
    second = run_worker(*options, "--destination", out, before=FAST_LEASE)
    assert second.status == 0, second.stdout
    assert second.final["segments_resumed"] >= len(before)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "written twice"
    again = {(e["rendition"], e["index"]) for e in second.named("segment_encoded")}
    assert again.isdisjoint({(path.parent.name, int(path.stem)) for path in before})
    assert run_worker(*options, "--destination", whole).status == 0
    assert_same(out, whole)


@pytest.mark.ffmpeg
def test_a_job_that_would_be_late_changes_its_preset_and_is_in_time(
    run_worker: Run, clip: Path, tmp_path: Path
) -> None:
    """From `slower` to `superfast`, ten times as fast: a limit between the two is no matter of the

    machine's speed. What was measured of one is the measure of the other's limit.
    """
    out, whole = tmp_path / "out", tmp_path / "whole"
    started_s = time.monotonic()
    assert run_worker("--source", clip, *OPTIONS, "--destination", whole).status == 0
    limit_s = 2 * (time.monotonic() - started_s)
    choices = "import worker.plan.plan; worker.plan.plan.AUTO_PRESETS = ('slower', 'superfast')"
    ended = run_worker(
        *("--source", clip, "--destination", out, *OPTIONS, "--time-limit", limit_s),
        before=choices,
    )
    if ended.status == 0 and not ended.named("replanned"):
        pytest.skip("the machine became much faster meanwhile")
    assert ended.status == 0, ended.stdout
    status = json.loads((out / "status.json").read_text())
    assert status["forecast"]["decisions"]
    assert json.loads((out / "manifest.json").read_text())["presets"] == ["slower", "superfast"]
    if ended.final["rungs"] == ["360p", "180p"]:
        assert_same(out, whole)


@pytest.mark.ffmpeg
def test_lanes_side_by_side_make_the_same(run_worker: Run, clip: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    options = ("--source", clip, *OPTIONS)
    ended = run_worker(*options, "--destination", out, "--parallel-spans", 3)
    assert ended.status == 0, ended.stdout
    spans = [(span["first"], span["end"]) for span in ended.named("span_started")]
    assert spans == [(0, 7), (7, 14), (14, 20)]
    assert run_worker(*options, "--destination", whole).status == 0
    assert_same(out, whole)


def test_what_was_given_up_is_added_by_the_same_job(
    run_worker: Run, clip: Path, tmp_path: Path
) -> None:
    """A rung is given up at the first prediction; submitted again, only that one is made."""
    out = tmp_path / "out"
    give_up = (
        "import worker.plan.forecast as f\n"
        "def late(self, remaining_s):\n"
        "    choice = f.Choice(preset='superfast', rungs=('360p',))\n"
        "    return choice, f.ReplanReason.TOO_LATE_AT_FASTEST\n"
        "f._MARGIN = 1e9; f.Forecast._lesser = late"
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


def test_a_job_that_stood_still_publishes_nothing_over_its_successor(
    start_worker: Start, run_worker: Run, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--source", clip, "--destination", out, *OPTIONS)
    zombie = start_worker(*options, "--preset", "slower", before=FAST_LEASE)
    wait_for(lambda: stored(out), what="a first segment")
    zombie.process.send_signal(signal.SIGSTOP)
    successor = run_worker(*options, before=FAST_LEASE)
    assert successor.status == 0
    assert successor.named("lease_taken_over")
    master = (out / "master.m3u8").stat().st_mtime_ns
    zombie.process.send_signal(signal.SIGCONT)
    assert zombie.wait(60).status == 75
    assert (out / "master.m3u8").stat().st_mtime_ns == master
    assert json.loads((out / "status.json").read_text())["outcome"]["name"] == "published"
