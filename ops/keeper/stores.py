"""Opens destinations and sources of jobs, with the stores and the keys that the jobs use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ops.aws import Aws
from ops.batch.job import BatchJob
from ops.errors import UsageError
from ops.keeper.bucket import Allowance, Bucket
from ops.keeper.clean import Cleaner
from ops.keeper.report import Report
from worker.config.location import S3Location, parse_location
from worker.config.option import variable_name
from worker.config.values import StoreKeys, keys_in
from worker.storage.base import Store
from worker.storage.s3 import S3Store
from worker.storage.s3_source import S3Source

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_s3 import S3Client

# What stands for AWS where a URL names another store.
_AWS = "aws"


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


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanSettings:
    """What is deleted; None: nothing of it. `below`: `s3://bucket/prefix`, of destinations."""

    below: str
    runs_after_days: float | None
    uploads_after_days: float | None
    max_requests: int


def open_cleaner(
    aws: Aws,
    settings: CleanSettings,
    environment: Mapping[str, str],
    *,
    report: Report,
    now: datetime,
) -> Cleaner:
    """Make what cleans, with the stores that `environment` names as a job's does.

    What `report` says of the queue is left alone.

    Raises:
        UsageError: `below` is no S3 prefix.

    """
    below = _read_prefix(settings.below)
    client = aws.s3(
        endpoint=environment.get(variable_name("s3_endpoint")) or None,
        region=environment.get(variable_name("s3_region")) or None,
        keys=keys_in(environment),
    )
    sources = _source_client(aws, client, environment)

    def delete_source(source: S3Location) -> None:
        sources.delete_object(Bucket=source.bucket, Key=source.key)

    return Cleaner(
        bucket=Bucket(
            client=client, name=below.bucket, allowance=Allowance(left=settings.max_requests)
        ),
        prefix=f"{below.key}/" if below.key else "",
        now=now,
        runs_after=_days(settings.runs_after_days),
        uploads_after=_days(settings.uploads_after_days),
        open_source=lambda source: S3Source(sources, source),
        delete_source=delete_source,
        is_busy=report.busy.__contains__,
        is_needed=report.needed.__contains__,
        dry_run=report.dry_run,
    )


def _read_prefix(text: str) -> S3Location:
    try:
        location = parse_location(text)
    except ValueError as error:
        raise UsageError(f"--below {text}: {error}") from error
    if not isinstance(location, S3Location):
        raise UsageError(f"--below {text}: write s3://bucket/prefix")
    return location


def _source_client(aws: Aws, client: S3Client, environment: Mapping[str, str]) -> S3Client:
    """Return the client of the sources' store: the destinations', unless they have their own."""
    endpoint = environment.get(variable_name("source_s3_endpoint"))
    key_id, key = (
        environment.get(variable_name(f"source_s3_{name}"))
        for name in ("access_key_id", "secret_access_key")
    )
    if not endpoint and not key_id:
        return client
    region = environment.get(variable_name("source_s3_region"))
    if not endpoint:
        endpoint = environment.get(variable_name("s3_endpoint"))
        region = region or environment.get(variable_name("s3_region"))
    return aws.s3(
        endpoint=None if endpoint == _AWS else endpoint or None,
        region=region or None,
        keys=StoreKeys(access_key_id=key_id, secret_access_key=key) if key_id and key else None,
    )


def _days(days: float | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)
