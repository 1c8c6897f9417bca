"""Everything that is known of one job, for a person and for a program."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, explain
from ops.batch.job import RUNNABLE, BatchJob
from ops.batch.log import Line, find_finished, tail
from ops.batch.pending import why_waiting
from ops.batch.result import describe_result, find_result, result_record
from ops.batch.status import StatusFile, describe_progress, read_status
from ops.console import duration

# The last line, which says how a job ended, is among these.
_LEAST_LINES = 20


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
        *(f"  {line}" for line in (log[-lines:] if lines else ())),
    ]


def job_record(aws: Aws, job: BatchJob, *, lines: int) -> dict[str, Any]:
    """Return everything that is known of one job, for a program; None is unknown."""
    log, log_problem = _read_log(aws, job, lines)
    status = read_status(aws, job)
    own = status.of(job.id)
    result = find_result(job, status.record, find_finished(log)) if job.has_ended else None
    return {
        "job_id": job.id,
        "name": job.name,
        "status": job.status,
        "reason": job.reason,
        "created": job.created and job.created.isoformat(),
        "started": job.started and job.started.isoformat(),
        "stopped": job.stopped and job.stopped.isoformat(),
        "queue": job.queue,
        "definition": job.definition,
        "image": job.image,
        "vcpus": job.vcpus,
        "memory_mib": job.memory_mib,
        "parameters": dict(job.parameters),
        "tags": dict(job.tags),
        "result": result and result_record(job, result),
        "waits": list(why_waiting(aws, job)) if job.status == RUNNABLE else [],
        "status_json": own and own.model_dump(mode="json"),
        "log": [line.text for line in log[-lines:]] if lines else [],
        "log_problem": log_problem,
    }


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
            f"times      created {clock(job.created)}, started {clock(job.started)},"
            f" stopped {clock(job.stopped)}{ran} (UTC)"
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
        found = tail(aws, job.streams, count=max(lines, _LEAST_LINES))
    except (BotoCoreError, ClientError) as error:
        return [], f"the log cannot be read: {explain(error)}"
    return found, None if found else "log: there are no lines"


def clock(when: datetime | None) -> str:
    """Return a time as tables have it, in UTC."""
    return when.strftime("%Y-%m-%d %H:%M:%S") if when else "-"
