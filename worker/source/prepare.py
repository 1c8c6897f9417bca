"""Plans the run of a fetched source: read, its timestamps repaired, its audio tried."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from worker.config.job import Job
from worker.config.sources import file_name
from worker.errors import BadSourceError, SourceFault
from worker.ffmpeg.diagnostics import no_audio_decoder
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
from worker.source.repair.timestamps import repair_timestamps


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
    files = [_read(path, job, workspace, number) for number, path in enumerate(paths, 1)]
    _refuse_mixed([each.media for each in files], job)
    windows = find_windows([each.media for each in files], job.clip, most=job.max_frame_rate)
    prepared = [
        _listen(each, window, job, workspace, number)
        for number, (each, window) in enumerate(zip(files, windows, strict=True), 1)
    ]
    machine = Machine(cores=count_cores(), memory_bytes=memory_bytes())
    plan = make_plan(prepared, job, machine=machine)
    write_color_tables(plan, workspace.folder)
    used = plan.used([file.path for file in files])
    selected = select_ladder(plan, job, used, workspace) if plan.rungs else plan
    return PlannedSource(paths=used, plan=selected)


def _read(path: Path, job: Job, workspace: Workspace, number: int) -> _ReadFile:
    """Read one of several files, and repair what would spoil its timeline."""
    workspace = workspace.of_file(number)
    with _named(number, job):
        media = probe(path, job, workspace)
        path, media = repair_timestamps(path, media, job, workspace)
        refuse_source(media, allow_truncated=job.allow_truncated)
    if job.captions == "embedded" and media.video_track is not None:
        media = replace(media, texts=(*media.texts, *find_captions(path, media, workspace)))
    return _ReadFile(path=path, media=media)


def _named(number: int, job: Job) -> AbstractContextManager[None]:
    """Say in a refusal which of several files it is about."""
    return of_part(number, len(job.sources), file_name(job.sources[number - 1]))


def _refuse_mixed(files: Sequence[Media], job: Job) -> None:
    """Refuse audio alone beside videos: there is nothing to show with it."""
    if len({media.video_track is None for media in files}) == 1:
        return
    number = next(n for n, media in enumerate(files, 1) if media.video_track is None)
    with _named(number, job):
        raise BadSourceError(
            "the file holds audio but no video, and others hold video; upload a video",
            code=SourceFault.AUDIO_ONLY,
        )


def _listen(
    file: _ReadFile, window: Window | None, job: Job, workspace: Workspace, number: int
) -> PreparedFile:
    """Try and measure the audio of what is used of a file."""
    if window is None:
        return PreparedFile(media=file.media)
    target_lufs = None if job.loudness == "off" else job.loudness
    with _named(number, job):
        media, heard = listen(
            file.media,
            file.path,
            workspace,
            window,
            loudness_lufs=target_lufs,
            cleans_speech=job.speech == "clean",
        )
        if not media.tracks:
            raise no_audio_decoder(file.media.audio.codec if file.media.audio else "unknown")
    return PreparedFile(media=media, heard=heard)


def write_color_tables(plan: Plan, folder: Path) -> None:
    """Write the tables by which FFmpeg converts the colors of the parts that need one."""
    videos = [part.media.video_track for part in plan.parts]
    for conversion in {plan_conversion(video) for video in videos if video is not None}:
        if conversion is not None:
            (folder / table_name(conversion)).write_text(color_table(conversion))
