"""How the jobs of rows stand and end, read from Batch for many at a time."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws
from ops.batch.job import RUNNING, SUCCEEDED, BatchJob
from ops.batch.log import find_finished, tail
from ops.batch.result import UNKNOWN, Result, find_result
from ops.batch.status import read_status
from ops.bulk.state import RowEnd
from worker.errors import PUBLISHED, BadSourceError
from worker.records.job import Outcome

_LAST_LINES = 20

FORGOTTEN = RowEnd(
    state="failed",
    exit_status=UNKNOWN,
    outcome="not known",
    message="Batch has no such job any more, and its end was not recorded",
    advice="see manifest.json and status.json of the destination",
)


def is_running(job: BatchJob) -> bool:
    """Whether its container runs."""
    return job.status == RUNNING


def read_end(aws: Aws, job: BatchJob) -> RowEnd:
    """Return how an ended job ended."""
    if job.status == SUCCEEDED:
        # Batch acted upon the container's 0: no file says more of it.
        return RowEnd(
            state="published",
            exit_status=PUBLISHED,
            outcome="published",
            seconds=job.ran_s,
            vcpus=job.vcpus,
        )
    result = read_result(aws, job)
    is_refused = result.exit_status == BadSourceError.exit_status
    return RowEnd(
        state="refused" if is_refused else "failed",
        exit_status=result.exit_status,
        outcome=result.outcome,
        code=result.code,
        message=result.message,
        advice=result.advice,
        teacher_message=result.teacher_message,
        seconds=job.ran_s,
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
