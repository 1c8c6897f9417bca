"""One machine of a team in a chaos run: started, harmed, and read by its own log."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from tests.chaos.attempts import Attempt, read_attempt

Start = Callable[[int], "subprocess.Popen[str]"]


@dataclass
class Machine:
    """A worker of a team; `starts_s` is when, in seconds of the run, and None: never."""

    number: int
    starts_s: float | None
    process: subprocess.Popen[str] | None = None
    was_killed: bool = False
    stops: int = 0
    goes_on_s: float | None = None
    _started_s: float = 0.0
    _log: IO[str] = field(default_factory=lambda: tempfile.TemporaryFile("w+"))  # noqa: SIM115 (closed by `read`)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def was_harmed(self) -> bool:
        return self.was_killed or self.stops > 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it; one that comes late has not even begun."""
        return self.starts_s is None or (self.process is not None and not self.is_running)

    def is_due(self, now_s: float) -> bool:
        return self.process is None and self.starts_s is not None and self.starts_s <= now_s

    def start(self, start: Start) -> None:
        self._started_s = time.time()
        self.process = start(self._log.fileno())

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill it, or ask it to end (TERM)."""
        if self.process is not None:
            self.was_killed = True
            os.killpg(self.process.pid, number)

    def stop(self, *, until_s: float) -> None:
        if self.process is not None:
            self.stops += 1
            self.goes_on_s = until_s
            os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        self.goes_on_s = None
        if self.process is not None and self.is_running:
            os.kill(self.process.pid, signal.SIGCONT)

    def text(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def read(self) -> Attempt:
        """Read how it ended, and its log."""
        text = self.text()
        self._log.close()
        status = self.process.returncode if self.process is not None else 0
        return read_attempt(
            text, status=status, started_s=self._started_s, was_killed=self.was_killed
        )
