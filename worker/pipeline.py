"""The job, told step by step: fetch, probe, plan, encode and upload, verify, publish."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from worker import __version__
from worker.checkpoint import Checkpoint
from worker.encode import Encoder, EncodeReport, has_sound_gap
from worker.environment import check_environment
from worker.errors import WorkerError
from worker.fetch import fetch
from worker.job import Job
from worker.outcome import Outcome, outcome_of, published
from worker.places import open_source, open_store, work_folder
from worker.plan import Plan, describe, make_plan, request_digest, run_name
from worker.probe import probe
from worker.process import Tools
from worker.progress import Reporter, Step
from worker.publish import (
    Origin,
    delete_outdated,
    is_published,
    publish,
    read_manifest,
)
from worker.status import Status
from worker.store import RemoteFile, Store
from worker.thumbnail import choose_thumbnail
from worker.upload import Uploader
from worker.verify import verify_run

_SAVE_EVERY_S = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a job runs with: programs and budget, the calendar, and whether a person watches."""

    tools: Tools
    now: Callable[[], datetime]
    on_terminal: bool


@dataclass(slots=True)
class Facts:
    """What the job found out on its way, for the last log line."""

    values: dict[str, Any] = field(default_factory=dict)

    def note(self, **values: object) -> None:
        """Keep facts; later ones win."""
        self.values |= values


def plan_job(job: Job, context: Context) -> dict[str, Any]:
    """Return the plan as plain data; nothing is written but the work folder.

    Raises:
        WorkerError: as the steps up to the plan raise it.

    """
    check_environment(context.tools)
    with (
        work_folder(job) as folder,
        Reporter(None, budget=context.tools.budget, on_terminal=False) as r,
    ):
        source, identity = open_source(job)
        path = _fetch(source, job, folder, context, r)
        plan = make_plan(probe(path, context.tools), job)
        return describe(plan) | {"run": run_name(identity, plan)}


