"""The door: parameters in, exit status out. The only place that exits."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog

from worker import __version__
from worker.budget import Budget, stop_on_signals
from worker.errors import BadParametersError
from worker.job import BATCH_JOB_ID, Job, parse_job
from worker.logs import FINISHED, STARTED, Logs
from worker.outcome import Outcome, outcome_of, published
from worker.pipeline import Context, Facts, plan_job, run_job
from worker.process import Tools

log = structlog.get_logger("worker")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one job and return its exit status."""
    try:
        job = parse_job(arguments, environment)
    except BadParametersError as error:
        outcome = outcome_of(error)
        sys.stderr.write(f"bad parameters: {error}\n")
        return outcome.exit_status
    budget = Budget(time_limit_s=job.time_limit_s, clock=time.monotonic)
    logs = Logs(job, in_batch=bool(environment.get(BATCH_JOB_ID)), is_terminal=sys.stdout.isatty())
    try:
        with stop_on_signals(budget), structlog.contextvars.bound_contextvars(job_id=job.job_id):
            context = Context(
                tools=Tools(ffmpeg=job.ffmpeg, ffprobe=job.ffprobe, budget=budget),
                now=lambda: datetime.now(UTC),
                on_terminal=logs.is_human and sys.stdout.isatty(),
            )
            outcome = _print_plan(job, context) if job.plan_only else _run(job, context)
    finally:
        logs.close()
    return outcome.exit_status


def _run(job: Job, context: Context) -> Outcome:
    facts = Facts()
    log.info(
        STARTED,
        source=str(job.source),
        destination=str(job.destination),
        worker=__version__,
        time_limit_s=job.time_limit_s,
    )
    outcome = run_job(job, context, facts)
    tell = log.info if outcome.exit_status == 0 else log.error
    tell(
        FINISHED,
        outcome=outcome.name,
        exit_status=outcome.exit_status,
        message=outcome.message,
        resubmit=outcome.resubmit,
        elapsed_s=round(context.tools.budget.elapsed_s, 2),
        **facts.values,
    )
    return outcome


def _print_plan(job: Job, context: Context) -> Outcome:
    try:
        plan = plan_job(job, context)
    except Exception as error:  # noqa: BLE001 (each error gets its outcome)
        outcome = outcome_of(error)
        sys.stderr.write(f"{outcome.name}: {outcome.message}\n")
        return outcome
    sys.stdout.write(json.dumps(plan, indent=2, ensure_ascii=False) + "\n")
    return published("the plan was printed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
