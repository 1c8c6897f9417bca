"""Runs the worker on one clip within a time limit, and checks the result."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.corpus.checks import check_published
from tests.corpus.expected import Expected, check_expected
from tests.corpus.figures import Figures
from tests.corpus.output import read_output
from tests.corpus.source import Source

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED, BAD_SOURCE, INTERNAL_ERROR = 0, 65, 70
_LONGEST_MESSAGE = 300


@dataclass
class Ended:
    """How the worker ended; `status` is None where it exceeded the limit."""

    status: int | None
    seconds: float
    outcome: str = ""
    message: str = ""
    output: str = ""


@dataclass
class Result:
    """The result of one clip: `faults` fail it, `doubts` are for a person to check."""

    clip: str
    source: Source
    ended: Ended
    figures: Figures = field(default_factory=Figures)
    faults: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def run_worker(clip: Path, out: Path, *, bound_s: float, options: Sequence[str] = ()) -> Ended:
    """Run `python -m worker`; after `bound_s` it is killed with all that it started."""
    command = [sys.executable, "-m", "worker", "--source", str(clip), "--destination", str(out)]
    started_s = time.monotonic()
    process = subprocess.Popen(
        [*command, "--log-format", "json", *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    status: int | None
    try:
        stdout, stderr = process.communicate(timeout=bound_s)
        status = process.returncode
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        status = None
    final = last_event(stdout.decode(errors="replace"))
    return Ended(
        status=status,
        seconds=time.monotonic() - started_s,
        outcome=str(final.get("outcome", "")),
        message=str(final.get("message", "")),
        output=(stdout + stderr).decode(errors="replace"),
    )


def last_event(stdout: str) -> dict[str, Any]:
    """Find the last line of the log that is a `job_finished`."""
    for line in reversed(stdout.splitlines()):
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and event.get("event") == "job_finished":
                return event
    return {}


def check_result(
    name: str, source: Source, ended: Ended, out: Path, expected: Expected | None = None
) -> Result:
    """Compare how a job ended with the upload, and with the expected result."""
    result = Result(clip=name, source=source, ended=ended)
    if ended.status == PUBLISHED:
        _check_published(result, out)
    elif ended.status == BAD_SOURCE:
        result.faults += refusal_faults(ended, out)
        if expected is None and source.frames is not None and not source.errors:
            result.doubts.append(
                f"refused, though {len(source.frames.times_s)} frames and"
                f" {source.duration_s:.2f} s of it can be decoded"
            )
    else:
        result.faults.append(
            f"hang: killed after {ended.seconds:.0f} s"
            if ended.status is None
            else f"status {ended.status}: {ended.message or ended.output[-_LONGEST_MESSAGE:]}"
        )
        result.faults += _master_faults(out)
    if expected is not None:
        result.faults += check_expected(expected, ended.outcome, source, result.figures)
    return result


def _check_published(result: Result, out: Path) -> None:
    try:
        output = read_output(out)
    except Exception as error:  # noqa: BLE001 (whatever the fault, the next clip is checked)
        result.faults.append(f"what was published cannot be read: {error!r}")
        return
    result.doubts += result.source.doubts
    faults, result.figures = check_published(result.source, output)
    result.faults += faults


def refusal_faults(ended: Ended, out: Path) -> list[str]:
    """Return what is wrong with a refusal, whose message is one sentence without internals."""
    message = ended.message
    faults = _master_faults(out)
    if not message:
        faults.append("refusal: no message")
    if "Traceback" in ended.output:
        faults.append("refusal: a traceback")
    if "\n" in message or len(message) > _LONGEST_MESSAGE:
        faults.append(f"refusal: the message is not one sentence: {message[:_LONGEST_MESSAGE]!r}")
    # Addresses and levels in brackets are from log lines of FFmpeg.
    if found := re.search(r"0x[0-9a-f]{6,}|\[(?:error|fatal|warning)\]|\(found: None", message):
        faults.append(f"refusal: the message holds log lines ({found[0]})")
    if re.search(r"(?:^|[\s'\"(:])/\w+/", message):
        faults.append("refusal: the message holds a path")
    return faults


def _master_faults(out: Path) -> list[str]:
    return ["master.m3u8 is present"] if (out / "master.m3u8").exists() else []
