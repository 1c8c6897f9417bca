"""Lists jobs, shows one job in detail, follows or terminates it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, explain
from ops.batch.follow import POLL_S, JobFollower
from ops.batch.job import RUNNABLE, STATUSES, BatchJob, fetch_job, moment
from ops.batch.log import Line, find_finished, tail
from ops.batch.pending import why_waiting
from ops.batch.result import describe_result, find_result
from ops.batch.status import StatusFile, describe_progress, read_status
from ops.console import duration, say, show_table
from ops.errors import OK, UsageError
from ops.names import QUEUE

_TAIL = 20
_LIMIT = 30
_HEADING = ("created (UTC)", "status", "exit", "ran", "name", "id", "reason")

EPILOG = """\
Examples:

  scripts/jobs                          the newest jobs of each status
  scripts/jobs --status FAILED          failed ones only
  scripts/jobs 4c7599ae-...             its progress or result, and what to do
  scripts/jobs 4c7599ae-... --follow    follow it to its end; its exit status is this command's
  scripts/jobs 4c7599ae-... --terminate --reason "wrong upload"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a job's id, what to list, and what to do."""
    parser.add_argument("job_id", nargs="?", metavar="JOB_ID", help="show this job in detail")
    parser.add_argument("--status", choices=STATUSES, help="list only these")
    parser.add_argument(
        "--limit",
        type=_positive,
        default=_LIMIT,
        metavar="N",
        help="jobs listed (default: %(default)s)",
    )
    parser.add_argument("--queue", default=QUEUE, help="(default: %(default)s)")
    parser.add_argument(
        "--tail",
        type=_positive,
        default=_TAIL,
        metavar="N",
        help="log lines shown (default: %(default)s)",
    )
    parser.add_argument("--follow", action="store_true", help="follow the job to its end")
    parser.add_argument("--terminate", action="store_true", help="terminate the job (SIGTERM)")
    parser.add_argument(
        "--reason",
        default="terminated with scripts/jobs",
        help="why; Batch keeps it as the job's status reason",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what --terminate would do")
    parser.add_argument(
        "--poll", type=float, default=POLL_S, metavar="SECONDS", help="(default: %(default)s)"
    )


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: write a whole number of 1 or more")
    return number


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """List jobs, or show, follow or terminate one."""
    if arguments.job_id is None:
        if arguments.terminate or arguments.follow:
            raise UsageError("--terminate and --follow need a JOB_ID")
        return _list(arguments, aws)
    if arguments.terminate:
        return _terminate(arguments, aws)
    if arguments.follow:
        return JobFollower(aws=aws, job_id=arguments.job_id, poll_s=arguments.poll).follow()
    job = fetch_job(aws, arguments.job_id)
    for line in describe_job(aws, job, lines=arguments.tail):
        say(line)
    return OK


def _list(arguments: argparse.Namespace, aws: Aws) -> int:
    wanted: Sequence[Any] = (arguments.status,) if arguments.status else STATUSES
    found: list[Mapping[str, Any]] = []
    for status in wanted:
        pages = aws.batch.get_paginator("list_jobs").paginate(
            jobQueue=arguments.queue, jobStatus=status
        )
        for page in pages:
            found += page["jobSummaryList"]
    newest = sorted(found, key=lambda j: j.get("createdAt", 0), reverse=True)[: arguments.limit]
    if not newest:
        say(f"There are no jobs in {arguments.queue}; Batch deletes ended jobs after about a week.")
        return OK
    show_table(_HEADING, map(_row, newest))
    if len(found) > len(newest):
        say(f"{len(found) - len(newest)} older jobs are not shown (--limit).")
    return OK


def _row(summary: Mapping[str, Any]) -> tuple[str, ...]:
    started, stopped = moment(summary.get("startedAt")), moment(summary.get("stoppedAt"))
    ran = duration((stopped - started).total_seconds()) if started and stopped else ""
    exit_code = (summary.get("container") or {}).get("exitCode")
    return (
        _clock(moment(summary.get("createdAt"))),
        summary["status"],
        "" if exit_code is None else str(exit_code),
        ran,
        summary["jobName"],
        summary["jobId"],
        summary.get("statusReason", ""),
    )


def _terminate(arguments: argparse.Namespace, aws: Aws) -> int:
    job = fetch_job(aws, arguments.job_id)
    if job.has_ended:
        say(f"{job.id} has ended already ({job.status}); there is nothing to do.")
    elif arguments.dry_run:
        say(f"would terminate {job.id} ({job.name}), now {job.status}")
    else:
        aws.batch.terminate_job(jobId=job.id, reason=arguments.reason)
        say(f"{job.id} is being terminated; a running worker saves its checkpoint within 30 s.")
    return OK


def describe_job(aws: Aws, job: BatchJob, *, lines: int) -> list[str]:
    """Return everything that is known of one job, as lines."""
    log, log_problem = _read_log(aws, job, lines)
    status = read_status(aws, job)
    return [
        *_facts(job),
        *_standing(aws, job, status, log),
        "",
        *_status_lines(job, status),
        "",
        log_problem or f"log, last {len(log)} lines",
        *(f"  {line}" for line in log[-lines:]),
    ]


def _status_lines(job: BatchJob, status: StatusFile) -> list[str]:
    other = status.record is not None and status.record.job_id != job.id
    whose = f" (of another job: {status.record.job_id})" if status.record and other else ""
    problem = f": {status.problem}" if status.problem else ""
    rows = status.text.splitlines()
    return [f"status.json{whose}{problem}", *(f"  {row}" for row in rows)]


def _facts(job: BatchJob) -> list[str]:
    limit = f", time limit {duration(job.time_limit_s)}" if job.time_limit_s else ""
    memory = f", {job.memory_mib} MiB" if job.memory_mib else ""
    ran = f", ran {duration(job.ran_s)}" if job.ran_s is not None else ""
    facts = [
        f"job        {job.id} ({job.name})",
        f"status     {job.status}" + (f": {job.reason}" if job.reason else ""),
        (
            f"times      created {_clock(job.created)}, started {_clock(job.started)},"
            f" stopped {_clock(job.stopped)}{ran} (UTC)"
        ),
        f"runs as    {job.definition} in {job.queue}{memory}{limit}",
    ]
    if job.image:
        facts.append(f"image      {job.image}")
    if job.exit_code is not None:
        facts.append(f"exit code  {job.exit_code} (the container's)")
    if job.container_reason:
        facts.append(f"container  {job.container_reason}")
    facts += [f"parameter  {name} = {v}" for name, v in sorted(job.parameters.items())]
    return facts


def _standing(aws: Aws, job: BatchJob, status: StatusFile, log: list[Line]) -> list[str]:
    if job.has_ended:
        return describe_result(job, find_result(job, status.record, find_finished(log)))
    if record := status.of(job.id):
        return [f"progress   {describe_progress(record)}"]
    if job.status == RUNNABLE:
        return [f"waits      {reason}" for reason in why_waiting(aws, job)]
    return []


def _read_log(aws: Aws, job: BatchJob, lines: int) -> tuple[list[Line], str | None]:
    try:
        found = tail(aws, job.streams, count=max(lines, _TAIL))
    except (BotoCoreError, ClientError) as error:
        return [], f"the log cannot be read: {explain(error)}"
    return found, None if found else "log: there are no lines"


def _clock(when: datetime | None) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S") if when else "-"
