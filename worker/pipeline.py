"""The job, told step by step: fetch, probe, plan, recall, encode and upload, verify, publish."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from worker import __version__
from worker.account import Account
from worker.checkpoint import Checkpoint, recall
from worker.decoded import has_sound_gap
from worker.encode import Encoder, EncodeReport, Hooks
from worker.environment import check_environment
from worker.errors import BudgetSpentError, InternalError, WorkerError
from worker.job import Job
from worker.ladder import Rung
from worker.outcome import Outcome, outcome_of, published
from worker.pictures import Desk, make_gallery
from worker.places import open_source, open_store, work_folder
from worker.plan import AUDIO, Plan, describe, request_digest, run_name
from worker.prepare import lay_plan, obtain
from worker.process import Tools
from worker.progress import Reporter, Step
from worker.publish import (
    Origin,
    delete_outdated,
    is_published,
    publish,
    read_manifest,
)
from worker.segment import Segment
from worker.status import Status
from worker.store import RemoteFile, SteadyStore
from worker.subtitles import make_subtitles
from worker.upload import LINGER_S, Uploader
from worker.verify import verify_run

# After a stop, when the checkpoint must be written; uploads under way come before it.
_CHECKPOINT_LINGER_S = 2 * LINGER_S

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a job runs with: programs and budget, the calendar, and whether a person watches."""

    tools: Tools
    now: Callable[[], datetime]
    on_terminal: bool
    account: Account = field(default_factory=Account)


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
        Reporter(None, budget=context.tools.budget, on_terminal=False, account=Account()) as r,
    ):
        source, identity = open_source(job, context.tools.budget)
        path = obtain(source, job, folder=folder, budget=context.tools.budget, reporter=r)
        _, plan = lay_plan(path, job, folder=folder, tools=context.tools)
        return describe(plan) | {"run": run_name(identity, plan)}


def run_job(job: Job, context: Context, facts: Facts) -> Outcome:
    """Do the whole job and say how it ended; every error becomes an outcome here."""
    budget = context.tools.budget
    status: Status | None = None
    try:
        # First of all, so that every outcome from here on stands in status.json.
        store = open_store(job, budget)
        status = Status(store, job_id=job.job_id, budget=budget, now=context.now)
        status.claim()
        facts.note(ffmpeg=check_environment(context.tools))
        source, identity = open_source(job, budget)
        with Reporter(
            status, budget=budget, on_terminal=context.on_terminal, account=context.account
        ) as reporter:
            outcome = _make(_Work(job, context, facts, store, status, reporter), source, identity)
    except Exception as error:  # the one place where each error gets its outcome
        outcome = outcome_of(error)
        # From now on there is only time for the last word.
        budget.stop(error if isinstance(error, WorkerError) else InternalError(outcome.message))
        if isinstance(error, BudgetSpentError) and error.needed_s is not None:
            facts.note(needed_s=round(error.needed_s))
        if outcome.exit_status == InternalError.exit_status:
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
    store: SteadyStore
    status: Status
    reporter: Reporter


def _make(work: _Work, source: RemoteFile | Path, identity: str) -> Outcome:
    job, facts, tools = work.job, work.facts, work.context.tools
    request = request_digest(identity, job)
    previous = read_manifest(work.store)
    if is_published(work.store, previous, request):
        facts.note(run=previous["run"] if previous else None, already_published=True)
        work.reporter.begin(Step.END)
        return published("already published from the same source with the same plan")
    with work_folder(job) as folder:
        path = obtain(source, job, folder=folder, budget=tools.budget, reporter=work.reporter)
        work.reporter.begin(Step.PROBE)
        path, plan = lay_plan(path, job, folder=folder, tools=tools)
        run = run_name(identity, plan)
        _tell_plan(work, plan, run)
        checkpoint = recall(
            work.store,
            run,
            plan,
            describe(plan),
            budget=tools.budget,
            threads=job.upload_threads,
        )
        rungs, renditions = _encode(work, plan, path, folder, checkpoint)
        work.reporter.begin(Step.VERIFY)
        verify_run(replace(plan, rungs=rungs), run, renditions, work.store.list(f"{run}/"))
        texts = make_subtitles(plan, path, folder=folder, tools=tools)
        gallery = make_gallery(
            plan,
            renditions,
            path,
            desk=Desk(
                store=work.store, run=run, folder=folder, tools=tools, threads=job.upload_threads
            ),
            with_chapters=job.chapters,
        )
        work.reporter.begin(Step.PUBLISH)
        manifest = publish(
            plan,
            run,
            renditions,
            texts=texts,
            gallery=gallery,
            origin=Origin(
                request=request,
                identity=identity,
                source=str(job.source),
                job_id=job.job_id,
                published_at=work.context.now().isoformat(),
                worker_version=__version__,
                ffmpeg_version=facts.values["ffmpeg"],
                job=work.context.account.tell(facts.values),
            ),
            with_report=job.report,
            threads=job.upload_threads,
            store=work.store,
            previous=previous,
            confirm=work.status.confirm,
        )
    try:
        delete_outdated(work.store, manifest, previous)
    except WorkerError as error:
        log.warning("outdated_run_not_deleted", reason=str(error))
    work.reporter.begin(Step.END)
    without = ", ".join(manifest["missing_rungs"])
    return published(
        f"published {job.destination}/master.m3u8"
        + (f" without {without}, for want of time; submit again to add it" if without else "")
    )


