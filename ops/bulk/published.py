"""Whether a row's video is published already, from the same source with the same options.

Each doubt is answered with no: the worker itself decides then, and ends at once if it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, explain
from ops.batch.request import Definition
from ops.console import warn
from worker.config.cli import parse_job
from worker.config.job import Job
from worker.config.location import Location, S3Location
from worker.config.option import option_name
from worker.config.sources import joined_identity
from worker.config.values import keys_in
from worker.errors import BadParametersError
from worker.layout import MANIFEST
from worker.plan.digest import request_digest
from worker.records.base import UnreadableRecordError
from worker.records.manifest import ManifestRecord

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import SubmitJobRequestTypeDef
    from mypy_boto3_s3 import S3Client

_MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "404", "NotFound"})
_AWS = "aws"


@dataclass(kw_only=True, slots=True)
class PublishedVideos:
    """Reads manifests, and what sources are now."""

    aws: Aws
    definition: Definition
    _clients: dict[tuple[str | None, str | None], S3Client] = field(default_factory=dict)
    _problems: set[str] = field(default_factory=set)

    def find(self, request: SubmitJobRequestTypeDef) -> ManifestRecord | None:
        """Return the manifest of what this request would make; None where that is not certain."""
        job = effective_job(request, self.definition)
        # Only the worker knows what subtitle files hold, and which secret encrypts.
        if job is None or job.subtitles or job.encrypt:
            return None
        if not isinstance(job.destination, S3Location):
            return None
        manifest = self._manifest(job, job.destination)
        if manifest is None or manifest.missing_rungs or manifest.sources != _shown(job):
            return None
        identity = self._identity(job)
        if identity is None or manifest.request != request_digest(identity, job):
            return None
        return manifest

    def _manifest(self, job: Job, destination: S3Location) -> ManifestRecord | None:
        client = self._client(job.s3_endpoint, job.s3_region)
        try:
            answer = client.get_object(
                Bucket=destination.bucket, Key=f"{destination.key}/{MANIFEST}".lstrip("/")
            )
            return ManifestRecord.from_json(answer["Body"].read())
        except (BotoCoreError, ClientError) as error:
            self._note(error)
        except UnreadableRecordError:
            pass
        return None

    def _identity(self, job: Job) -> str | None:
        """Name the content of all parts as the worker does."""
        found = [self._identity_of(each, job) for each in job.sources]
        identities = [each for each in found if each is not None]
        return joined_identity(identities) if len(identities) == len(found) else None

    def _identity_of(self, source: Location, job: Job) -> str | None:
        """Name a part's content: by its ETag and size."""
        if not isinstance(source, S3Location):
            return None
        endpoint, region = job.source_s3_endpoint, job.source_s3_region
        client = self._client(
            None if endpoint == _AWS else endpoint or job.s3_endpoint, region or job.s3_region
        )
        try:
            head = client.head_object(Bucket=source.bucket, Key=source.key)
        except (BotoCoreError, ClientError) as error:
            self._note(error)
            return None
        etag = head["ETag"].strip('"')
        return f"s3 {source.bucket} {source.key} {etag} {head['ContentLength']}"

    def _client(self, endpoint: str | None, region: str | None) -> S3Client:
        if (endpoint, region) not in self._clients:
            keys = keys_in(os.environ) if endpoint else None
            client = self.aws.s3(endpoint=endpoint, region=region, keys=keys)
            self._clients[endpoint, region] = client
        return self._clients[endpoint, region]

    def _note(self, error: BotoCoreError | ClientError) -> None:
        if isinstance(error, ClientError) and error.response["Error"].get("Code") in _MISSING:
            return
        text = str(explain(error))
        if text not in self._problems:
            self._problems.add(text)
            warn(
                f"whether videos are published already cannot be read, so all are submitted: {text}"
            )


def _shown(job: Job) -> tuple[str, ...]:
    return tuple(map(str, job.sources))


def effective_job(request: SubmitJobRequestTypeDef, definition: Definition) -> Job | None:
    """Return the job as its container will read it; None where the worker would refuse it."""
    parameters = {**definition.parameters, **request.get("parameters", {})}
    given = request.get("containerOverrides", {}).get("environment", ())
    variables = {v["name"]: v.get("value", "") for v in given if "name" in v}
    return _parse(parameters, {**definition.environment, **variables})


def _parse(parameters: Mapping[str, str], environment: Mapping[str, str]) -> Job | None:
    words = [word for name, v in parameters.items() for word in (option_name(name), v)]
    try:
        return parse_job(words, environment, has_secrets=False)
    except BadParametersError:
        return None
