"""What a command costs: CPU seconds, elapsed seconds, memory, disk, and when it has a result."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

OUTPUT_NAME = "output.txt"
_MEASURE_EVERY_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU seconds of the command and all that it started; memory of the largest process.

    The memory is not below that of the process that started the command, which it begins with.
    `ready_s`: from its start until the caller found what it waits for; None where it never did.
    """

    cpu_s: float
    elapsed_s: float
    memory_bytes: int
    disk_bytes: int
    ready_s: float | None = None


def in_turn(costs: Sequence[Cost]) -> Cost:
    """Return what commands cost that ran one after the other."""
    before_s, ready_s = 0.0, None
    for cost in costs:
        if cost.ready_s is not None and ready_s is None:
            ready_s = before_s + cost.ready_s
        before_s += cost.elapsed_s
    return Cost(
        cpu_s=sum(cost.cpu_s for cost in costs),
        elapsed_s=before_s,
        memory_bytes=max(cost.memory_bytes for cost in costs),
        disk_bytes=max(cost.disk_bytes for cost in costs),
        ready_s=ready_s,
    )


def spend(
    argv: Sequence[str],
    *,
    folder: Path,
    pass_fds: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    is_ready: Callable[[], bool] = lambda: False,
) -> Cost:
    """Run a command in a folder to its end; its output is in `OUTPUT_NAME` there.

    `is_ready` is asked while it runs, and once more at its end.

    Raises:
        RuntimeError: it failed; with the end of its output.

    """
    path = folder / OUTPUT_NAME
    with path.open("wb") as output, _Watch(folder, is_ready) as watch:
        started_s = time.monotonic()
        process = subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=pass_fds,
            env={**os.environ, **(environment or {})},
        )
        # Not Popen.wait: only wait4 returns what this child and its own children have used.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        elapsed_s = time.monotonic() - started_s
    if process.returncode:
        tail = path.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{argv[0]} ended with {process.returncode}: {tail}")
    return Cost(
        cpu_s=usage.ru_utime + usage.ru_stime,
        elapsed_s=elapsed_s,
        memory_bytes=usage.ru_maxrss * 1024,
        disk_bytes=watch.peak_bytes,
        # Asked once more after the end, it may be found a moment later than that.
        ready_s=None if watch.ready_at_s is None else min(watch.ready_at_s - started_s, elapsed_s),
    )


class _Watch:
    """Measures the size of a folder while a command runs, and when something is there."""

    def __init__(self, folder: Path, is_ready: Callable[[], bool]) -> None:
        self.peak_bytes = 0
        self.ready_at_s: float | None = None
        self._folder, self._is_ready = folder, is_ready
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._ask()

    def _watch(self) -> None:
        while not self._stopped.wait(_MEASURE_EVERY_S):
            self.peak_bytes = max(self.peak_bytes, size_of(self._folder))
            self._ask()

    def _ask(self) -> None:
        if self.ready_at_s is None and self._is_ready():
            self.ready_at_s = time.monotonic()


def size_of(folder: Path, pattern: str = "*") -> int:
    """Return the bytes of all files below a folder whose names match."""
    total = 0
    for path in folder.rglob(pattern):
        # Segments are deleted as they are uploaded.
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
