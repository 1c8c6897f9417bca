"""The job, step by step: fetch, probe, plan, recall, encode and upload, verify, images, publish."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import structlog

from worker import __version__
from worker.callbacks.callbacks import Callbacks, open_callbacks
from worker.config.callback_options import tags_of
from worker.config.job import Job
from worker.encode.run import encode_run
from worker.errors import (
    BadSourceError,
    BudgetSpentError,
    InternalError,
    NoSourceError,
    VerificationError,
    WorkerError,
)
from worker.ffmpeg.capabilities import check_environment
from worker.hls.run import Run
from worker.images.generate import ImageContext, generate_images
from worker.images.model import ImageSet
from worker.layout import MASTER
from worker.monitoring.job_stats import JobStats
from worker.monitoring.progress import Reporter, Step
from worker.monitoring.status import Status
from worker.outcome import JobResult, outcome_of, published
from worker.plan.digest import request_digest, run_name
from worker.plan.plan import Plan, describe
from worker.publish.leftovers import delete_leftovers, delete_unpublished
from worker.publish.manifest import Origin, is_published, read_manifest
from worker.publish.publish import Publication, Published, publish
from worker.records.job import Outcome
from worker.records.manifest import ManifestRecord
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools, Workspace, open_workspace
from worker.source.prepare import PlannedSource, fetch, plan_source
from worker.source.subtitles import make_subtitles
from worker.storage.lease import ANSWER_S
from worker.storage.open import OpenedSource, open_source, open_store
from worker.storage.retrying import RetryingStore
from worker.upload.listing import list_run
from worker.upload.verify import verify_run

# Within that of the last write of status.json, which follows.
_CLAIM_GRACE_S = 8.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a job runs with: budget, programs, the calendar, and whether a person watches."""

    budget: Budget
    tools: Tools
    now: Callable[[], datetime]
    on_terminal: bool
    stats: JobStats = field(default_factory=JobStats)


def run_job(job: Job, context: Context, result: JobResult) -> Outcome:
    """Do the whole job and return how it ended; every error becomes an outcome here."""
    budget = context.budget
    status: Status | None = None
    callbacks = open_callbacks(job, budget=budget, now=context.now)
    try:
        # First of all, so that every outcome from here on is in status.json.
        store = open_store(job, budget)
        # A stop that came before leaves time to claim it, or status.json would not record it.
        leased = open_store(job, budget, answer_s=ANSWER_S).with_grace(_CLAIM_GRACE_S)
        status = Status(leased, job_id=job.job_id, budget=budget, now=context.now)
        status.claim()
        callbacks.started(time_limit_s=job.time_limit_s)
        store = store.guarded(status.check_held)
        result.ffmpeg = check_environment(context.tools, budget)
        source = open_source(job, budget)
        with Reporter(
            status,
            budget=budget,
            on_terminal=context.on_terminal,
            stats=context.stats,
            on_progress=callbacks.progress,
        ) as reporter:
            steps = _Steps(job, context, result, store, status, reporter, source, callbacks)
            outcome = steps.run()
    except Exception as error:  # the one function where each error gets its outcome
        outcome = outcome_of(error)
        # From now on there is only time for the last log line and status.json.
        budget.stop(error if isinstance(error, WorkerError) else InternalError(outcome.message))
        if isinstance(error, BudgetSpentError) and error.needed_s is not None:
            result.needed_s = round(error.needed_s)
        if outcome.exit_status == InternalError.exit_status:
            log.exception("internal_error")
        callbacks.failed(outcome)
    _end(outcome, status, callbacks)
    result.worker_peak_memory_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return outcome


