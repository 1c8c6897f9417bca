"""How a job ended, put together from what Batch, status.json and the log report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ops.batch.job import SUCCEEDED, BatchJob
from ops.batch.status import is_of
from ops.console import duration
from ops.errors import UnexpectedError
from worker.errors import PUBLISHED, Resubmit, SourceFault, WorkerError
from worker.records.job import MessageRecord, Outcome
from worker.records.status import StatusRecord

# Of a failed job whose exit status nothing reports.
UNKNOWN = UnexpectedError.exit_status
KILLED = 137

_NOT_KNOWN = "not known"
_KINDS = {kind.exit_status: kind for kind in WorkerError.__subclasses__()}

ADVICE: dict[Resubmit, str] = {
    Resubmit.NOT_NEEDED: "nothing: the video is published",
    Resubmit.NO: "do not resubmit: the same job would fail again; the message names what is wrong",
    Resubmit.YES: "resubmit: it continues from its checkpoint",
    Resubmit.LATER: "resubmit later: another job is writing to this destination",
    Resubmit.AFTER_FIX: "fix what the message names, then resubmit",
    Resubmit.ON_LARGER_JOB: "resubmit with more memory (JobMemoryMiB of scripts/deploy)",
    Resubmit.YES_AND_REPORT: "resubmit once, and report the job's id and log to the developers",
}


class Origin(StrEnum):
    """What reports an exit status."""

    BATCH = "Batch"
    CONTAINER = "the container"
    STATUS = "status.json"
    LOG = "the log"
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How a job ended. `code` and `teacher_message` are there with exit status 65."""

    exit_status: int
    origin: Origin
    outcome: str
    message: str
    advice: str
    code: SourceFault | None = None
    teacher_message: MessageRecord | None = None


class Cause(StrEnum):
    """What ended a job whose worker could not report anything, as Batch and ECS name it."""

    TIME_LIMIT = "time_limit"
    OUT_OF_MEMORY = "out_of_memory"
    HOST_LOST = "host_lost"
    CANNOT_PULL = "cannot_pull"
    WRONG_ARCHITECTURE = "wrong_architecture"
    CANNOT_START = "cannot_start"
    NEVER_STARTED = "never_started"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reason:
    """A reason of Batch or ECS, and what it means."""

    cause: Cause
    pattern: re.Pattern[str]
    meaning: str
    advice: str


_REASONS = (
    _Reason(
        cause=Cause.TIME_LIMIT,
        pattern=re.compile(r"attempt duration exceeded timeout", re.IGNORECASE),
        meaning="the job reached its time limit (Batch sends SIGTERM, and SIGKILL 30 s later)",
        advice="resubmit: it continues from its checkpoint; if it happens again, with a longer"
        " --time-limit or more vCPUs",
    ),
    _Reason(
        cause=Cause.OUT_OF_MEMORY,
        pattern=re.compile(r"OutOfMemory", re.IGNORECASE),
        meaning="the container used more memory than the job has",
        advice="resubmit with more memory (JobMemoryMiB of scripts/deploy) or --parallel-spans 1",
    ),
    _Reason(
        cause=Cause.HOST_LOST,
        pattern=re.compile(r"Host EC2 .*terminated", re.IGNORECASE),
        meaning="the instance was terminated (spot reclaim, scale-in, failure)",
        advice="resubmit: it continues from its checkpoint",
    ),
    _Reason(
        cause=Cause.CANNOT_PULL,
        pattern=re.compile(
            r"CannotPull(Container|Image)|pull image|manifest unknown", re.IGNORECASE
        ),
        meaning="the image could not be pulled",
        advice="check that the digest is in ECR (scripts/verify), that it is an arm64 image, and"
        " that the subnets reach ECR; then resubmit",
    ),
    _Reason(
        cause=Cause.WRONG_ARCHITECTURE,
        pattern=re.compile(r"exec format error", re.IGNORECASE),
        meaning="the image is for another architecture than the instance",
        advice="push an arm64 image and deploy it; then resubmit",
    ),
    _Reason(
        cause=Cause.CANNOT_START,
        pattern=re.compile(r"CannotCreateContainer|CannotStartContainer|ResourceInitialization"),
        meaning="the container could not be started",
        advice="fix what the reason names, then resubmit",
    ),
    # The queue's JobStateTimeLimitActions cancel with these.
    _Reason(
        cause=Cause.NEVER_STARTED,
        pattern=re.compile(r"(MISCONFIGURATION|CAPACITY):[A-Z_]+"),
        meaning="no instance could take the job in the time that the queue gives it",
        advice="change what the reason names (InstanceTypes, SubnetIds, MaxVcpus, the job's vCPUs"
        " or memory), then resubmit",
    ),
)


def find_cause(job: BatchJob) -> Cause | None:
    """Return what Batch or ECS says ended a job; None where they name nothing that is known."""
    found = _find_reason(_reasons(job))
    return found.cause if found else None


