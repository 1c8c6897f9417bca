"""How the jobs of rows stand and end, read from Batch for many at a time."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws
from ops.batch.array import fetch_children, machine_seconds, with_end_of
from ops.batch.job import PENDING, RUNNING, SUCCEEDED, BatchJob
from ops.batch.log import find_finished, tail
from ops.batch.result import UNKNOWN, Result, find_result
from ops.batch.status import read_status
from ops.bulk.state import EndState, RowEnd
from worker.errors import PUBLISHED, BadSourceError
from worker.records.job import Outcome

_LAST_LINES = 20

_STATES: Mapping[int, EndState] = {PUBLISHED: "published", BadSourceError.exit_status: "refused"}

FORGOTTEN = RowEnd(
    state="failed",
    exit_status=UNKNOWN,
    outcome="not known",
    message="Batch has no such job any more, and its end was not recorded",
    advice="see manifest.json and status.json of the destination",
)


def is_running(job: BatchJob) -> bool:
    """Whether its container runs, or that of one of its machines may.

    An array job is PENDING from the first child that waits for a machine to the last one's end.
    """
    return job.status == RUNNING or (job.array_size is not None and job.status == PENDING)


def read_end(aws: Aws, job: BatchJob) -> RowEnd:
    """Return how an ended job ended; the seconds of an array job are those of all machines."""
    children = fetch_children(aws, job)
    ran_s = machine_seconds(job, children)
    if job.status == SUCCEEDED:
        # Batch acted upon the container's 0: no file says more of it.
        return RowEnd(
            state="published",
            exit_status=PUBLISHED,
            outcome="published",
            seconds=ran_s,
            vcpus=job.vcpus,
        )
    result = read_result(aws, with_end_of(job, children))
    return RowEnd(
        state=_STATES.get(result.exit_status, "failed"),
        exit_status=result.exit_status,
        outcome=result.outcome,
        code=result.code,
        message=result.message,
        advice=result.advice,
        teacher_message=result.teacher_message,
        seconds=ran_s,
        vcpus=job.vcpus,
    )


def read_result(aws: Aws, job: BatchJob) -> Result:
    """Return how an ended job ended, from its status.json, or else from its log."""
    status = read_status(aws, job)
    return find_result(job, status.record, None if status.of(job.id) else _finished(aws, job))


def _finished(aws: Aws, job: BatchJob) -> Outcome | None:
    try:
        return find_finished(tail(aws, job.streams, count=_LAST_LINES))
    except (BotoCoreError, ClientError):
        # Without the log the result says less, and that it is not known.
        return None
