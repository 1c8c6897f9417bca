"""What every outcome must state: exit status, last log line, status.json, and no master.m3u8."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.functional.worker_process import Ended

# Of the long clip: minutes of encoding for a test to interfere with, in short segments.
SLOW = ("--preset", "medium", "--ladder", "360", "--segment", "2")


def assert_failed(ended: Ended, out: Path | None, status: int, *words: str) -> None:
    """The job ended with this status and these words in its message, and published nothing."""
    assert ended.status == status, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    message = ended.final["message"] if ended.events else ended.stderr
    for word in words:
        assert word in message
    if out is not None:
        assert not (out / "master.m3u8").exists()
    if ended.events:
        assert ended.final["exit_status"] == status
        if out is not None:
            recorded = json.loads((out / "status.json").read_text())
            assert recorded["state"] == "ended"
            assert recorded["outcome"]["exit_status"] == status


def video_segments(out: Path) -> list[Path]:
    return [path for path in out.rglob("*.ts") if path.parent.name != "audio"]


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A folder on a file system of this size."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
