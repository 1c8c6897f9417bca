"""Fetches the source and plans its run: read, its timestamps repaired, its audio tried."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from worker.config.job import Job
from worker.errors import BadSourceError, NoSourceError, SourceFault
from worker.media.color import plan_conversion
from worker.media.lut3d import TABLE_NAME, color_table
from worker.media.streams import Media, VideoStream
from worker.plan.parallelism import Machine
from worker.plan.plan import Heard, Plan, Span, make_plan
from worker.runtime.resources import count_cores, memory_bytes
from worker.runtime.workspace import Workspace
from worker.source.audio_check import listen
from worker.source.captions import find_captions
from worker.source.fetch.download import OnProgress, download
from worker.source.fetch.ranged import RangedSource
from worker.source.ladder_selection import select_ladder
from worker.source.probe import probe
from worker.source.timestamps import repair_timestamps
from worker.storage.base import RemoteFile
from worker.storage.local_source import refuse_special

_GIB = 1 << 30
# In the work folder.
_FETCHED = "source"

OnBegin = Callable[[int | None], None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The file to transcode, what is in it, and what was found by listening to its audio."""

    path: Path
    media: Media
    heard: Heard


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSource:
    """The file to transcode, which may be a repaired copy, and the plan of its run."""

    path: Path
    plan: Plan


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A source that is on disk as a whole, as an encode reads it."""

    path: Path

    def ensure(self, plan: Plan, span: Span) -> None:
        """Everything is there."""

    def complete(self) -> None:
        """Everything is there."""


def fetch(
    source: RemoteFile | Path,
    job: Job,
    workspace: Workspace,
    *,
    on_begin: OnBegin = lambda _size: None,
    on_progress: OnProgress = lambda _done, _size: None,
) -> Path:
    """Return the source on disk; a local one is read where it is.

    `on_begin` gets the size of a download, `on_progress` bytes so far and in all.

    Raises:
        BadSourceError: it is larger than is accepted.
        NoSourceError: a local one went away, or is no regular file by now.
        WorkerError: as `download` raises it.

    """
    if isinstance(source, Path):
        found = _stat(source)
        _refuse_large(found.st_size, job)
        return source
    _refuse_large(source.size_bytes, job)
    on_begin(source.size_bytes)
    path = workspace.folder / _FETCHED
    download(
        source,
        path,
        budget=workspace.budget,
        threads=job.upload_threads,
        on_progress=_refusing(job, on_progress),
    )
    return path


def fetch_parts(
    source: RemoteFile | Path,
    job: Job,
    workspace: Workspace,
    *,
    on_progress: OnProgress = lambda _done, _size: None,
) -> WholeFile | RangedSource:
    """Return the source where `fetch` puts it, to be fetched as far as it is needed.

    A local one is read where it is. `on_progress` gets the bytes so far and in all of each fetch.

    Raises:
        BadSourceError: it is larger than is accepted.
        NoSourceError: a local one went away, or is no regular file by now.

    """
    if isinstance(source, Path):
        return WholeFile(fetch(source, job, workspace))
    _refuse_large(source.size_bytes, job)
    return RangedSource(
        source,
        workspace.folder / _FETCHED,
        budget=workspace.budget,
        threads=job.upload_threads,
        on_progress=_refusing(job, on_progress),
    )


def _refuse_large(size: int | None, job: Job) -> None:
    if size is not None and size > round(job.max_source_gib * _GIB):
        raise BadSourceError(
            f"the upload has {size / _GIB:.1f} GiB or more; {job.max_source_gib:g} GiB are"
            " accepted; export it at a lower bit rate, or in parts",
            code=SourceFault.TOO_LARGE,
        )


def _refusing(job: Job, on_progress: OnProgress) -> OnProgress:
    """Return a callback for a fetch: a server that announces no size may send without end."""

    def report(done: int, size: int | None) -> None:
        _refuse_large(done, job)
        on_progress(done, size)

    return report


def _stat(path: Path) -> os.stat_result:
    """Look at a local source again: FFmpeg opens it from now on, and would wait for a FIFO."""
    try:
        found = path.stat()
    except OSError as error:
        raise NoSourceError(f"{path} went away: {error.strerror}; submit the job again") from error
    refuse_special(path, found)
    return found


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
    media, heard = listen(
        media,
        path,
        workspace,
        loudness_lufs=target_lufs,
        cleans_speech=job.speech == "clean",
    )
    return Prepared(path=path, media=media, heard=heard)


def plan_source(path: Path, job: Job, workspace: Workspace) -> PlannedSource:
    """Read a source and plan its run.

    Raises:
        WorkerError: as `prepare`, `make_plan` and `select_ladder` raise it.

    """
    prepared = prepare(path, job, workspace)
    machine = Machine(cores=count_cores(), memory_bytes=memory_bytes())
    plan = make_plan(prepared.media, job, machine=machine, heard=prepared.heard)
    write_color_table(plan.media.video, workspace.folder)
    selected = select_ladder(plan, job, prepared.path, workspace)
    return PlannedSource(path=prepared.path, plan=selected)


def write_color_table(video: VideoStream, folder: Path) -> None:
    """Write the table by which FFmpeg converts the source's colors, if it needs one."""
    conversion = plan_conversion(video)
    if conversion is not None:
        (folder / TABLE_NAME).write_text(color_table(conversion))
