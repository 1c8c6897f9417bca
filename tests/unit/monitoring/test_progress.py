"""What a job reports of its progress: to status.json, to a log, to a terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from worker.media.timeline import Grid
from worker.monitoring.job_stats import JobStats
from worker.monitoring.progress import Reporter, Step
from worker.monitoring.progress_bar import ProgressBars
from worker.monitoring.status import Status
from worker.runtime.budget import Budget

MINUTE = Grid(rate=Fraction(30), total_frames=1800, segment_frames=180)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class RecordedStatus(Status):
    """A status.json that is not written."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}

    def update(self, **fields: object) -> None:
        self.last |= fields


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def status() -> RecordedStatus:
    return RecordedStatus()


@pytest.fixture
def reporter(clock: Clock, status: RecordedStatus) -> Iterator[Reporter]:
    budget = Budget(time_limit_s=14_400, clock=clock)
    with Reporter(status, budget=budget, on_terminal=False, stats=JobStats()) as reporter:
        yield reporter


def test_of_samples_no_rate_is_reported(
    reporter: Reporter, status: RecordedStatus, clock: Clock
) -> None:
    grid = Grid(rate=Fraction(48_000), total_frames=60 * 48_000, segment_frames=6 * 48_000)
    reporter.begin(Step.ENCODE)
    reporter.encoded(0, grid, uploaded=0, segments=10, are_samples=True)
    clock.now_s = 1.0
    reporter.encoded(30 * 48_000, grid, uploaded=4, segments=10, are_samples=True)
    assert status.last["detail"] == "30.00x real time, 4 of 10 segments uploaded"
    assert status.last["seconds_left"] == 1


def test_an_encode_reports_rate_speed_seconds_left_and_segments(
    reporter: Reporter, clock: Clock, status: RecordedStatus
) -> None:
    clock.now_s = 10
    reporter.begin(Step.ENCODE)
    reporter.encoded(0, MINUTE, uploaded=0, segments=20)
    clock.now_s = 20
    reporter.encoded(450, MINUTE, uploaded=4, segments=20)
    assert status.last["detail"] == "1.50x real time, 45 fps, 4 of 20 segments uploaded"
    assert status.last["seconds_left"] == 30
    assert status.last["percent"] == 28.0


def test_what_earlier_jobs_encoded_is_no_speed(
    reporter: Reporter, clock: Clock, status: RecordedStatus
) -> None:
    reporter.begin(Step.ENCODE)
    reporter.encoded(900, MINUTE, uploaded=10, segments=20)
    assert status.last.get("seconds_left") is None
    clock.now_s = 10
    reporter.encoded(1350, MINUTE, uploaded=15, segments=20)
    assert status.last["detail"] == "1.50x real time, 45 fps, 15 of 20 segments uploaded"
    assert status.last["seconds_left"] == 10
    assert reporter.speed == 1.5


def test_a_fetch_reports_bytes_and_their_rate(
    reporter: Reporter, clock: Clock, status: RecordedStatus
) -> None:
    reporter.begin(Step.FETCH)
    clock.now_s = 4
    reporter.fetched(20_000_000, 80_000_000)
    assert status.last["detail"] == "20.0 of 80.0 MB, 5.0 MB/s"
    assert status.last["seconds_left"] == 12


def test_a_fetch_of_unknown_length_predicts_nothing(
    reporter: Reporter, status: RecordedStatus
) -> None:
    reporter.begin(Step.FETCH)
    reporter.fetched(20_000_000, None)
    assert status.last["seconds_left"] is None
    assert status.last["percent"] == 0


def test_audio_with_one_segment_more_is_not_more_than_all(
    reporter: Reporter, status: RecordedStatus
) -> None:
    reporter.begin(Step.ENCODE)
    reporter.encoded(1800, MINUTE, uploaded=21, segments=20)
    assert status.last["detail"].endswith("21 of 21 segments uploaded")


def test_off_a_terminal_a_line_every_half_minute(reporter: Reporter, clock: Clock) -> None:
    with capture_logs() as lines:
        reporter.begin(Step.ENCODE)
        for second in range(100):
            clock.now_s = second
            reporter.encoded(second, MINUTE, uploaded=0, segments=20)
    moments = [line["detail"] for line in lines if line["event"] == "progress"]
    assert len(moments) == 3


def shown(console: Console) -> list[str]:
    """Return what stays on the terminal, without colors and what was written over."""
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue().rpartition("\x1b[2K")[2]
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[a-z]", "", text).split("\n") if line]


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120)


def test_each_step_keeps_its_bar(console: Console) -> None:
    with ProgressBars(console) as bars:
        bars.begin("fetch")
        bars.advance(0.4, "4 of 10 MB")
        bars.begin("encode")
        bars.advance(0.25, "1.50x real time, [4] of 20 segments uploaded")
        bars.end()
    fetch, encode = shown(console)
    assert fetch.startswith("fetch ")
    assert "100%" in fetch
    assert "[4] of 20 segments uploaded" in encode


def test_the_bar_of_a_step_that_did_not_end_stays_where_it_was(console: Console) -> None:
    with ProgressBars(console) as bars:
        bars.begin("encode")
        bars.advance(0.25, "")
    (encode,) = shown(console)
    assert " 25%" in encode


def test_what_is_not_begun_shows_nothing(console: Console) -> None:
    with ProgressBars(console) as bars:
        bars.advance(0.5, "")
        bars.end()
    assert shown(console) == []
