"""What the sandbox adds to a start of FFmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.cost import spend
from tests.functional.conftest import FFMPEG
from worker.runtime.sandbox import MAX_FILE_BYTES, Sandbox

_STARTS = 40


def measure_sandbox(folder: Path) -> Iterator[tuple[str, str]]:
    """Start `ffmpeg -version` without and with the sandbox, in turn."""
    restricted = Sandbox("auto")
    restricted.choose(lambda: _fault(restricted, folder))
    sandboxes = {"without": Sandbox(), ", ".join(restricted.level.parts): restricted}
    found: dict[str, list[float]] = {name: [] for name in sandboxes}
    for _ in range(_STARTS):
        for name, sandbox in sandboxes.items():
            argv = _argv(sandbox, folder)
            cost = spend(argv, folder=folder, pass_fds=sandbox.descriptors)
            found[name].append(1000 * cost.cpu_s)
    for name, each_ms in found.items():
        yield f"a start of FFmpeg, sandbox: {name}, CPU, ms", f"{median(each_ms):.1f}"


def _argv(sandbox: Sandbox, folder: Path) -> list[str]:
    return [*sandbox.command(FFMPEG, folder, file_bytes=MAX_FILE_BYTES), "-version"]


def _fault(sandbox: Sandbox, folder: Path) -> str | None:
    """Say why FFmpeg does not start so."""
    done = subprocess.run(
        _argv(sandbox, folder),
        check=False,
        capture_output=True,
        cwd=folder,
        pass_fds=sandbox.descriptors,
    )
    return done.stderr.decode(errors="replace") if done.returncode else None
