"""The frames of a span, as FFmpeg decodes them for the encoder of a rung."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from pathlib import Path

from tests.functional.conftest import FFMPEG, FFPROBE
from worker.config.cli import parse_job
from worker.config.job import Job
from worker.ffmpeg.encode import encode_video
from worker.media.streams import Media
from worker.plan.parallelism import Machine
from worker.plan.parts import PreparedFile
from worker.plan.plan import Plan, Span, make_plan
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools, Workspace
from worker.source.probe import probe

TICKS = 90_000


def workspace(folder: Path) -> Workspace:
    tools = Tools(ffmpeg=FFMPEG, ffprobe=FFPROBE)
    budget = Budget(time_limit_s=600, clock=time.monotonic)
    return Workspace(folder=folder, tools=tools, budget=budget)


def job_of(path: Path, *arguments: str) -> Job:
    return parse_job(["--source", str(path), "--destination", "/out", *arguments], {})


def read(path: Path) -> Media:
    return probe(path, job_of(path), workspace(path.parent))


def make(path: Path, *arguments: str) -> Plan:
    files = [PreparedFile(media=read(path))]
    return make_plan(files, job_of(path, *arguments), machine=Machine(cores=2))


def frames(plan: Plan, span: Span, source: Path, folder: Path) -> list[tuple[int, str]]:
    """Number from the span's start, and MD5, of each frame that its first rung's encoder gets."""
    command = encode_video(plan, span, source)
    argv = [FFMPEG, *command.fill_in(dict.fromkeys(command.pipes, 1))]
    graph = argv[: argv.index("-map") + 2]
    if len(span.rungs) > 1:
        return frames(plan, replace(span, rungs=span.rungs[:1]), source, folder)
    options = ["-copyts", "-nostdin", "-loglevel", "error", "-fps_mode", "passthrough"]
    options += ["-enc_time_base", f"1/{TICKS}"]
    answer = subprocess.run(
        [*graph, *options, "-f", "framemd5", "-"],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
    )
    # Of damage FFmpeg says so, and goes on. In MPEG-TS it may start within a GOP.
    assert answer.stderr == "" or "mpegts" in plan.media.container
    rows = [row.split(",") for row in answer.stdout.splitlines() if row[0] != "#"]
    return [(round(int(row[2]) * plan.grid.rate / TICKS), row[-1].strip()) for row in rows]
