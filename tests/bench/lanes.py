"""What the one thread costs that drives all FFmpegs, where there are 64 of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from tests.unit.encode.simulation import SimulatedEncode, long_plan
from worker.runtime.budget import Budget
from worker.runtime.command import STDOUT, Command
from worker.runtime.process import Processes
from worker.runtime.workspace import Tools, Workspace

_LANES, _HOURS, _SPEED = 64, 3, 3
_REPORTS = 40
# What FFmpeg reports of three rungs, twice a second.
_REPORTER = r"""#!/bin/bash
for ((i = 1; i <= %d; i++)); do
    printf 'frame=%%d\nfps=92.1\nstream_0_0_q=22.0\nstream_1_0_q=25.0\nstream_2_0_q=25.0\n' $i
    printf 'bitrate=N/A\ntotal_size=N/A\nout_time_us=%%d00000\nout_time_ms=%%d00000\n' $i $i
    printf 'out_time=00:00:01.5\ndup_frames=0\ndrop_frames=0\nspeed=3.0x\nprogress=continue\n'
    sleep 0.5
done
"""


def measure_scheduler(folder: Path) -> Iterator[tuple[str, str]]:
    """Three hours on 64 simulated lanes; and 64 programs that report as FFmpeg does."""
    encode = SimulatedEncode(long_plan(lanes=_LANES, hours=_HOURS), speed=_SPEED)
    before_s = time.process_time()
    encode.run()
    cpu_s = time.process_time() - before_s
    yield (
        f"scheduling {_HOURS} hours on {_LANES} lanes, share of one core",
        f"{cpu_s / encode.elapsed_s:.2%} ({cpu_s:.2f} s of {encode.elapsed_s:.0f} s)",
    )
    yield f"reading what {_LANES} FFmpegs report, share of one core", f"{_read_reports(folder):.1%}"


def _read_reports(folder: Path) -> float:
    reporter = folder / "reporter"
    reporter.write_text(_REPORTER % _REPORTS)
    reporter.chmod(0o755)
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    workspace = Workspace(folder=folder, tools=Tools(ffmpeg=str(reporter)), budget=budget)
    with Processes(workspace) as processes:
        for lane in range(_LANES):
            processes.start(f"lane {lane}", Command("ffmpeg", (), (STDOUT,)))
        started_s, before_s = budget.elapsed_s, time.thread_time()
        for _ in processes.events():
            pass
        return (time.thread_time() - before_s) / (budget.elapsed_s - started_s)
