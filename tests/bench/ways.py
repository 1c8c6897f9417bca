"""The variants that are compared: the former command, the worker's FFmpegs alone, the worker."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

from tests.bench.clips import Clip
from tests.bench.cost import OUTPUT_NAME, Cost, in_turn, size_of, spend
from tests.bench.playable import has_first_minute
from tests.bench.quality import Quality, compare
from tests.functional.conftest import FFMPEG, FFPROBE, ROOT
from tests.functional.hls import attributes
from tests.functional.worker_process import python_arguments
from worker.config.cli import parse_job
from worker.ffmpeg.audio import DECODED, decode_audio, encode_audio
from worker.ffmpeg.encode import encode_video
from worker.ffmpeg.stream_copy import copy_video
from worker.layout import AUDIO
from worker.media.color import is_plain, matrix_of
from worker.plan.ladder import display_size
from worker.plan.plan import Plan, Span
from worker.runtime.budget import Budget
from worker.runtime.command import Command
from worker.runtime.workspace import Tools, Workspace
from worker.source.prepare import plan_source, write_color_tables

# Of the worker and of its largest FFmpeg, in its last line.
_PEAK_MEMORY = re.compile(r"peak_memory_bytes\W+(\d+)")
BASELINE, PLAIN, WORKER = "baseline", "plain", "worker"
WAYS = (BASELINE, PLAIN, WORKER)


@dataclass(frozen=True, kw_only=True)
class Rendition:
    """One rung that a variant made: its playlist, or its file where it has none."""

    size: tuple[int, int]
    playlist: Path


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a variant cost and made, largest rung first; `bytes` are those of all segments."""

    cost: Cost
    bytes: int
    rungs: tuple[Rendition, ...]

    @property
    def first_minute_s(self) -> float:
        """Seconds until the first minute could be played; of a shorter clip, the whole."""
        return self.cost.elapsed_s if self.cost.ready_s is None else self.cost.ready_s


def plan_for(source: Path, folder: Path, *options: str) -> Plan:
    """Plan as the worker would."""
    budget = Budget(time_limit_s=14_400, clock=time.monotonic)
    tools = Tools(ffmpeg=FFMPEG, ffprobe=FFPROBE)
    job = parse_job(["--source", str(source), "--destination", "/out", *options], {})
    return plan_source([source], job, Workspace(folder=folder, tools=tools, budget=budget)).plan


def make(way: str, source: Path, plan: Plan, folder: Path) -> Made:
    """Make one variant, in a folder of its own."""
    folder.mkdir()
    if way == BASELINE:
        return _baseline(source, plan, folder)
    return _plain(source, plan, folder) if way == PLAIN else _worker(source, plan, folder)


def _baseline(source: Path, plan: Plan, folder: Path) -> Made:
    """Two rungs at preset slow, a keyframe every 48 frames, 4 s segments, audio in each rung."""
    width, height = display_size(plan.media.video)
    sizes = [_fit(width, height, 1080), _fit(width, height, 720)]
    graph = "[0:v:0]split=2[a][b]" + "".join(
        f";[{branch}]scale={w}:{h},setsar=1,format=yuv420p[v{branch}]"
        for branch, (w, h) in zip("ab", sizes, strict=True)
    )
    argv = [FFMPEG, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-i", str(source)]
    argv += ["-filter_complex", graph]
    playlists = []
    for branch, crf, cap_mbps in (("a", 18, 12), ("b", 21, 5)):
        (folder / branch).mkdir()
        playlists.append(folder / branch / "index.m3u8")
        argv += [
            *("-map", f"[v{branch}]", "-map", "0:a:0?"),
            *("-c:v", "libx264", "-preset", "slow", "-crf", str(crf)),
            *("-maxrate", f"{cap_mbps}M", "-bufsize", f"{2 * cap_mbps}M"),
            *("-g", "48", "-keyint_min", "48", "-sc_threshold", "0"),
            *("-c:a", "aac", "-b:a", "128k", "-ac", "2"),
            *("-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod"),
            *("-hls_segment_filename", str(folder / branch / "%05d.ts"), str(playlists[-1])),
        ]
    cost = spend(argv, folder=folder, is_ready=lambda: has_first_minute(playlists[0], plan))
    rungs = tuple(Rendition(size=s, playlist=p) for s, p in zip(sizes, playlists, strict=True))
    return Made(cost=cost, bytes=size_of(folder, "*.ts"), rungs=rungs)


def _fit(width: Fraction, height: Fraction, bound: int) -> tuple[int, int]:
    scale = min(Fraction(1), Fraction(bound) / min(width, height))
    return 2 * round(width * scale / 2), 2 * round(height * scale / 2)


def _plain(source: Path, plan: Plan, folder: Path) -> Made:
    """The worker's own commands, started without it, one after the other.

    Decoded audio is a file between two of them, where the worker has a FIFO.
    """
    with _commands(source, plan, folder) as (commands, descriptor):
        costs = [spend(c, folder=folder, pass_fds=[descriptor]) for c in commands]
    return Made(
        cost=in_turn(costs),
        bytes=size_of(folder, "*.ts"),
        rungs=(),
    )


def start_plain(source: Path, plan: Plan, folder: Path) -> float:
    """Run the worker's own commands side by side, as it does; return the seconds taken."""
    os.mkfifo(folder / DECODED)
    with _commands(source, plan, folder) as (commands, descriptor):
        started_s = time.monotonic()
        running = [
            subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[descriptor],
            )
            for command in commands
        ]
        if sum(process.wait() for process in running):
            raise RuntimeError("FFmpeg failed")
        return time.monotonic() - started_s


