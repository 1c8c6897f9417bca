"""Runs a job with the workers of one tree or several."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import IO

from tests.compare.jobs import CannotCompareError, CompareJob
from tests.compare.published import MANIFEST, MASTER, Published, read_files, without_run

_AUDIO = "audio"
# The longest job takes a tenth of it on a CPU that does nothing else.
_LONGEST_S = 600
_POLL_S = 0.5
_KEPT_VARIABLES = ("WORKER_FFMPEG", "WORKER_FFPROBE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """A worker to run: its tree, and the new folder that takes its log and what it publishes."""

    tree: Path
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """What a job published, and how long it took."""

    published: Published
    seconds: float


def run_sides(job: CompareJob, source: Path, sides: Sequence[Side]) -> list[Ended]:
    """Run a job with each worker: at the same time, where there are CPUs for that.

    Raises:
        CannotCompareError: a job that is to be resumed published no segments that can be removed.

    """
    cpus = sorted(os.sched_getaffinity(0))
    groups = [cpus[at : at + job.cpus] for at in range(0, len(cpus), job.cpus)]
    free = Queue[list[int]]()
    for group in groups[: max(1, len(cpus) // job.cpus)]:
        free.put(group)
    stopped = threading.Event()

    def run(side: Side) -> Ended:
        group = free.get()
        try:
            return run_job(job, source, side, cpus=group, stopped=stopped)
        finally:
            free.put(group)

    with ThreadPoolExecutor(len(sides)) as pool:
        futures = [pool.submit(run, side) for side in sides]
        try:
            return [future.result() for future in futures]
        finally:
            # The other workers are of no use where one failed, or where this process must end.
            stopped.set()


def run_job(
    job: CompareJob, source: Path, side: Side, *, cpus: Collection[int], stopped: threading.Event
) -> Ended:
    """Run a job with one worker on these CPUs, and read what it published.

    A job that is resumed is run, loses some of its files, and is run again.
    """
    out, work = side.folder / "out", side.folder / "work"
    work.mkdir(parents=True)
    started_s = time.monotonic()

    def run(log: str) -> int | None:
        command = _command(job, source, out, work)
        with (side.folder / log).open("wb") as lines, _limited_to(cpus):
            return _run(command, side.tree, lines, stopped)

    statuses = [run("log.jsonl")]
    if job.is_resumed and statuses == [0]:
        remove_some(out)
        statuses.append(run("log-resumed.jsonl"))
    published = without_run(statuses, read_files(out))
    return Ended(published=published, seconds=time.monotonic() - started_s)


def remove_some(out: Path) -> None:
    """Remove the master playlist, the manifest, segments of each rung and the last of the audio.

    Each rung loses others, so that the rungs to encode change on the way.

    Raises:
        CannotCompareError: a rung or the audio has no such segment.

    """
    (out / MASTER).unlink()
    (out / MANIFEST).unlink()
    folders = sorted({path.parent for path in out.rglob("*.ts")})
    audio = [folder for folder in folders if folder.name == _AUDIO]
    rungs = [folder for folder in folders if folder.name != _AUDIO]
    removed = [sorted(folder.glob("*.ts"))[-1:] for folder in audio]
    removed += [sorted(rung.glob("*.ts"))[1 :: number + 2] for number, rung in enumerate(rungs)]
    if not audio or not rungs or not all(removed):
        raise CannotCompareError("the resumed job needs audio, and two segments of each rung")
    for path in (path for some in removed for path in some):
        path.unlink()


def _command(job: CompareJob, source: Path, out: Path, work: Path) -> list[str]:
    command = [sys.executable, "-m", "worker", "--source", str(source), "--destination", str(out)]
    # A worker that is killed leaves its work folder.
    command += ["--work-dir", str(work), "--job-id", job.name]
    return [*command, "--cloudwatch", "off", "--log-format", "json", *job.options]


@contextlib.contextmanager
def _limited_to(cpus: Collection[int]) -> Iterator[None]:
    """Limit this thread to some CPUs, and with it the processes that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _run(
    command: Sequence[str], tree: Path, lines: IO[bytes], stopped: threading.Event
) -> int | None:
    """Run the worker of a tree; None where it took too long, or had to be stopped."""
    with subprocess.Popen(
        command,
        cwd=tree,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=lines,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        end_s = time.monotonic() + _LONGEST_S
        while time.monotonic() < end_s and not stopped.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_POLL_S)
        # Its FFmpegs end with it.
        os.killpg(process.pid, signal.SIGKILL)
    return None


def _environment() -> dict[str, str]:
    """Return what both workers see: no options, and no Python code of another tree."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT_VARIABLES or not name.startswith(("WORKER_", "PYTHON", "AWS_"))
    }
