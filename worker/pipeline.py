"""A job from its start to its outcome: its lease, its steps, its callbacks."""

from __future__ import annotations

import structlog

from worker.callbacks.callbacks import Callbacks, open_callbacks
from worker.config.job import Job
from worker.config.team import answers_for_nobody
from worker.context import Context
from worker.early_steps import steps_for
from worker.errors import (
    PUBLISHED,
    BudgetSpentError,
    InternalError,
    WorkerError,
)
from worker.ffmpeg.capabilities import check_environment
from worker.lead import Lead
from worker.monitoring.progress import Reporter
from worker.outcome import JobResult, outcome_of
from worker.records.job import Outcome
from worker.runtime.resources import peak_memory_bytes
from worker.source.subtitle_files import open_subtitles
from worker.storage.open import open_sources
from worker.team_steps import TeamSteps

log = structlog.get_logger(__name__)


def run_job(job: Job, context: Context, result: JobResult) -> Outcome:
    """Do the whole job and return how it ended; every error becomes an outcome here."""
    budget = context.budget
    lead: Lead | None = None
    result.machine = str(job.machine) if job.machine else None
    callbacks = open_callbacks(job, budget=budget, now=context.now)
    try:
        # First of all, so that every outcome from here on is in status.json.
        lead = Lead(job, context)
        lead.claim()
        if lead.leads:
            callbacks.started(time_limit_s=job.time_limit_s)
        result.ffmpeg = check_environment(context.tools, budget)
        source, subtitles = open_sources(job, budget), open_subtitles(job, budget)
        with Reporter(
            lead.status,
            budget=budget,
            on_terminal=context.on_terminal,
            stats=context.stats,
            on_progress=lead.if_leading(callbacks.progress),
        ) as reporter:
            steps = steps_for(job)(
                job,
                context,
                result,
                lead.store,
                lead.status,
                reporter,
                source,
                subtitles,
                callbacks,
            )
            outcome = TeamSteps(steps, lead.team).run() if lead.team else steps.run()
    except Exception as error:  # the one function where each error gets its outcome
        outcome = outcome_of(error)
        # From now on there is only time for the last log line and status.json.
        budget.stop(error if isinstance(error, WorkerError) else InternalError(outcome.message))
        if isinstance(error, BudgetSpentError) and error.needed_s is not None:
            result.needed_s = round(error.needed_s)
        if outcome.exit_status == InternalError.exit_status:
            log.exception("internal_error")
    _end(job, outcome, lead, callbacks, result)
    result.worker_peak_memory_bytes = peak_memory_bytes()
    return outcome


def _end(
    job: Job, outcome: Outcome, lead: Lead | None, callbacks: Callbacks, result: JobResult
) -> None:
    """Write how the job ended, while the last callback is delivered; again if one was not."""
    has_left = lead.leave(outcome) if lead is not None else not answers_for_nobody(job.machine)
    if has_left:
        # Another machine of the team reports the video, and its figures count once.
        result.leave_to_team()
        callbacks.close()
        return
    result.leads = True if job.machine is not None else None
    if outcome.exit_status != PUBLISHED:
        callbacks.failed(outcome)
    if lead is not None:
        lead.status.end(outcome)
    undelivered = callbacks.close()
    if lead is not None and undelivered:
        lead.status.end(outcome, callbacks_not_delivered=undelivered)
