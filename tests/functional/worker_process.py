"""The worker as a process of its own: started, watched, and read when it has ended."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

WORKER_TIMEOUT_S = 900


@dataclass
class Ended:
    """A worker that has ended: its exit status, its output, and its log events."""

    status: int
    stdout: str
    stderr: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def final(self) -> dict[str, Any]:
        return next(e for e in reversed(self.events) if e.get("event") == "job_finished")

    def named(self, event: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e.get("event") == event]


@dataclass
class Running:
    """A worker that runs."""

    process: subprocess.Popen[str]

    def wait(self, timeout_s: float = WORKER_TIMEOUT_S) -> Ended:
        try:
            stdout, stderr = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            stdout, stderr = self.process.communicate()
            raise AssertionError(
                f"the worker hung; its output: {(stdout or '')[-2000:]} {stderr}"
            ) from None
        # None where the test has stdout itself.
        stdout = stdout or ""
        return Ended(self.process.returncode, stdout, stderr, read_events(stdout))

    def children(self) -> list[int]:
        found: list[int] = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            # A thread may end meanwhile.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, (task / "children").read_text().split())
        return found


StartWorker: TypeAlias = Callable[..., Running]
RunWorker: TypeAlias = Callable[..., Ended]


def read_events(stdout: str) -> list[dict[str, Any]]:
    """Read the lines of JSON; a line of another kind is passed over."""
    events = []
    for line in stdout.splitlines():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                events.append(event)
    return events


def python_arguments(before: str) -> list[str]:
    """Arguments of Python that run the worker, after the code `before` if there is some."""
    if not before:
        return ["-m", "worker"]
    main = (
        "import os, sys\nfrom worker.__main__ import main\nsys.exit(main(sys.argv[1:], os.environ))"
    )
    return ["-c", f"{before}\n{main}"]


# The proportions of the lease, faster: a killed job is taken over after two seconds.
FAST_LEASE = (
    "import worker.storage.lease as lease, worker.monitoring.status as status\n"
    "lease.STALE_S, lease._WATCH_S = 2, 0.1\n"
    "status.HEARTBEAT_S, status._LEAST_INTERVAL_S = 0.5, 0.2"
)
# The same for a team, with shares that are short enough for each machine to make some.
FAST_TEAM = (
    "import worker.storage.lease as lease\n"
    # First: the others import it by name.
    "lease.STALE_S, lease._WATCH_S = 4.0, 0.2\n"
    "import worker.monitoring.status as status, worker.encode.together as together\n"
    "import worker.team.heartbeat as heartbeat, worker.team.team as team\n"
    "import worker.team_steps as steps\n"
    "import worker.team.shares as shares, worker.upload.checkpoint as checkpoint\n"
    "status.HEARTBEAT_S, status._LEAST_TEAM_INTERVAL_S = 0.8, 0.7\n"
    "heartbeat.BEAT_S = 0.8\n"
    "team._ROLL_S, team._ROLL_S_A_MACHINE = 1.6, 0.3\n"
    "together._LOOK_S = together._FEED_S = 0.8\n"
    "together._REPORT_S = steps._WAIT_FOR_PLAN_S = 0.3\n"
    "steps._WAIT_S = 0.1\n"
    "shares._LEAST_S = 2\n"
    "checkpoint._SAVE_EVERY_S = 1.2"
)
TEAM_STALE_S = 4.0

# The proportions of a team's waits, faster; a machine that is slow is still given 45 s.
PATIENT_TEAM = (
    "import worker.encode.together as together, worker.monitoring.status as status\n"
    "import worker.team.heartbeat as heartbeat, worker.team.team as team\n"
    "import worker.team_steps as team_steps\n"
    "status.HEARTBEAT_S, status._LEAST_TEAM_INTERVAL_S = 0.5, 0.3\n"
    "heartbeat.BEAT_S, team._ROLL_S, team._ROLL_S_A_MACHINE = 0.5, 1, 0.1\n"
    "together._LOOK_S, together._FEED_S, together._REPORT_S = 0.5, 0.5, 0.3\n"
    "team_steps._WAIT_FOR_PLAN_S, team_steps._WAIT_S = 0.3, 0.1"
)