@contextmanager
def _commands(source: Path, plan: Plan, folder: Path) -> Iterator[tuple[list[list[str]], int]]:
    """Build the worker's own commands, whose reports are discarded: one for all of the video."""
    plan = replace(plan, threads=0)
    rungs = tuple(rung.name for rung in plan.rungs)
    for rendition in (*rungs, AUDIO):
        (folder / rendition).mkdir()
    write_color_tables(plan, folder)
    encoded = tuple(rung.name for rung in plan.rungs if not rung.is_copied)
    span = Span(first=0, end=plan.grid.segment_count, rungs=encoded, preset=plan.presets[0])
    with Path(os.devnull).open("wb") as nowhere:
        commands = [encode_video(plan, span, source)]
        if encoded != rungs:
            commands.append(copy_video(plan, source))
        if plan.audio:
            commands += [decode_audio(plan.media, source), encode_audio(plan, plan.audio)]
        descriptor = nowhere.fileno()
        yield [argv_of(command, descriptor) for command in commands], descriptor


def argv_of(command: Command, descriptor: int) -> list[str]:
    """Build the argument vector of a command of FFmpeg, all of whose pipes are one descriptor."""
    return [FFMPEG, *command.fill_in(dict.fromkeys(command.pipes, descriptor))]


def run_worker(
    source: object,
    destination: object,
    *options: str,
    work: Path,
    watched: Path,
    environment: Mapping[str, str] | None = None,
    before: str = "",
    words: Sequence[str] = (),
    is_ready: Callable[[], bool] = lambda: False,
) -> Cost:
    """Run the job as Batch does, after the code `before`; the disk of `watched` counts.

    `words` come before the command.
    """
    _compile()
    argv = [
        *words,
        sys.executable,
        *python_arguments(before),
        "--source",
        source,
        "--destination",
        destination,
    ]
    argv += ["--work-dir", work, "--ffmpeg", FFMPEG, "--ffprobe", FFPROBE, *options]
    cost = spend(
        [*map(str, argv)],
        folder=watched,
        environment={"PYTHONPATH": str(ROOT), **(environment or {})},
        is_ready=is_ready,
    )
    # A child begins with the memory of who starts it: what the kernel says of the worker is not
    # below what this process has.
    own = _PEAK_MEMORY.findall((watched / OUTPUT_NAME).read_text(errors="replace"))
    return replace(cost, memory_bytes=max(map(int, own)))


@cache
def _compile() -> None:
    """Make the bytecode of the worker and of the packages it imports, which an image has, too."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    imported = "import boto3.session, worker.entry"
    subprocess.run([sys.executable, "-c", imported], check=True, cwd=ROOT, env=kept)


def _worker(source: Path, plan: Plan, folder: Path) -> Made:
    out, work = folder / "out", folder / "work"
    work.mkdir()
    master = out / "master.m3u8"
    cost = run_worker(
        source,
        out,
        work=work,
        watched=work,
        is_ready=lambda: has_first_minute(master, plan),
    )
    return Made(cost=cost, bytes=size_of(out, "*.ts"), rungs=read_rungs(master))


def quality_of(
    rung: Rendition,
    clip: Clip,
    plan: Plan,
    *,
    way: str,
    size: tuple[int, int],
    late_frames: int = 0,
) -> Quality:
    """Compare a rung with its clip, at this size and the moments of the worker's grid."""
    video = plan.media.video
    return compare(
        clip.path,
        rung.playlist,
        size=size,
        rate=plan.grid.rate,
        seconds=clip.compared_s,
        # Only the worker converts colors.
        matrix=matrix_of(video) if way == WORKER and not is_plain(video) else None,
        late_frames=late_frames,
    )


def read_rungs(master: Path) -> tuple[Rendition, ...]:
    """Read the variants with video of a multivariant playlist, largest first."""
    lines, rungs = master.read_text().splitlines(), []
    for line, uri in pairwise(lines):
        if line.startswith("#EXT-X-STREAM-INF:") and "RESOLUTION" in attributes(line):
            width, _, height = attributes(line)["RESOLUTION"].partition("x")
            rungs.append(Rendition(size=(int(width), int(height)), playlist=master.parent / uri))
    return tuple(sorted(rungs, key=lambda rung: -rung.size[1]))
