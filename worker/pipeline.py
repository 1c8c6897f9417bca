"""The job, told step by step: fetch, probe, plan, encode and upload, verify, publish."""

from __future__ import annotations

import contextlib
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from worker import __version__
from worker.budget import Budget
from worker.checkpoint import Checkpoint
from worker.encode import EncodeReport, Encoder, has_sound_gap
from worker.environment import check_environment
from worker.errors import CannotWriteError, WorkerError
from worker.fetch import fetch
from worker.job import Job
from worker.location import HttpsLocation, LocalLocation, S3Location
from worker.media import Media
from worker.outcome import Outcome, outcome_of, published
from worker.plan import Plan, describe, make_plan, request_digest, run_name
from worker.probe import probe
from worker.progress import Reporter, Step
from worker.publish import (
    Origin,
    delete_outdated,
    is_published,
    publish,
    read_manifest,
)
from worker.status import Status
from worker.store import (
    HttpsSource,
    LocalStore,
    RemoteFile,
    S3Source,
    S3Store,
    Store,
    identify_file,
    make_client,
)
from worker.thumbnail import choose_thumbnail
from worker.upload import Uploader
from worker.verify import verify_run

_SAVE_EVERY_S = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a job runs with: its budget, the clocks, and how it is watched."""

    budget: Budget
    clock: Callable[[], float]
    now: Callable[[], datetime]
    on_terminal: bool


@dataclass(slots=True)
class Facts:
    """What the job found out on its way, for the last log line."""

    values: dict[str, Any] = field(default_factory=dict)

    def note(self, **values: Any) -> None:
        """Keep facts; later ones win."""
        self.values |= values


def plan_job(job: Job, context: Context) -> dict[str, Any]:
    """Return the plan as plain data; nothing is written but the work folder.

    Raises:
        WorkerError: as the steps up to the plan raise it.

    """
    _check_environment(job, context)
    with _work_folder(job) as folder, Reporter(None, clock=context.clock, on_terminal=False) as r:
        source, identity = _open_source(job)
        path = _fetch(source, job, folder, context, r)
        plan = make_plan(_probe(path, job, context), job)
        return describe(plan) | {"run": run_name(identity, plan)}


def run_job(job: Job, context: Context, facts: Facts) -> Outcome:
    """Do the whole job and say how it ended; every error becomes an outcome here."""
    status: Status | None = None
    try:
        facts.note(ffmpeg=_check_environment(job, context))
        source, identity = _open_source(job)
        store = _open_store(job)
        status = Status(store, job_id=job.job_id, budget=context.budget, now=context.now)
        status.claim()
        with Reporter(status, clock=context.clock, on_terminal=context.on_terminal) as reporter:
            outcome = _make(
                _Work(job, context, facts, store, status, reporter), source, identity
            )
    except Exception as error:  # noqa: BLE001 (the one place where each error gets its outcome)
        outcome = outcome_of(error)
        if not isinstance(error, WorkerError):
            log.exception("bug")
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
        return published("already published from the same source with the same plan")
    with _work_folder(job) as folder:
        path = _fetch(source, job, folder, work.context, work.reporter)
        work.reporter.begin(Step.PROBE)
        media = _probe(path, job, work.context)
        plan = make_plan(media, job)
        run = run_name(identity, plan)
        work.status.update(run=run)
        log.info("planned", run=run, plan=describe(plan))
        facts.note(run=run, duration_s=float(plan.grid.duration_s), rungs=[r.name for r in plan.rungs])

        checkpoint = Checkpoint(run)
        report = _encode(work, plan, path, folder, checkpoint)
        work.reporter.begin(Step.VERIFY)
        renditions = checkpoint.renditions()
        verify_run(plan, run, renditions, work.store.list(f"{run}/"))
        _warn_of_gaps(plan, report)

        thumbnail = choose_thumbnail(
            plan,
            path,
            folder=folder,
            ffmpeg_path=job.ffmpeg,
            budget=work.context.budget,
            clock=work.context.clock,
        )
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
    job, context = work.job, work.context
    work.reporter.begin(Step.ENCODE, spans=len(plan.spans), preset=plan.spans[0].preset)
    started_s = saved_s = context.clock()
    uploader = Uploader(
        plan=plan, store=work.store, checkpoint=checkpoint, threads=job.upload_threads
    )

    def save_now_and_then() -> None:
        nonlocal saved_s
        if context.clock() - saved_s >= _SAVE_EVERY_S:
            checkpoint.save(work.store)
            saved_s = context.clock()

    encoder = Encoder(
        plan,
        path,
        folder=folder,
        uploader=uploader,
        ffmpeg_path=job.ffmpeg,
        stall_timeout_s=job.stall_timeout_s,
        budget=context.budget,
        clock=context.clock,
        on_progress=lambda p: work.reporter.encoded(p, rate=float(plan.grid.rate)),
        on_tick=save_now_and_then,
    )
    try:
        report = encoder.run()
        uploader.drain(context.budget, save_now_and_then)
    finally:
        uploader.close()
        checkpoint.save(work.store)
    encode_s = context.clock() - started_s
    work.facts.note(
        encode_s=round(encode_s, 2),
        speed=round(float(plan.grid.duration_s) / encode_s, 3),
        segments=checkpoint.count,
        bytes=sum(s.bytes for segments in checkpoint.renditions().values() for s in segments),
        ffmpeg_peak_memory_bytes=report.peak_memory_bytes,
    )
    return report


def _warn_of_gaps(plan: Plan, report: EncodeReport) -> None:
    if has_sound_gap(plan, report) and plan.media.audio is not None:
        log.warning(
            "sound_mostly_undecodable",
            decoded=report.decoded_sounds,
            packets=plan.media.audio.packets.count,
        )


def _check_environment(job: Job, context: Context) -> str:
    return check_environment(
        ffmpeg_path=job.ffmpeg,
        ffprobe_path=job.ffprobe,
        budget=context.budget,
        clock=context.clock,
    )


def _probe(path: Path, job: Job, context: Context) -> Media:
    return probe(path, ffprobe_path=job.ffprobe, budget=context.budget, clock=context.clock)


def _open_source(job: Job) -> tuple[RemoteFile | Path, str]:
    """Find the source, and name its very content."""
    if isinstance(job.source, LocalLocation):
        return job.source.path, identify_file(job.source.path)
    remote: RemoteFile
    if isinstance(job.source, HttpsLocation):
        remote = HttpsSource(job.source, connections=job.upload_threads)
    else:
        remote = S3Source(_client(job), job.source)
    return remote, remote.identity


def _open_store(job: Job) -> Store:
    if isinstance(job.destination, S3Location):
        return S3Store(_client(job), job.destination)
    if isinstance(job.destination, LocalLocation):
        return LocalStore(job.destination.path)
    raise TypeError("an https destination passed the parameters' validation")


def _client(job: Job) -> Any:
    return make_client(
        endpoint=job.s3_endpoint, region=job.s3_region, connections=job.upload_threads
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
        budget=context.budget,
        threads=job.upload_threads,
        on_progress=reporter.fetched,
    )
    return path


@contextlib.contextmanager
def _work_folder(job: Job) -> Iterator[Path]:
    """Make a folder for this job alone, and remove it with all that is in it."""
    try:
        if job.work_dir is not None:
            job.work_dir.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="academy-video-worker-", dir=job.work_dir))
    except OSError as error:
        raise CannotWriteError(
            f"the work folder cannot be made: {error}; name a writable one with --work-dir"
        ) from error
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
