"""status.json of a job's destination, as an operator reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, code_of, explain
from ops.batch.job import BatchJob
from ops.console import duration
from worker.config.option import variable_name
from worker.layout import STATUS

_NOT_THERE = frozenset({"NoSuchKey", "NoSuchBucket", "404"})


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusFile:
    """What is there: `fields`, or why there are none."""

    fields: Mapping[str, Any] | None = None
    problem: str | None = None

    def of(self, job_id: str) -> Mapping[str, Any] | None:
        """Return the fields where they are this job's, not those of one before or after it."""
        fields = self.fields
        return fields if fields is not None and fields.get("job_id") == job_id else None


def read_status(aws: Aws, job: BatchJob) -> StatusFile:
    """Read status.json; that it cannot be read is an answer too, and no error."""
    place = job.destination
    if place is None:
        return StatusFile(problem="the job has no s3:// destination")
    try:
        client = aws.s3(
            endpoint=job.environment.get(variable_name("s3_endpoint")) or None,
            region=job.environment.get(variable_name("s3_region")) or None,
        )
        answer = client.get_object(Bucket=place.bucket, Key=f"{place.key}/{STATUS}")
        fields = json.loads(answer["Body"].read())
    except ClientError as error:
        if code_of(error) in _NOT_THERE:
            return StatusFile(problem=f"there is no {STATUS} (yet) at {place}")
        return StatusFile(problem=str(explain(error)))
    except BotoCoreError as error:
        return StatusFile(problem=str(explain(error)))
    except ValueError:
        return StatusFile(problem=f"{STATUS} at {place} is not JSON")
    return StatusFile(fields=fields) if isinstance(fields, dict) else StatusFile()


def describe_progress(fields: Mapping[str, Any]) -> str:
    """Say in a line how far a job is."""
    text = f"{fields.get('step', '?')} {fields.get('percent', 0):.0f} %"
    left = fields.get("seconds_left")
    return text if left is None else f"{text}, about {duration(left)} left"
