"""How a job ended, put together from what Batch, status.json and the log say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.batch.job import SUCCEEDED, BatchJob
from ops.errors import UnexpectedError
from worker.errors import PUBLISHED, WorkerError

# Of a failed job whose exit status nobody tells.
UNKNOWN = UnexpectedError.exit_status
KILLED = 137

_KINDS = {kind.exit_status: kind for kind in WorkerError.__subclasses__()}
# What Batch and ECS say of jobs whose worker did not come to say anything itself.
_REASONS = (
    (
        re.compile(r"attempt duration exceeded timeout", re.IGNORECASE),
        "it ran into its time limit (Batch sends SIGTERM, and SIGKILL 30 s later)",
        "resubmit: it goes on from its checkpoint; with --time-limit or more vCPUs if it repeats",
    ),
    (
        re.compile(r"OutOfMemory", re.IGNORECASE),
        "the container as a whole took more memory than the job has",
        "resubmit with more memory (JobMemoryMiB of scripts/deploy), or --parallel-spans 1",
    ),
    (
        re.compile(r"Host EC2 .*terminated", re.IGNORECASE),
        "its machine went away (spot reclaimed, scale-in, failure)",
        "resubmit: it goes on from its checkpoint",
    ),
    (
        re.compile(r"CannotPull(Container|Image)|pull image|manifest unknown", re.IGNORECASE),
        "the image could not be pulled",
        (
            "check that the digest is in ECR (scripts/verify), that it is an arm64 image, and that"
            " the subnets reach ECR; then resubmit"
        ),
    ),
    (
        re.compile(r"exec format error", re.IGNORECASE),
        "the image is of another architecture than the machine",
        "push an arm64 image and deploy it; then resubmit",
    ),
    (
        re.compile(r"CannotCreateContainer|CannotStartContainer|ResourceInitialization"),
        "the container could not be started",
        "the reason says why; mend it and resubmit",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a job ended: `told_by` says who knows the exit status."""

    exit_status: int
    outcome: str
    message: str
    advice: str
    told_by: str


def judge(
    job: BatchJob, status: Mapping[str, Any] | None, finished: Mapping[str, Any] | None
) -> Ending:
    """Put the ending of an ended job together.

    `status`: status.json of its destination; it counts only where it is this job's and has ended.
    `finished`: its `job_finished` line. The container's exit status comes first: it is what Batch
    acted upon.
    """
    words = [
        (name, outcome)
        for name, outcome in (("status.json", _outcome_in(status, job.id)), ("the log", finished))
        if outcome
    ]
    exit_status, told_by = _exit_status(job, words)
    outcome = next((o for _, o in words if o.get("exit_status") == exit_status), None)
    if outcome is not None:
        return Ending(
            exit_status=exit_status,
            outcome=str(outcome.get("name") or outcome.get("outcome")),
            message=str(outcome.get("message", "")),
            advice=_advice(str(outcome.get("resubmit", "no"))),
            told_by=told_by,
        )
    return _without_words(job, exit_status, told_by)


def _outcome_in(status: Mapping[str, Any] | None, job_id: str) -> Mapping[str, Any] | None:
    if not status or status.get("job_id") != job_id or status.get("state") != "ended":
        return None
    outcome = status.get("outcome")
    return outcome if isinstance(outcome, Mapping) else None


def _exit_status(job: BatchJob, words: list[tuple[str, Mapping[str, Any]]]) -> tuple[int, str]:
    if job.status == SUCCEEDED:
        # Batch calls a job so when its container exited with 0, and then only.
        return PUBLISHED, "Batch"
    if job.exit_code:
        return job.exit_code, "the container"
    for name, outcome in words:
        if told := outcome.get("exit_status"):
            return int(told), name
    return UNKNOWN, "nobody"


def _without_words(job: BatchJob, exit_status: int, told_by: str) -> Ending:
    """Explain an ending that the worker itself said nothing about."""
    if exit_status == PUBLISHED:
        return Ending(
            exit_status=exit_status,
            outcome="published",
            message="Batch says that the container exited with 0",
            advice=_advice("no need"),
            told_by=told_by,
        )
    said = "; ".join(filter(None, (job.reason, job.container_reason))) or "Batch gives no reason"
    for pattern, meaning, advice in _REASONS:
        if pattern.search(said):
            return Ending(
                exit_status=exit_status,
                outcome="killed" if exit_status == KILLED else "not known",
                message=f"{meaning}. Batch says: {said}",
                advice=advice,
                told_by=told_by,
            )
    if exit_status == KILLED:
        return Ending(
            exit_status=exit_status,
            outcome="killed",
            message="SIGKILL from outside: out of memory as a whole, or 30 s after a SIGTERM that"
            f" the worker did not obey. Batch says: {said}",
            advice="resubmit on a larger job (JobMemoryMiB of scripts/deploy)",
            told_by=told_by,
        )
    kind = _KINDS.get(exit_status) if told_by != "nobody" else None
    return Ending(
        exit_status=exit_status,
        outcome=kind.outcome if kind else "not known",
        message=f"Batch says: {said}",
        advice=_advice(kind.resubmit)
        if kind
        else "nobody knows the exit status: look at the log, then resubmit once",
        told_by=told_by,
    )


def _advice(resubmit: str) -> str:
    return f"resubmit: {resubmit}"
