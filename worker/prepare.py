"""Brings the source and makes it ready to be planned: read, its clock mended, its sound tried."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from worker.budget import Budget
from worker.environment import count_cores
from worker.errors import BadSourceError
from worker.fetch import fetch
from worker.job import Job
from worker.lanes import Machine
from worker.limits import memory_bytes
from worker.listen import can_decode, gain_to
from worker.media import Media
from worker.mend import mend_clock
from worker.pilot import settle_ladder
from worker.places import write_color_table
from worker.plan import Plan, make_plan
from worker.probe import probe
from worker.process import Tools
from worker.progress import Reporter, Step
from worker.store import RemoteFile

_GIB = 1 << 30


log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The file to transcode, what is in it, and by how much its sound is to be raised."""

    path: Path
    media: Media
    gain_db: float = 0.0


def obtain(
    source: RemoteFile | Path, job: Job, *, folder: Path, budget: Budget, reporter: Reporter
) -> Path:
    """Return the source on disk; a local one is read in place.

    Raises:
        BadSourceError: it is larger than what is taken.
        WorkerError: as `fetch` raises it.

    """
    most = round(job.max_source_gib * _GIB)

    def refuse_large(size: int | None) -> None:
        if size is not None and size > most:
            raise BadSourceError(
                f"the upload has {size / _GIB:.1f} GiB, more than the {job.max_source_gib:g} GiB"
                " that are taken; export it at a lower bit rate, or in parts"
            )

    def tell(done: int, size: int | None) -> None:
        # A server that announces no size may send without end.
        refuse_large(done)
        reporter.fetched(done, size)

    if isinstance(source, Path):
        refuse_large(source.stat().st_size)
        return source
    refuse_large(source.size_bytes)
    reporter.begin(Step.FETCH, bytes=source.size_bytes)
    path = folder / "source"
    fetch(source, path, budget=budget, threads=job.upload_threads, on_progress=tell)
    return path


def prepare(path: Path, job: Job, *, folder: Path, tools: Tools) -> Prepared:
    """Read a file and make good what would spoil its timeline.

    Raises:
        BadSourceError: there is no video in it that can be transcoded.
        CannotWriteError: it needs a mended copy, for which there is no room.

    """
    media = probe(path, tools, language=job.audio_language)
    if media.jumps:
        path = mend_clock(path, media, folder=folder, tools=tools)
        media = probe(path, tools, language=job.audio_language)
    sound, gain_db = media.audio, 0.0
    if sound and not can_decode(path, sound, folder=folder, tools=tools):
        log.warning("sound_undecodable", codec=sound.codec, track=sound.index)
        media = replace(media, audio=None)
    elif sound and job.loudness != "off":
        gain_db = gain_to(job.loudness, path, sound, folder=folder, tools=tools)
    return Prepared(path=path, media=media, gain_db=gain_db)


def lay_plan(path: Path, job: Job, *, folder: Path, tools: Tools) -> tuple[Path, Plan]:
    """Read a source and plan its run; return the file to transcode, which may be a mended copy.

    Raises:
        WorkerError: as `prepare`, `make_plan` and `settle_ladder` raise it.

    """
    prepared = prepare(path, job, folder=folder, tools=tools)
    machine = Machine(cores=count_cores(), memory_bytes=memory_bytes())
    plan = make_plan(prepared.media, job, machine=machine, gain_db=prepared.gain_db)
    write_color_table(plan.media.video, folder)
    return prepared.path, settle_ladder(plan, job, prepared.path, folder=folder, tools=tools)