def run_job(job: Job, context: Context, facts: Facts) -> Outcome:
    """Do the whole job and say how it ended; every error becomes an outcome here."""
    status: Status | None = None
    try:
        # First of all, so that every outcome from here on stands in status.json.
        store = open_store(job)
        status = Status(store, job_id=job.job_id, budget=context.tools.budget, now=context.now)
        status.claim()
        facts.note(ffmpeg=check_environment(context.tools))
        source, identity = open_source(job)
        with Reporter(
            status, budget=context.tools.budget, on_terminal=context.on_terminal
        ) as reporter:
            outcome = _make(_Work(job, context, facts, store, status, reporter), source, identity)
    except Exception as error:  # the one place where each error gets its outcome
        outcome = outcome_of(error)
        if not isinstance(error, WorkerError):
            log.exception("internal_error")
    if status is not None:
        status.end(outcome)
    facts.note(worker_peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    return outcome


@dataclass(frozen=True, slots=True)
class _Work:
    job: Job
    context: Context
    facts: Facts
    store: Store
    status: Status
    reporter: Reporter


def _make(work: _Work, source: RemoteFile | Path, identity: str) -> Outcome:
    job, facts = work.job, work.facts
    request = request_digest(identity, job)
    previous = read_manifest(work.store)
    if is_published(work.store, previous, request):
        facts.note(run=previous["run"] if previous else None, already_published=True)
        work.reporter.begin(Step.END)
        return published("already published from the same source with the same plan")
    with work_folder(job) as folder:
        path = _fetch(source, job, folder, work.context, work.reporter)
        work.reporter.begin(Step.PROBE)
        media = probe(path, work.context.tools)
        plan = make_plan(media, job)
        run = run_name(identity, plan)
        work.status.update(run=run)
        summary = {
            "run": run,
            "duration_s": round(float(plan.grid.duration_s), 3),
            "rungs": [rung.name for rung in plan.rungs],
        }
        log.info("planned", **summary, rate=str(plan.grid.rate), plan=describe(plan))
        facts.note(**summary)

        checkpoint = Checkpoint(run, describe(plan))
        report = _encode(work, plan, path, folder, checkpoint)
        work.reporter.begin(Step.VERIFY)
        renditions = checkpoint.renditions()
        verify_run(plan, run, renditions, work.store.list(f"{run}/"))
        _warn_of_gaps(plan, report)

        thumbnail = choose_thumbnail(plan, path, folder=folder, tools=work.context.tools)
        work.reporter.begin(Step.PUBLISH)
        origin = Origin(
            request=request,
            identity=identity,
            source=str(job.source),
            job_id=job.job_id,
            published_at=work.context.now().isoformat(),
            worker_version=__version__,
            ffmpeg_version=facts.values["ffmpeg"],
        )
        manifest = publish(
            plan,
            run,
            renditions,
            thumbnail=thumbnail,
            origin=origin,
            store=work.store,
            previous=previous,
            confirm=work.status.confirm,
        )
    try:
        delete_outdated(work.store, manifest, previous)
    except WorkerError as error:
        log.warning("outdated_run_not_deleted", reason=str(error))
    work.reporter.begin(Step.END)
    return published(f"published {job.destination}/master.m3u8")


def _encode(
    work: _Work, plan: Plan, path: Path, folder: Path, checkpoint: Checkpoint
) -> EncodeReport:
    """Encode and upload all of it; what is in the store is remembered there, however this ends."""
    job, tools = work.job, work.context.tools
    work.reporter.begin(Step.ENCODE, spans=len(plan.spans), preset=plan.spans[0].preset)
    started_s = saved_s = tools.budget.elapsed_s
    uploader = Uploader(
        plan=plan, store=work.store, checkpoint=checkpoint, threads=job.upload_threads
    )

    def save_now_and_then() -> None:
        nonlocal saved_s
        if tools.budget.elapsed_s - saved_s >= _SAVE_EVERY_S:
            checkpoint.save(work.store)
            saved_s = tools.budget.elapsed_s

    checkpoint.save(work.store)
    encoder = Encoder(
        plan,
        path,
        folder=folder,
        uploader=uploader,
        tools=tools,
        stall_timeout_s=job.stall_timeout_s,
        on_progress=lambda frames: work.reporter.encoded(frames, plan.grid),
        on_tick=save_now_and_then,
    )
    try:
        report = encoder.run()
        uploader.drain(tools.budget, save_now_and_then)
    except BaseException:
        _save_what_is_there(checkpoint, work.store)
        raise
    finally:
        uploader.close()
    checkpoint.save(work.store)
    encode_s = tools.budget.elapsed_s - started_s
    work.facts.note(
        encode_s=round(encode_s, 2),
        speed=round(float(plan.grid.duration_s) / encode_s, 3),
        segments=checkpoint.count,
        bytes=sum(s.bytes for segments in checkpoint.renditions().values() for s in segments),
        ffmpeg_peak_memory_bytes=report.peak_memory_bytes,
    )
    return report


def _save_what_is_there(checkpoint: Checkpoint, store: Store) -> None:
    try:
        checkpoint.save(store)
    except WorkerError as error:
        # The job ends for another reason already; that one is told.
        log.warning("checkpoint_not_saved", reason=str(error))


def _warn_of_gaps(plan: Plan, report: EncodeReport) -> None:
    if has_sound_gap(plan, report) and plan.media.audio is not None:
        log.warning(
            "sound_mostly_undecodable",
            decoded=report.decoded_sounds,
            packets=plan.media.audio.packets.count,
        )


def _fetch(
    source: RemoteFile | Path, job: Job, folder: Path, context: Context, reporter: Reporter
) -> Path:
    """Return the source on disk; a local one is read in place."""
    if isinstance(source, Path):
        return source
    reporter.begin(Step.FETCH, bytes=source.size_bytes)
    path = folder / "source"
    fetch(
        source,
        path,
        budget=context.tools.budget,
        threads=job.upload_threads,
        on_progress=reporter.fetched,
    )
    return path
