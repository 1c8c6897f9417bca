"""Opens destinations of jobs, with the store and the keys that the jobs use."""

from __future__ import annotations

from collections.abc import Mapping

from ops.aws import Aws
from ops.batch.job import BatchJob
from ops.errors import UsageError
from worker.config.option import variable_name
from worker.config.values import keys_in
from worker.storage.base import Store
from worker.storage.s3 import S3Store


def open_destination(aws: Aws, job: BatchJob, environment: Mapping[str, str]) -> Store:
    """Open the destination of a job; `environment` holds the keys of its store.

    boto3 repeats calls here: there is no job whose budget a wait would spend.

    Raises:
        UsageError: the job names no S3 prefix.

    """
    location = job.destination
    if location is None:
        raise UsageError(f"job {job.id} has no s3:// destination")
    client = aws.s3(
        endpoint=job.environment.get(variable_name("s3_endpoint")) or None,
        region=job.environment.get(variable_name("s3_region")) or None,
        keys=keys_in(environment),
    )
    return S3Store(client, location)
