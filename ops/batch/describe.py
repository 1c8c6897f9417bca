"""Everything that is known of one job, for a person and for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, explain
from ops.batch.array import (
    count_machines,
    fetch_children,
    find_array_result,
    find_last,
    machine_seconds,
    machines_of,
)
from ops.batch.job import RUNNABLE, BatchJob
from ops.batch.log import Line, find_finished, tail
from ops.batch.pending import why_waiting
from ops.batch.result import Result, describe_result, find_result, result_record
from ops.batch.status import StatusFile, describe_progress, read_status
from ops.console import duration
from worker.records.status import StatusRecord

# The last line, which says how a job ended, is among these.
_LEAST_LINES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What was read of a job; `logged`: whose lines the log is, one machine's of an array job."""

    job: BatchJob
    children: Sequence[BatchJob]
    status: StatusFile
    logged: BatchJob
    log: list[Line]
    log_problem: str | None

    @property
    def record(self) -> StatusRecord | None:
        """status.json where it is the job's."""
        return self.status.of(self.job.id)

    @property
    def result(self) -> Result | None:
        """How the job ended; None where it has not."""
        finished = find_finished(self.log)
        if self.job.array_size is not None:
            return find_array_result(self.job, self.record, self.children, finished)
        if not self.job.has_ended:
            return None
        return find_result(self.job, self.status.record, finished)


def describe_job(aws: Aws, job: BatchJob, *, lines: int) -> list[str]:
    """Return everything that is known of one job, as lines."""
    known = _read(aws, job, lines)
    whose = "" if known.logged is job else f" of {known.logged.id}"
    return [
        *_facts(known.job),
        *_machines(known),
        *_standing(aws, known),
        "",
        *_status_lines(job, known.status),
        "",
        known.log_problem or f"log{whose}, last {len(known.log)} lines",
        *(f"  {line}" for line in (known.log[-lines:] if lines else ())),
    ]


def job_record(aws: Aws, job: BatchJob, *, lines: int) -> dict[str, Any]:
    """Return everything that is known of one job, for a program; None is unknown."""
    known = _read(aws, job, lines)
    record, result = known.record, known.result
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
        "machines": [each.record for each in machines_of(known.children, record)],
        "machine_seconds": machine_seconds(job, known.children),
        "result": result and result_record(job, result),
        "waits": list(why_waiting(aws, waiting)) if (waiting := _waiting(known)) else [],
        "status_json": record and record.model_dump(mode="json"),
        "log": [line.text for line in known.log[-lines:]] if lines else [],
        "log_problem": known.log_problem,
    }


def _read(aws: Aws, job: BatchJob, lines: int) -> _Known:
    children = fetch_children(aws, job)
    status = read_status(aws, job)
    logged = _logged(job, children, status.of(job.id))
    log, log_problem = _read_log(aws, logged, lines)
    return _Known(
        job=job,
        children=children,
        status=status,
        logged=logged,
        log=log,
        log_problem=log_problem,
    )


def _logged(job: BatchJob, children: Sequence[BatchJob], record: StatusRecord | None) -> BatchJob:
    """Return whose log says most: of an array job the machine that leads, or else the last one."""
    leading = record.job_id if record else None
    last = find_last(children)
    return next((child for child in children if child.id == leading), last or job)


def _machines(known: _Known) -> list[str]:
    if not known.children:
        return []
    counts: Counter[str] = Counter(child.status for child in known.children)
    ran_s = machine_seconds(known.job, known.children)
    ran = f", ran {duration(ran_s)} in all" if ran_s is not None else ""
    machines = machines_of(known.children, known.record)
    head = f"machines   {count_machines(len(machines), counts)}{ran}"
    alone = known.record.alone if known.record else None
    why = [f"alone      one machine makes the video: {alone}"] if alone else []
    return [head, *(f"  {each.text}" for each in machines), *why]


def _status_lines(job: BatchJob, status: StatusFile) -> list[str]:
    other = status.record is not None and status.of(job.id) is None
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


def _standing(aws: Aws, known: _Known) -> list[str]:
    if result := known.result:
        return describe_result(known.job, result)
    if record := known.record:
        return [f"progress   {describe_progress(record)}"]
    if waiting := _waiting(known):
        return [f"waits      {reason}" for reason in why_waiting(aws, waiting)]
    return []


def _waiting(known: _Known) -> BatchJob | None:
    jobs = known.children or (known.job,)
    return next((job for job in jobs if job.status == RUNNABLE), None)


def _read_log(aws: Aws, job: BatchJob, lines: int) -> tuple[list[Line], str | None]:
    try:
        found = tail(aws, job.streams, count=max(lines, _LEAST_LINES))
    except (BotoCoreError, ClientError) as error:
        return [], f"the log cannot be read: {explain(error)}"
    return found, None if found else "log: there are no lines"


def clock(when: datetime | None) -> str:
    """Return a time as tables have it, in UTC."""
    return when.strftime("%Y-%m-%d %H:%M:%S") if when else "-"
