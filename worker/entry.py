"""The entry point, with all that is imported: parameters in, exit status out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog

from worker import __version__
from worker.callbacks.callbacks import report_refused
from worker.config.callback_options import CallbackOptions, tags_of
from worker.config.cli import (
    SELF_CHECK,
    parse_callback_options,
    parse_job,
    parse_programs,
)
from worker.config.job import BATCH_JOB_ID, Job, academy_of, made_of
from worker.config.location import LocalLocation
from worker.context import Context
from worker.errors import (
    PUBLISHED,
    BadEnvironmentError,
    BadParametersError,
    InternalError,
    TerminatedError,
    WorkerError,
)
from worker.ffmpeg.capabilities import take_inventory
from worker.monitoring.container import read_vcpus
from worker.monitoring.job_stats import JobStats
from worker.monitoring.logs import FINISHED, STARTED, Logs, stream_name
from worker.monitoring.metrics import metric_fields
from worker.monitoring.output import OutputQueue, queued_output
from worker.outcome import JobResult, outcome_of
from worker.pipeline import run_job
from worker.preview.options import PREVIEW
from worker.records.job import Outcome
from worker.records.schema import SCHEMAS, render_schema
from worker.runtime.budget import Budget, stop_on_signals
from worker.runtime.early_signals import EarlySignals
from worker.runtime.resources import cpu_s
from worker.runtime.sandbox import Sandbox, hide_memory
from worker.runtime.workspace import Tools
from worker.source.plan_only import plan_job

SCHEMA = "schema"
_SELF_CHECK_S = 120
_REFUSAL_S = 60

log = structlog.get_logger("worker")


def enter(arguments: Sequence[str], environment: Mapping[str, str], signals: EarlySignals) -> int:
    """Run one job, or what else the first word asks for, and return its exit status."""
    if arguments[:1] in ([PREVIEW], [SCHEMA]) or SELF_CHECK in arguments:
        # They have no outcome to record: they end as other programs do.
        if signals.release():
            return TerminatedError.exit_status
        return _run_other(arguments, environment)
    with queued_output() as output:
        return _run_job(arguments, environment, signals, output)


def _run_other(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    if arguments[:1] == [PREVIEW]:
        # Imported where it is used: a job needs no web server.
        from worker.preview.command import preview

        return preview(arguments[1:], environment)
    if arguments[:1] == [SCHEMA]:
        return _print_schema(arguments[1:])
    return _check_self(arguments, environment)


def _run_job(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    signals: EarlySignals,
    output: OutputQueue,
) -> int:
    hide_memory()
    try:
        job = parse_job(arguments, environment)
    except BadParametersError as error:
        return _refuse(error, parse_callback_options(arguments, environment), signals, output)
    budget = Budget(time_limit_s=job.time_limit_s, clock=time.monotonic)
    stats = JobStats()
    logs = _make_logs(job, stats)
    try:
        with (
            stop_on_signals(budget, signals.received),
            structlog.contextvars.bound_contextvars(job_id=job.job_id, **_tags(job)),
        ):
            if _sends_logs(job, in_batch=bool(environment.get(BATCH_JOB_ID))):
                logs.send_to_cloudwatch(
                    region=job.aws_region,
                    group=job.log_group,
                    stream=stream_name(job.job_id),
                    check=budget.check,
                )
            context = Context(
                budget=budget,
                tools=_tools(job),
                now=_now,
                on_terminal=logs.is_human and sys.stdout.isatty(),
                stats=stats,
                vcpus=read_vcpus(environment),
            )
            run = _print_plan if job.plan_only else _run
            return run(job, context, logs, output)
    finally:
        logs.close()


def _refuse(
    error: BadParametersError,
    callback_options: CallbackOptions | None,
    signals: EarlySignals,
    output: OutputQueue,
) -> int:
    logs = Logs(is_terminal=sys.stdout.isatty())
    outcome = outcome_of(error)
    budget = Budget(time_limit_s=_REFUSAL_S, clock=time.monotonic)
    with stop_on_signals(budget, signals.received):
        report_refused(callback_options, outcome, budget=budget, now=_now)
    return _finish(outcome, JobResult(), logs, output)


def _tags(job: Job) -> dict[str, dict[str, str]]:
    return {"tags": tags_of(job.tag)} if job.tag else {}


def _now() -> datetime:
    return datetime.now(UTC)


def _tools(job: Job) -> Tools:
    # A source that is fetched lies in the work folder.
    local = [each.path for each in job.sources if isinstance(each, LocalLocation)]
    return Tools(
        ffmpeg=job.ffmpeg,
        ffprobe=job.ffprobe,
        stall_timeout_s=job.stall_timeout_s,
        sandbox=Sandbox(job.sandbox, readable=local),
    )


def _make_logs(job: Job, stats: JobStats) -> Logs:
    return Logs(
        # A printed plan is alone on stdout.
        level="error" if job.plan_only else job.log_level,
        log_format=job.log_format,
        is_terminal=sys.stdout.isatty(),
        on_warning=stats.add_warning,
    )


def _sends_logs(job: Job, *, in_batch: bool) -> bool:
    return not job.plan_only and (job.cloudwatch == "on" or (job.cloudwatch == "auto" and in_batch))


def _run(job: Job, context: Context, logs: Logs, output: OutputQueue) -> int:
    log.info(
        STARTED,
        source=str(job.sources[0]),
        **made_of(job),
        destination=str(job.destination),
        worker=__version__,
        time_limit_s=job.time_limit_s,
    )
    result = JobResult.of(job)
    outcome = run_job(job, context, result)
    result.elapsed_s = round(context.budget.elapsed_s, 2)
    result.cpu_s = cpu_s()
    result.vcpus = context.vcpus
    academy = academy_of(job) if logs.has_cloudwatch else None
    return _finish(outcome, result, logs, output, academy=academy)


def _finish(
    outcome: Outcome,
    result: JobResult,
    logs: Logs,
    output: OutputQueue,
    *,
    academy: str | None = None,
) -> int:
    """Write the last line, and return the exit status that it states."""
    has_metrics = logs.has_cloudwatch and not logs.is_human
    logs.deliver()
    result.log_lines_dropped = output.count_dropped() or None
    write = log.info if outcome.exit_status == PUBLISHED else log.error
    fields = outcome.model_dump(mode="json", exclude={"name"}, exclude_none=True)
    fields = {"outcome": outcome.name, **fields, **result.known()}
    if has_metrics:
        now_ms = int(_now().timestamp() * 1000)
        fields |= metric_fields(outcome.name, fields, academy=academy, now_ms=now_ms)
    write(FINISHED, **fields)
    return outcome.exit_status


def _print_plan(job: Job, context: Context, logs: Logs, output: OutputQueue) -> int:
    try:
        plan = plan_job(job, context.tools, context.budget)
        sys.stdout.write(json.dumps(plan, indent=2, ensure_ascii=False) + "\n")
        # A pager reads it as slowly as its user does.
        output.wait(context.budget.check)
    except Exception as error:  # each error gets its outcome
        outcome = outcome_of(error)
        if outcome.exit_status == InternalError.exit_status:
            log.exception("internal_error")
        return _finish(outcome, JobResult(), logs, output)
    return PUBLISHED


def _print_schema(names: Sequence[str]) -> int:
    if len(names) != 1 or names[0] not in SCHEMAS:
        sys.stderr.write(f"{SCHEMA}: name one record: {' or '.join(SCHEMAS)}\n")
        return BadParametersError.exit_status
    sys.stdout.write(render_schema(names[0]))
    return PUBLISHED


def _check_self(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Print what is there, as JSON alone on stdout; status 78 where something is missing."""
    try:
        ffmpeg, ffprobe, mode = parse_programs(arguments, environment)
    except BadParametersError as error:
        sys.stderr.write(f"{SELF_CHECK}: {error}\n")
        return error.exit_status
    budget = Budget(time_limit_s=_SELF_CHECK_S, clock=time.monotonic)
    try:
        tools = Tools(ffmpeg=ffmpeg, ffprobe=ffprobe, sandbox=Sandbox(mode))
        inventory = take_inventory(tools, budget)
    except WorkerError as error:
        inventory = {"missing": [str(error)]}
    sys.stdout.write(json.dumps(inventory, indent=2) + "\n")
    return BadEnvironmentError.exit_status if inventory["missing"] else PUBLISHED
