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
from worker.account import Account
from worker.budget import Budget, stop_on_signals
from worker.environment import take_inventory
from worker.errors import PUBLISHED, BadEnvironmentError, BadParametersError, WorkerError
from worker.job import BATCH_JOB_ID, Job, variable_name
from worker.logs import FINISHED, STARTED, Logs, stream_name
from worker.outcome import Outcome, outcome_of
from worker.parameters import SELF_CHECK, parse_job
from worker.pipeline import Context, Facts, plan_job, run_job
from worker.preview.options import PREVIEW
from worker.process import Tools

_SELF_CHECK_S = 120

log = structlog.get_logger("worker")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one job, or what else the first word asks for, and return its exit status."""
    if arguments[:1] == [PREVIEW]:
        # Imported where it is used: a job needs no web server.
        from worker.preview.command import preview

        return preview(arguments[1:], environment)
    if SELF_CHECK in arguments:
        return _check_self(environment)
    try:
        job = parse_job(arguments, environment)
    except BadParametersError as error:
        Logs(is_terminal=sys.stdout.isatty())
        return _tell(outcome_of(error))
    budget = Budget(time_limit_s=job.time_limit_s, clock=time.monotonic)
    # A printed plan is alone on stdout.
    level = "error" if job.plan_only else job.log_level
    account = Account()
    logs = Logs(
        level=level,
        log_format=job.log_format,
        is_terminal=sys.stdout.isatty(),
        on_warning=account.warned,
    )
    in_batch = bool(environment.get(BATCH_JOB_ID))
    if not job.plan_only and (job.cloudwatch == "on" or (job.cloudwatch == "auto" and in_batch)):
        logs.send_to_cloudwatch(
            region=job.aws_region, group=job.log_group, stream=stream_name(job.job_id)
        )
    try:
        with stop_on_signals(budget), structlog.contextvars.bound_contextvars(job_id=job.job_id):
            context = Context(
                tools=Tools(
                    ffmpeg=job.ffmpeg,
                    ffprobe=job.ffprobe,
                    budget=budget,
                    stall_timeout_s=job.stall_timeout_s,
                ),
                now=lambda: datetime.now(UTC),
                on_terminal=logs.is_human and sys.stdout.isatty(),
                account=account,
            )
            return _print_plan(job, context) if job.plan_only else _run(job, context)
    finally:
        logs.close()


def _run(job: Job, context: Context) -> int:
    facts = Facts()
    log.info(
        STARTED,
        source=str(job.source),
        destination=str(job.destination),
        worker=__version__,
        time_limit_s=job.time_limit_s,
    )
    outcome = run_job(job, context, facts)
    facts.note(elapsed_s=round(context.tools.budget.elapsed_s, 2))
    return _tell(outcome, **facts.values)


def _tell(outcome: Outcome, **facts: object) -> int:
    """Write the last line, and return the exit status that says the same."""
    tell = log.info if outcome.exit_status == 0 else log.error
    tell(
        FINISHED,
        outcome=outcome.name,
        exit_status=outcome.exit_status,
        message=outcome.message,
        resubmit=outcome.resubmit,
        **facts,
    )
    return outcome.exit_status


def _print_plan(job: Job, context: Context) -> int:
    try:
        plan = plan_job(job, context)
    except Exception as error:  # noqa: BLE001 (each error gets its outcome)
        return _tell(outcome_of(error))
    sys.stdout.write(json.dumps(plan, indent=2, ensure_ascii=False) + "\n")
    return PUBLISHED


def _check_self(environment: Mapping[str, str]) -> int:
    """Print what is there, as JSON alone on stdout; status 78 where something is missing."""
    ffmpeg, ffprobe = (
        environment.get(variable_name(name)) or name for name in ("ffmpeg", "ffprobe")
    )
    budget = Budget(time_limit_s=_SELF_CHECK_S, clock=time.monotonic)
    try:
        inventory = take_inventory(Tools(ffmpeg=ffmpeg, ffprobe=ffprobe, budget=budget))
    except WorkerError as error:
        inventory = {"missing": [str(error)]}
    sys.stdout.write(json.dumps(inventory, indent=2) + "\n")
    return BadEnvironmentError.exit_status if inventory["missing"] else PUBLISHED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
