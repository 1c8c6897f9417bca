"""Plans the run of a fetched source: read, its timestamps repaired, its audio tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from worker.config.job import Job
from worker.media.color import plan_conversion
from worker.media.lut3d import TABLE_NAME, color_table
from worker.media.streams import Media, VideoStream
from worker.plan.parallelism import Machine
from worker.plan.plan import Heard, Plan, make_plan
from worker.runtime.resources import count_cores, memory_bytes
from worker.runtime.workspace import Workspace
from worker.source.audio_check import listen
from worker.source.captions import find_captions
from worker.source.fetch.sources import WholeFile
from worker.source.ladder_selection import select_ladder
from worker.source.probe import probe
from worker.source.timestamps import repair_timestamps


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The file to transcode, what is in it, and what was found by listening to its audio."""

    path: Path
    media: Media
    heard: Heard


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSource:
    """The plan of a run, and the file of each of its parts, which may be a repaired copy."""

    paths: tuple[Path, ...]
    plan: Plan

    @property
    def files(self) -> tuple[WholeFile, ...]:
        """The files as an encode reads them."""
        return tuple(map(WholeFile, self.paths))


def prepare(path: Path, job: Job, workspace: Workspace) -> Prepared:
    """Read a file and repair what would spoil its timeline.

    Raises:
        BadSourceError: there is no video in it that can be transcoded.
        CannotWriteError: it needs a repaired copy, for which there is no space.

    """
    media = probe(path, workspace, language=job.audio_language)
    path, media = repair_timestamps(path, media, job, workspace)
    if job.captions == "embedded":
        media = replace(media, texts=(*media.texts, *find_captions(path, media, workspace)))
    target_lufs = None if job.loudness == "off" else job.loudness
    media, heard = listen(media, path, workspace, loudness_lufs=target_lufs)
    return Prepared(path=path, media=media, heard=heard)


def plan_source(paths: Sequence[Path], job: Job, workspace: Workspace) -> PlannedSource:
    """Read the files of a source, in their order, and plan its run.

    Raises:
        WorkerError: as `prepare`, `make_plan` and `select_ladder` raise it.

    """
    (path,) = paths
    prepared = prepare(path, job, workspace)
    machine = Machine(cores=count_cores(), memory_bytes=memory_bytes())
    plan = make_plan(prepared.media, job, machine=machine, heard=prepared.heard)
    write_color_table(plan.media.video, workspace.folder)
    selected = select_ladder(plan, job, prepared.path, workspace)
    return PlannedSource(paths=(prepared.path,), plan=selected)


def write_color_table(video: VideoStream, folder: Path) -> None:
    """Write the table by which FFmpeg converts the source's colors, if it needs one."""
    conversion = plan_conversion(video)
    if conversion is not None:
        (folder / TABLE_NAME).write_text(color_table(conversion))
