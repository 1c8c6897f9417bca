"""Plans the run of a fetched source: read, its timestamps repaired, its audio tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from worker.config.job import Job
from worker.config.location import Location
from worker.media.color import plan_conversion
from worker.media.lut3d import color_table, table_name
from worker.media.streams import Media
from worker.plan.parallelism import Machine
from worker.plan.parts import PreparedFile, Window, find_windows
from worker.plan.plan import Plan, make_plan
from worker.plan.refusals import of_part, refuse_source
from worker.runtime.resources import count_cores, memory_bytes
from worker.runtime.workspace import Workspace
from worker.source.audio_check import listen
from worker.source.captions import find_captions
from worker.source.fetch.sources import WholeFile
from worker.source.ladder_selection import select_ladder
from worker.source.probe import probe
from worker.source.timestamps import repair_timestamps


@dataclass(frozen=True, kw_only=True, slots=True)
class _ReadFile:
    """A file to transcode, which may be a repaired copy, and what is in it."""

    path: Path
    media: Media


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSource:
    """The plan of a run, and the file of each of its parts, which may be a repaired copy."""

    paths: tuple[Path, ...]
    plan: Plan

    @property
    def files(self) -> tuple[WholeFile, ...]:
        """The files as an encode reads them."""
        return tuple(map(WholeFile, self.paths))


def plan_source(paths: Sequence[Path], job: Job, workspace: Workspace) -> PlannedSource:
    """Read the files of a source, in their order, and plan its run.

    The paths that are returned are those of the parts of the plan: a clip may leave files out.

    Raises:
        BadParametersError: the clip is not on the timeline.
        BadSourceError: there is no video in a file that can be transcoded; with the file's name
            where there are several.
        CannotWriteError: one needs a repaired copy, for which there is no space.
        WorkerError: as `make_plan` and `select_ladder` raise it.

    """
    files = [
        _read(path, job, workspace, number=number, count=len(paths))
        for number, path in enumerate(paths, 1)
    ]
    windows = find_windows([each.media for each in files], job.clip)
    prepared = [
        _listen(each, window, job, workspace) for each, window in zip(files, windows, strict=True)
    ]
    machine = Machine(cores=count_cores(), memory_bytes=memory_bytes())
    plan = make_plan(prepared, job, machine=machine)
    write_color_tables(plan, workspace.folder)
    used = plan.used([file.path for file in files])
    return PlannedSource(paths=used, plan=select_ladder(plan, job, used, workspace))


def _read(path: Path, job: Job, workspace: Workspace, *, number: int, count: int) -> _ReadFile:
    """Read one of several files, and repair what would spoil its timeline."""
    workspace = workspace.of_file(number)
    with of_part(number, count, _name(job.sources[number - 1])):
        media = probe(path, workspace, language=job.audio_language)
        path, media = repair_timestamps(path, media, job, workspace)
        refuse_source(media, allow_truncated=job.allow_truncated)
    if job.captions == "embedded":
        media = replace(media, texts=(*media.texts, *find_captions(path, media, workspace)))
    return _ReadFile(path=path, media=media)


def _name(location: Location) -> str:
    """Return a file's own name; a query may grant access."""
    return PurePosixPath(str(location).partition("?")[0]).name


def _listen(file: _ReadFile, window: Window | None, job: Job, workspace: Workspace) -> PreparedFile:
    """Try and measure the audio of what is used of a file."""
    if window is None:
        return PreparedFile(media=file.media)
    target_lufs = None if job.loudness == "off" else job.loudness
    media, heard = listen(file.media, file.path, workspace, window, loudness_lufs=target_lufs)
    return PreparedFile(media=media, heard=heard)


def write_color_tables(plan: Plan, folder: Path) -> None:
    """Write the tables by which FFmpeg converts the colors of the parts that need one."""
    for conversion in {plan_conversion(part.media.video) for part in plan.parts}:
        if conversion is not None:
            (folder / table_name(conversion)).write_text(color_table(conversion))
