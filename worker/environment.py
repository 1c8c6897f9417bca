"""Checks that the machine holds what the worker runs, before anything is fetched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from worker.budget import Budget
from worker.errors import BadEnvironmentError
from worker.process import STDOUT, FailedError, Line, Processes, Tools

_ENCODERS = ("libx264", "aac", "mjpeg")
_TIMEOUT_S = 30.0
_CGROUP = Path("/sys/fs/cgroup")


def count_cores(cgroup: Path = _CGROUP) -> int:
    """Return how many cores this process may keep busy: at least one."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        cores = min(cores, round(int(quota) / int(period)))
    except (OSError, ValueError):
        # No quota: there is no such file, or it says `max`.
        pass
    return max(1, cores)


def check_environment(tools: Tools) -> str:
    """Return FFmpeg's version line.

    Raises:
        BadEnvironmentError: FFmpeg or ffprobe is not there, does not run, or lacks an encoder.

    """
    for path in (tools.ffmpeg, tools.ffprobe):
        if shutil.which(path) is None:
            raise BadEnvironmentError(
                f"{path} is not installed; install FFmpeg 5.1 or newer (Debian: ffmpeg),"
                " or name it with --ffmpeg and --ffprobe"
            )
    lines = _run([tools.ffmpeg, "-nostdin", "-encoders"], tools.budget)
    found = {words[1] for line in lines if len(words := line.split()) > 1}
    missing = [name for name in _ENCODERS if name not in found]
    if missing:
        raise BadEnvironmentError(
            f"{tools.ffmpeg} lacks the encoders {', '.join(missing)}; use a full build"
        )
    return next(iter(_run([tools.ffmpeg, "-nostdin", "-version"], tools.budget)), "unknown")


def _run(argv: list[str], budget: Budget) -> list[str]:
    try:
        with Processes(budget=budget, folder=Path("/"), stall_timeout_s=_TIMEOUT_S) as processes:
            processes.start(argv[0], [STDOUT], lambda _: argv)
            return [event.text for event in processes.events() if isinstance(event, Line)]
    except FailedError as error:
        raise BadEnvironmentError(f"{argv[0]} does not run: {error}") from error
