"""A stdout that nobody reads holds nothing up: a job ends as it would, with the same outcome."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from tests.functional.conftest import wait_for
from tests.functional.pipeline.outcomes import SLOW, video_segments
from tests.functional.worker_process import StartWorker, read_events

# Sends the worker a signal as soon as it waits for a reader.
SIGNAL_AT_WAIT = """
import os, worker.monitoring.output as output
wait = output.OutputQueue.wait
def waiting(*args, **kwargs):
    os.kill(os.getpid(), 15)
    return wait(*args, **kwargs)
output.OutputQueue.wait = waiting
"""
FEW_LINES = """
import worker.monitoring.output as output
output.OutputQueue.__init__.__kwdefaults__["max_lines"] = 2
"""


@dataclass
class FullPipe:
    """A pipe of one page, full from the start, so that the very first line blocks."""

    read_end: int
    write_end: int
    size: int

    def read(self) -> str:
        """Read what the worker writes, to its end."""
        os.close(self.write_end)
        self.write_end = -1
        with open(self.read_end, encoding="utf-8", closefd=False) as stream:
            return stream.read()[self.size :]


@pytest.fixture
def full_pipe() -> Iterator[FullPipe]:
    read_end, write_end = os.pipe()
    size = fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write_end, b"-" * size)
    pipe = FullPipe(read_end, write_end, size)
    yield pipe
    for end in (pipe.read_end, pipe.write_end):
        if end >= 0:
            os.close(end)


def assert_recorded(out: Path, status: int) -> None:
    recorded = json.loads((out / "status.json").read_text())
    assert recorded["state"] == "ended"
    assert recorded["outcome"]["exit_status"] == status
    assert (out / "master.m3u8").exists() == (status == 0)


def test_0_though_nobody_reads(
    full_pipe: FullPipe, start_worker: StartWorker, short_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    running = start_worker(
        *("--source", short_clip, "--destination", out, "--log-level", "debug"),
        stdout=full_pipe.write_end,
    )
    assert running.wait(120).status == 0
    assert_recorded(out, 0)


def test_0_though_the_reader_has_left(
    full_pipe: FullPipe, start_worker: StartWorker, short_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    os.close(full_pipe.read_end)
    full_pipe.read_end = -1
    running = start_worker("--source", short_clip, "--destination", out, stdout=full_pipe.write_end)
    ended = running.wait()
    assert (ended.status, ended.stderr) == (0, "")
    assert_recorded(out, 0)


def test_0_though_the_disk_of_the_log_is_full(
    start_worker: StartWorker, short_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with Path("/dev/full").open("w") as full:
        running = start_worker("--source", short_clip, "--destination", out, stdout=full.fileno())
        ended = running.wait()
    assert (ended.status, ended.stderr) == (0, "")
    assert_recorded(out, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_143_though_nobody_reads(
    number: signal.Signals,
    full_pipe: FullPipe,
    start_worker: StartWorker,
    long_clip: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    running = start_worker(
        *("--source", long_clip, "--destination", out, *SLOW, "--log-level", "debug"),
        stdout=full_pipe.write_end,
    )
    wait_for(lambda: video_segments(out), what="first segment")
    started_s = time.monotonic()
    running.process.send_signal(number)
    assert running.wait(60).status == 143
    print(f"exited {time.monotonic() - started_s:.1f} s after {number.name}")
    assert time.monotonic() - started_s < 20
    assert_recorded(out, 143)


def test_124_though_nobody_reads(
    full_pipe: FullPipe, start_worker: StartWorker, long_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    slow = ("--preset", "slower", "--ladder", "360", "--segment", "2")
    started_s = time.monotonic()
    running = start_worker(
        *("--source", long_clip, "--destination", out, *slow, "--time-limit", 15),
        stdout=full_pipe.write_end,
    )
    assert running.wait(60).status == 124
    assert time.monotonic() - started_s < 60
    assert_recorded(out, 124)


@pytest.mark.parametrize(
    ("arguments", "status"), [(("--no-such-option",), 64), (("--help",), 0)], ids=str
)
def test_an_end_before_there_is_a_job_though_nobody_reads(
    arguments: tuple[str, ...], status: int, full_pipe: FullPipe, start_worker: StartWorker
) -> None:
    running = start_worker(*arguments, stdout=full_pipe.write_end)
    assert running.wait(60).status == status


@pytest.mark.parametrize(
    ("before", "limit_s", "status"), [(SIGNAL_AT_WAIT, 600, 143), ("", 10, 124)], ids=["143", "124"]
)
def test_a_plan_that_nobody_reads_is_waited_for_until_a_stop(
    before: str,
    limit_s: int,
    status: int,
    full_pipe: FullPipe,
    start_worker: StartWorker,
    short_clip: Path,
    tmp_path: Path,
) -> None:
    running = start_worker(
        *("--source", short_clip, "--destination", tmp_path, "--plan-only"),
        *("--time-limit", limit_s),
        before=before,
        stdout=full_pipe.write_end,
    )
    assert running.wait(60).status == status


def test_a_plan_is_whole_however_late_it_is_read(
    full_pipe: FullPipe, start_worker: StartWorker, short_clip: Path, tmp_path: Path
) -> None:
    """And also where the end of the process would wait for nobody."""
    running = start_worker(
        *("--source", short_clip, "--destination", tmp_path, "--plan-only"),
        before="import worker.monitoring.output as output\noutput._END_TIMEOUT_S = 0",
        stdout=full_pipe.write_end,
    )
    time.sleep(5)
    plan = json.loads(full_pipe.read())
    assert running.wait(60).status == 0
    assert plan["rungs"]


@pytest.mark.parametrize("before", ["", FEW_LINES], ids=["bounded", "dropped"])
def test_a_reader_who_comes_late_gets_the_lines_in_order(
    before: str,
    full_pipe: FullPipe,
    start_worker: StartWorker,
    long_clip: Path,
    tmp_path: Path,
) -> None:
    """The last line counts what was dropped, where anything was."""
    out = tmp_path / "out"
    running = start_worker(
        *("--source", long_clip, "--destination", out, *SLOW, "--log-level", "debug"),
        before=before,
        stdout=full_pipe.write_end,
    )
    wait_for(lambda: video_segments(out), what="first segment")
    found: list[str] = []
    reader = Thread(target=lambda: found.append(full_pipe.read()))
    reader.start()
    running.process.send_signal(signal.SIGTERM)
    assert running.wait(60).status == 143
    reader.join()
    events = read_events(found[0])
    assert len(events) == len(found[0].splitlines())
    assert [e["event"] for e in (events[0], events[-1])] == ["worker_started", "job_finished"]
    moments = [e["timestamp"] for e in events]
    assert moments == sorted(moments)
    assert ("log_lines_dropped" in events[-1]) == bool(before)
    assert ("planned" in {e["event"] for e in events}) == (not before)