def _tell_plan(work: _Work, plan: Plan, run: str) -> None:
    work.status.update(run=run)
    summary = {
        "run": run,
        "duration_s": round(float(plan.grid.duration_s), 3),
        "rungs": [rung.name for rung in plan.rungs],
    }
    log.info("planned", **summary, rate=str(plan.grid.rate), plan=describe(plan))
    work.facts.note(**summary)


def _encode(
    work: _Work, plan: Plan, path: Path, folder: Path, checkpoint: Checkpoint
) -> tuple[tuple[Rung, ...], Mapping[str, tuple[Segment, ...]]]:
    """Encode and upload what is missing; return the rungs that were not given up, and all segments.

    What is in the store is remembered there, however this ends.
    """
    job, tools = work.job, work.context.tools
    resumed = checkpoint.count
    work.reporter.begin(Step.ENCODE, segments_resumed=resumed, lanes=plan.lanes)
    started_s = tools.budget.elapsed_s
    uploader = Uploader(
        plan=plan,
        store=work.store,
        checkpoint=checkpoint,
        budget=tools.budget,
        threads=job.upload_threads,
    )
    encoder = Encoder(
        plan,
        path,
        done={
            rendition: {segment.index for segment in segments}
            for rendition, segments in checkpoint.renditions().items()
        },
        folder=folder,
        uploader=uploader,
        tools=tools,
        hooks=Hooks(
            on_progress=lambda frames, segments: work.reporter.encoded(
                frames, plan.grid, uploaded=checkpoint.count, segments=segments
            ),
            on_forecast=work.reporter.predicted,
        ),
    )
    try:
        encoder.tell_progress()
        report = encoder.run()
        uploader.drain(on_wait=encoder.tell_progress)
        encoder.tell_progress()
    except WorkerError as error:
        tools.budget.stop(error)
        _save_what_is_there(uploader, checkpoint, work.store)
        raise
    finally:
        uploader.close()
    checkpoint.save(work.store)
    _warn_of_gaps(plan, report)
    made = {
        rendition: segments
        for rendition, segments in checkpoint.renditions().items()
        if rendition in report.rungs or rendition == AUDIO
    }
    encode_s = max(tools.budget.elapsed_s - started_s, 1e-3)
    work.facts.note(
        rungs=list(report.rungs),
        encode_s=round(encode_s, 2),
        speed=round(work.reporter.speed, 3),
        segments=checkpoint.count,
        segments_resumed=resumed,
        bytes=sum(segment.bytes for segments in made.values() for segment in segments),
        ffmpeg_peak_memory_bytes=report.peak_memory_bytes,
    )
    return tuple(rung for rung in plan.rungs if rung.name in report.rungs), made


def _save_what_is_there(uploader: Uploader, checkpoint: Checkpoint, store: SteadyStore) -> None:
    try:
        uploader.drain(LINGER_S)
    except Exception as error:  # noqa: BLE001 (the job ends for another reason already)
        log.debug("uploads_dropped", reason=str(error))
    try:
        checkpoint.save(store.lingering(_CHECKPOINT_LINGER_S))
    except WorkerError as error:
        log.warning("checkpoint_not_saved", reason=str(error))


def _warn_of_gaps(plan: Plan, report: EncodeReport) -> None:
    if has_sound_gap(plan, report.decoded_sounds) and plan.media.audio is not None:
        log.warning(
            "sound_mostly_undecodable",
            decoded=report.decoded_sounds,
            packets=plan.media.audio.packets.count,
        )
