"""status.json of a job's destination, as an operator reads it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, code_of, explain
from ops.batch.job import BatchJob
from ops.console import duration
from worker.config.location import S3Location
from worker.config.option import variable_name
from worker.config.team import team_of
from worker.config.values import keys_in
from worker.layout import STATUS
from worker.records.base import UnreadableRecordError
from worker.records.status import StatusRecord

_MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "404"})


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusFile:
    """What is at the destination: the record, or the problem with it.

    `is_missing`: nothing is there, as is normal until a job's worker has started. `text` is what is
    there, also where it is no record that can be read.
    """

    record: StatusRecord | None = None
    text: str = ""
    problem: str | None = None
    is_missing: bool = False

    def of(self, job_id: str) -> StatusRecord | None:
        """Return the record where it is this job's, not that of one before or after it."""
        record = self.record
        return record if record is not None and is_of(record, job_id) else None


def is_of(record: StatusRecord, job_id: str) -> bool:
    """Whether a record is a job's: also an array job's, and that of each of its children.

    The machines of a team share one status.json, which the one that leads writes.
    """
    return job_id == record.job_id or (record.team is not None and record.team == team_of(job_id))


def read_status(aws: Aws, job: BatchJob) -> StatusFile:
    """Read status.json; that it cannot be read is an answer too, and no error."""
    location = job.destination
    if location is None:
        return StatusFile(problem="the job has no s3:// destination")
    try:
        data = _fetch(aws, job, location)
    except ClientError as error:
        if code_of(error) in _MISSING:
            return StatusFile(problem=f"there is no {STATUS} at {location}", is_missing=True)
        return StatusFile(problem=str(explain(error)))
    except BotoCoreError as error:
        return StatusFile(problem=str(explain(error)))
    text = data.decode(errors="replace")
    try:
        return StatusFile(record=StatusRecord.from_json(data), text=text)
    except UnreadableRecordError as error:
        problem = f"{STATUS} at {location} is no record of this version: {error}"
        return StatusFile(text=text, problem=problem)


def describe_progress(record: StatusRecord) -> str:
    """Return the progress of a job as one line."""
    text = f"{record.step} {record.percent:.0f} %"
    left = record.seconds_left
    return text if left is None else f"{text}, about {duration(left)} left"


def _fetch(aws: Aws, job: BatchJob, location: S3Location) -> bytes:
    client = aws.s3(
        endpoint=job.environment.get(variable_name("s3_endpoint")) or None,
        region=job.environment.get(variable_name("s3_region")) or None,
        keys=keys_in(os.environ),
    )
    answer = client.get_object(Bucket=location.bucket, Key=f"{location.key}/{STATUS}")
    return answer["Body"].read()