def find_result(job: BatchJob, status: StatusRecord | None, finished: Outcome | None) -> Result:
    """Return how an ended job ended.

    `status`: status.json of its destination; it counts only where it is this job's and has ended.
    `finished`: the worker's last log line. The container's exit status comes first: it is what
    Batch acted upon. Of an array job status.json does: one child that was killed makes Batch
    call it FAILED, though the others have published.
    """
    reports = [
        (origin, outcome)
        for origin, outcome in (
            (Origin.STATUS, _outcome_in(status, job.id)),
            (Origin.LOG, finished),
        )
        if outcome is not None
    ]
    exit_status, origin = _exit_status(job, reports)
    outcome = next((o for _, o in reports if o.exit_status == exit_status), None)
    if outcome is None:
        return _explain(job, exit_status, origin)
    return Result(
        exit_status=exit_status,
        origin=origin,
        outcome=outcome.name,
        message=outcome.message,
        advice=ADVICE[outcome.resubmit],
        code=outcome.code,
        teacher_message=outcome.teacher_message,
    )


def describe_result(job: BatchJob, result: Result) -> list[str]:
    """Describe how a job ended and what to do, as lines."""
    ran = "" if job.ran_s is None else f", ran {duration(job.ran_s)}"
    origin = (
        "not reported by the job" if result.origin is Origin.NOTHING else f"from {result.origin}"
    )
    lines = [f"outcome    {result.outcome}, exit status {result.exit_status} ({origin}{ran})"]
    if result.code:
        lines.append(f"code       {result.code}")
    lines.append(f"message    {result.message}")
    if sentence := result.teacher_message:
        lines += [f"teacher en {sentence.en}", f"teacher ko {sentence.ko}"]
    return lines if result.exit_status == PUBLISHED else [*lines, f"what to do {result.advice}"]


def result_record(job: BatchJob, result: Result) -> dict[str, Any]:
    """Return how a job ended, for other programs; None is unknown."""
    sentence = result.teacher_message
    return {
        "exit_status": result.exit_status,
        "origin": str(result.origin),
        "outcome": result.outcome,
        "code": result.code and str(result.code),
        "message": result.message,
        "advice": result.advice,
        "teacher_message": sentence and sentence.model_dump(),
        "seconds": job.ran_s,
    }


def _outcome_in(status: StatusRecord | None, job_id: str) -> Outcome | None:
    if status is None or not is_of(status, job_id) or status.state != "ended":
        return None
    return status.outcome


def _exit_status(job: BatchJob, reports: list[tuple[Origin, Outcome]]) -> tuple[int, Origin]:
    if job.array_size is not None and reports and reports[0][0] is Origin.STATUS:
        return reports[0][1].exit_status, Origin.STATUS
    if job.status == SUCCEEDED:
        # Batch calls a job so when its container exited with 0, and then only.
        return PUBLISHED, Origin.BATCH
    if job.exit_code:
        return job.exit_code, Origin.CONTAINER
    for origin, outcome in reports:
        if outcome.exit_status != PUBLISHED:
            return outcome.exit_status, origin
    return UNKNOWN, Origin.NOTHING


def _explain(job: BatchJob, exit_status: int, origin: Origin) -> Result:
    """Explain a job whose worker reported nothing that belongs to this exit status."""
    if exit_status == PUBLISHED:
        return Result(
            exit_status=exit_status,
            origin=origin,
            outcome="published",
            message="the container exited with 0",
            advice=ADVICE[Resubmit.NOT_NEEDED],
        )
    reason = _reasons(job) or "none"
    outcome, meaning, advice = _meaning(exit_status, origin, reason)
    given = f"reason in Batch: {reason}"
    return Result(
        exit_status=exit_status,
        origin=origin,
        outcome=outcome,
        message=f"{meaning}; {given}" if meaning else given,
        advice=advice,
    )


def _meaning(exit_status: int, origin: Origin, reason: str) -> tuple[str, str, str]:
    """Return the outcome, what Batch's reason means, and the advice."""
    killed = exit_status == KILLED
    if found := _find_reason(reason):
        return "killed" if killed else _NOT_KNOWN, found.meaning, found.advice
    if killed:
        meaning = (
            "SIGKILL from outside: the container ran out of memory, or did not end within 30 s of"
            " SIGTERM"
        )
        return "killed", meaning, ADVICE[Resubmit.ON_LARGER_JOB]
    kind = None if origin is Origin.NOTHING else _KINDS.get(exit_status)
    if kind is not None:
        return kind.outcome, "", ADVICE[kind.resubmit]
    return _NOT_KNOWN, "", "read the log (scripts/jobs), then resubmit once"


def _reasons(job: BatchJob) -> str:
    return "; ".join(filter(None, (job.reason, job.container_reason)))


def _find_reason(text: str) -> _Reason | None:
    return next((reason for reason in _REASONS if reason.pattern.search(text)), None)
