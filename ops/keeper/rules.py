"""What is to be done about each way in which a job can fail. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ops.batch.job import BatchJob
from ops.batch.result import KILLED, Cause, Origin, Result, find_cause
from worker.errors import Resubmit, WorkerError

_OUTCOMES = {kind.exit_status: kind for kind in WorkerError.__subclasses__()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A failure that is resubmitted.

    `cause` names it in tags and reports. `times`: at most so often for this cause; None: as often
    as for any. `needs_memory`: only with more of it. `is_reported`: a person hears of it, too.
    """

    cause: str
    times: int | None = None
    needs_memory: bool = False
    is_reported: bool = False


_BY_CAUSE = {
    Cause.TIME_LIMIT: Rule(cause=Cause.TIME_LIMIT),
    Cause.HOST_LOST: Rule(cause=Cause.HOST_LOST),
    Cause.OUT_OF_MEMORY: Rule(cause=Cause.OUT_OF_MEMORY, needs_memory=True),
    # Of a registry that did not answer; of an image that is gone, a second pull says the same.
    Cause.CANNOT_PULL: Rule(cause=Cause.CANNOT_PULL, times=1),
}
# SIGKILL and no reason: the kernel kills so for lack of memory, in the container as a whole.
_KILLED = Rule(cause="killed", needs_memory=True)


def find_rule(job: BatchJob, result: Result) -> Rule | None:
    """Return how a failed job is resubmitted; None: not by a program.

    What the worker's own exit status says comes first. Of a container that was killed, or never
    started, it is the reason in Batch.
    """
    kind = _OUTCOMES.get(result.exit_status)
    if result.origin is Origin.CONTAINER and result.exit_status != KILLED:
        return _rule_of(kind)
    if cause := find_cause(job):
        return _BY_CAUSE.get(cause)
    if result.origin is Origin.CONTAINER:
        return _KILLED
    return _rule_of(kind) if result.origin is Origin.STATUS else None


def _rule_of(kind: type[WorkerError] | None) -> Rule | None:
    if kind is None:
        return None
    match kind.resubmit:
        # LATER: whoever had the destination has ended, or this would not be asked.
        case Resubmit.YES | Resubmit.LATER:
            return Rule(cause=kind.outcome)
        case Resubmit.ON_LARGER_JOB:
            return Rule(cause=kind.outcome, needs_memory=True)
        case Resubmit.YES_AND_REPORT:
            return Rule(cause=kind.outcome, times=1, is_reported=True)
        case _:
            return None
