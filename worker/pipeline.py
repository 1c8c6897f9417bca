"""A job from its start to its outcome: its lease, its steps, its callbacks."""

from __future__ import annotations

import structlog

from worker.callbacks.callbacks import Callbacks, open_callbacks
from worker.config.job import Job
from worker.errors import (
    BudgetSpentError,
    InternalError,
    WorkerError,
)
from worker.ffmpeg.capabilities import check_environment
from worker.monitoring.progress import Reporter
from worker.monitoring.status import Status
from worker.outcome import JobResult, outcome_of
from worker.records.job import Outcome
from worker.runtime.resources import peak_memory_bytes
from worker.source.subtitle_files import open_subtitles
from worker.steps import Context, Steps
from worker.storage.lease import ANSWER_S
from worker.storage.open import open_source, open_store

# Within that of the last write of status.json, which follows.
_CLAIM_GRACE_S = 8.0

log = structlog.get_logger(__name__)


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
        source, subtitles = open_source(job, budget), open_subtitles(job, budget)
        with Reporter(
            status,
            budget=budget,
            on_terminal=context.on_terminal,
            stats=context.stats,
            on_progress=callbacks.progress,
        ) as reporter:
            steps = Steps(
                job, context, result, store, status, reporter, source, subtitles, callbacks
            )
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
    result.worker_peak_memory_bytes = peak_memory_bytes()
    return outcome


def _end(outcome: Outcome, status: Status | None, callbacks: Callbacks) -> None:
    """Write how the job ended, while the last callback is delivered; again if one was not."""
    if status is not None:
        status.end(outcome)
    undelivered = callbacks.close()
    if status is not None and undelivered:
        status.end(outcome, callbacks_not_delivered=undelivered)