def _end(outcome: Outcome, status: Status | None, callbacks: Callbacks) -> None:
    """Write how the job ended, while the last callback is delivered; again if one was not."""
    if status is not None:
        status.end(outcome)
    undelivered = callbacks.close()
    if status is not None and undelivered:
        status.end(outcome, callbacks_not_delivered=undelivered)


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps of one job, in the order in which `run` takes them."""

    job: Job
    context: Context
    result: JobResult
    store: RetryingStore
    status: Status
    reporter: Reporter
    source: OpenedSource
    callbacks: Callbacks

    def run(self) -> Outcome:
        """Publish the source, unless it is published already."""
        request = request_digest(self.source.identity, self.job)
        previous = read_manifest(self.store)
        if previous and is_published(self.store, previous, request):
            return self._already_published(previous)
        context = self.context
        with (
            open_workspace(
                self.job.work_dir, tools=context.tools, budget=context.budget
            ) as workspace,
            self._of_one_source(previous),
        ):
            path = self._fetch(workspace)
            origin_bytes = path.stat().st_size
            self.reporter.begin(Step.PROBE)
            planned = plan_source(path, self.job, workspace)
            name = self._name_run(planned.plan)
            run = self._encode(planned, name, workspace)
            self._check_source(previous)
            self.reporter.begin(Step.VERIFY)
            verify_run(run, list_run(run, self.store, context.budget))
            run = replace(run, texts=make_subtitles(run.plan, planned.path, workspace))
            images = self._generate_images(run, planned.path, workspace)
            origin = self._origin(request, origin_bytes)
            self._check_source(previous)
            published = self._publish(run, images, origin, previous)
        self._delete_leftovers(published, previous)
        self.reporter.begin(Step.END)
        return self._published(published.manifest)

    def _already_published(self, manifest: ManifestRecord) -> Outcome:
        self.result.run = manifest.run
        self.result.already_published = True
        self.reporter.begin(Step.END)
        self.callbacks.published(manifest, already_published=True)
        return published("already published from the same source with the same options")

    @contextlib.contextmanager
    def _of_one_source(self, previous: ManifestRecord | None) -> Iterator[None]:
        """Report a source that was replaced as that, and not as damaged, where both are true."""
        try:
            yield
        except (BadSourceError, VerificationError):
            self._check_source(previous)
            raise

    def _check_source(self, previous: ManifestRecord | None) -> None:
        """Make sure that the run is of one source.

        If it is not, its segments are deleted: a later job, for which the first source was put
        back, would take them for that source's. A run that is published is left to its viewers.
        """
        try:
            self.source.check_unchanged()
        except NoSourceError:
            if run := self.result.run:
                self._delete_mixed_run(run, previous)
            raise

    def _delete_mixed_run(self, run: str, previous: ManifestRecord | None) -> None:
        try:
            delete_unpublished(self.store.with_grace(_CLAIM_GRACE_S), run, previous)
        except WorkerError as error:
            log.warning("mixed_run_not_deleted", run=run, reason=str(error))

    def _fetch(self, workspace: Workspace) -> Path:
        return fetch(
            self.source.content,
            self.job,
            workspace,
            on_begin=lambda size: self.reporter.begin(Step.FETCH, bytes=size),
            on_progress=self.reporter.fetched,
        )

    def _name_run(self, plan: Plan) -> str:
        name = run_name(self.source.identity, plan)
        self.status.update(run=name)
        self.result.run = name
        self.result.duration_s = round(float(plan.grid.duration_s), 3)
        self.result.rungs = [rung.name for rung in plan.rungs]
        log.info(
            "planned",
            run=name,
            duration_s=self.result.duration_s,
            rungs=self.result.rungs,
            rate=str(plan.grid.rate),
            plan=describe(plan),
        )
        return name

    def _encode(self, planned: PlannedSource, name: str, workspace: Workspace) -> Run:
        encoded = encode_run(
            planned.plan,
            name,
            planned.path,
            workspace,
            store=self.store,
            reporter=self.reporter,
            threads=self.job.upload_threads,
        )
        result = self.result
        result.rungs = [rung.name for rung in encoded.run.rungs]
        result.encode_s, result.speed = encoded.encode_s, encoded.speed
        result.segments, result.segments_resumed = encoded.segments, encoded.segments_resumed
        result.bytes = encoded.bytes
        result.ffmpeg_peak_memory_bytes = encoded.ffmpeg_peak_memory_bytes
        return encoded.run

    def _generate_images(self, run: Run, path: Path, workspace: Workspace) -> ImageSet:
        context = ImageContext(
            run=run, store=self.store, workspace=workspace, threads=self.job.upload_threads
        )
        return generate_images(context, path, with_chapters=self.job.chapters)

    def _origin(self, request: str, source_bytes: int) -> Origin:
        result = self.result
        return Origin(
            request=request,
            identity=self.source.identity,
            source=str(self.job.source),
            source_bytes=source_bytes,
            job_id=self.job.job_id,
            tags=tags_of(self.job.tag),
            published_at=self.context.now().isoformat(),
            worker_version=__version__,
            ffmpeg_version=result.ffmpeg or "unknown",
            job=self.context.stats.record(
                encode_s=result.encode_s,
                speed=result.speed,
                segments=result.segments,
                segments_resumed=result.segments_resumed,
            ),
        )

    def _publish(
        self, run: Run, images: ImageSet, origin: Origin, previous: ManifestRecord | None
    ) -> Published:
        self.reporter.begin(Step.PUBLISH)
        return publish(
            Publication(
                run=run,
                images=images,
                origin=origin,
                previous=previous,
                with_report=self.job.report,
            ),
            self.store,
            confirm=self.status.confirm,
            threads=self.job.upload_threads,
        )

    def _delete_leftovers(self, published: Published, previous: ManifestRecord | None) -> None:
        try:
            delete_leftovers(self.store, published, previous)
        except WorkerError as error:
            log.warning("leftovers_not_deleted", reason=str(error))

    def _published(self, manifest: ManifestRecord) -> Outcome:
        self.callbacks.published(manifest, already_published=False)
        without = ", ".join(manifest.missing_rungs)
        return published(
            f"published {self.job.destination}/{MASTER}"
            + (f" without {without}, for lack of time; submit again to add it" if without else "")
        )
