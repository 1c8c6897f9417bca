"""What a command costs: CPU and wall seconds, memory, disk."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU seconds of the command and all that it started; memory of the largest process."""

    cpu_s: float
    wall_s: float
    memory_bytes: int
    disk_bytes: int


def spend(
    argv: Sequence[str],
    *,
    folder: Path,
    pass_fds: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> Cost:
    """Run a command in a folder to its end; what it says is kept, and told if it fails.

    Raises:
        RuntimeError: it failed.

    """
    said = folder / "said.txt"
    with said.open("wb") as output, _Disk(folder) as disk:
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
        # Not Popen.wait: only wait4 tells what this child and its own have used.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.monotonic() - started_s
    if process.returncode:
        tail = said.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{argv[0]} ended with {process.returncode}: {tail}")
    return Cost(
        cpu_s=usage.ru_utime + usage.ru_stime,
        wall_s=wall_s,
        memory_bytes=usage.ru_maxrss * 1024,
        disk_bytes=disk.peak_bytes,
    )


class _Disk:
    """Watches how much lies in a folder."""

    def __init__(self, folder: Path) -> None:
        self.peak_bytes = 0
        self._folder = folder
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY_S):
            self.peak_bytes = max(self.peak_bytes, size_of(self._folder))


def size_of(folder: Path, pattern: str = "*") -> int:
    """Bytes of all files below a folder that have such a name."""
    total = 0
    for path in folder.rglob(pattern):
        # Segments are deleted as they are uploaded.
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
