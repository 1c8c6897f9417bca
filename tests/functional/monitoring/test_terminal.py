"""What the worker shows on a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.functional.conftest import FFMPEG, FFPROBE, ROOT
from tests.functional.worker_process import WORKER_TIMEOUT_S

# A line is replaced by moving up and erasing; colors do not matter here.
_OVER, _STYLE = "\x1b[2K", re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def start_on_a_terminal(
    *arguments: object, is_full: bool = False
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the worker on a terminal of 140 columns; return the end at which it is read, too."""
    controller, terminal = pty.openpty()
    if is_full:
        os.set_blocking(terminal, False)
        with suppress(BlockingIOError):
            while True:
                os.write(terminal, b"-")
        os.set_blocking(terminal, True)
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", *map(str, arguments)],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "COLUMNS": "140",
            "WORKER_FFMPEG": FFMPEG,
            "WORKER_FFPROBE": FFPROBE,
        },
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    return process, controller


def run_on_a_terminal(*arguments: object) -> tuple[int, str]:
    """Run the worker on a terminal; return its exit status and all that it wrote."""
    process, controller = start_on_a_terminal(*arguments)
    written = b""
    # When the last process has closed the terminal, reading it is an error.
    with suppress(OSError):
        while chunk := os.read(controller, 65536):
            written += chunk
    os.close(controller)
    return process.wait(WORKER_TIMEOUT_S), written.decode()


def test_each_step_leaves_a_full_progress_bar(small_clip: Path, tmp_path: Path) -> None:
    status, written = run_on_a_terminal("--source", small_clip, "--destination", tmp_path / "out")
    assert status == 0
    lines = _STYLE.sub("", written.rpartition(_OVER)[2]).splitlines()
    bars = {line.split()[0]: line for line in lines if "100%" in line}
    assert list(bars) == ["probe", "encode", "verify", "publish"]
    assert re.search(r"\dx real time, \d+ fps, 6 of 6 segments uploaded", bars["encode"])
    assert "job_finished" in lines[-1]


def test_a_failure_is_reported_below_the_bars(tmp_path: Path) -> None:
    source = tmp_path / "note.mp4"
    source.write_text("not a video")
    status, written = run_on_a_terminal("--source", source, "--destination", tmp_path / "out")
    assert status == 65
    lines = _STYLE.sub("", written.rpartition(_OVER)[2]).splitlines()
    assert lines[0].startswith("probe ")
    assert "100%" not in lines[0]
    assert "job_finished" in lines[-1]
    assert "Traceback" not in written


def test_a_halted_terminal_holds_nothing_up(short_clip: Path, tmp_path: Path) -> None:
    """Neither log lines nor bars are waited for."""
    out = tmp_path / "out"
    process, controller = start_on_a_terminal(
        "--source", short_clip, "--destination", out, is_full=True
    )
    try:
        assert process.wait(120) == 0
    finally:
        process.kill()
        os.close(controller)
    assert (out / "master.m3u8").exists()
