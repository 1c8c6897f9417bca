"""What is submitted to Batch: a checked job as SubmitJob's arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops.aws import Aws
from ops.errors import UsageError
from ops.names import parameter_name
from worker.config.cli import parse_job
from worker.config.job import Job
from worker.config.location import LocalLocation
from worker.config.option import option_name, variable_name
from worker.errors import BadParametersError

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import SubmitJobRequestTypeDef

_LEAST_TIMEOUT_S = 60  # Batch takes no less.


def check(source: str, destination: str, options: Mapping[str, str]) -> Job:
    """Validate a job before Batch starts a machine for it.

    Raises:
        UsageError: with every fault in one message.

    """
    words = ["--source", source, "--destination", destination]
    for field, value in options.items():
        words += [option_name(field), value]
    try:
        job = parse_job(words, {})
    except BadParametersError as error:
        raise UsageError(str(error)) from error
    for name, place in (("SOURCE", job.source), ("DESTINATION", job.destination)):
        if isinstance(place, LocalLocation):
            raise UsageError(f"{name} {place} is a path of this machine; a job reads s3:// places")
    return job


def build_request(
    *,
    source: str,
    destination: str,
    options: Mapping[str, str],
    known: frozenset[str],
    environment: Mapping[str, str],
    name: str,
    queue: str,
    definition: str,
) -> SubmitJobRequestTypeDef:
    """Build SubmitJob's arguments.

    `known`: parameters that the job definition has; options beside them travel as environment
    variables. A time limit is Batch's wall too: the worker must not outlive what it plans for.
    """
    parameters = {"source": source, "destination": destination}
    variables = dict(environment)
    for field, value in options.items():
        if parameter_name(field) in known:
            parameters[parameter_name(field)] = value
        else:
            variables[variable_name(field)] = value
    request: SubmitJobRequestTypeDef = {
        "jobName": name,
        "jobQueue": queue,
        "jobDefinition": definition,
        "parameters": parameters,
    }
    if variables:
        pairs: list[Any] = [{"name": n, "value": v} for n, v in variables.items()]
        request["containerOverrides"] = {"environment": pairs}
    if "time_limit_s" in options:
        wall_s = max(_LEAST_TIMEOUT_S, math.ceil(float(options["time_limit_s"])))
        request["timeout"] = {"attemptDurationSeconds": wall_s}
    return request


def name_for(destination: str) -> str:
    """Make a job name of a destination: `s3://videos/hls/talk 7` → `video-hls-talk-7`."""
    key = destination.partition("://")[2].partition("/")[2].strip("/")
    return ("video-" + re.sub(r"[^A-Za-z0-9_]+", "-", key)).strip("-")[:128]


def parameters_of(aws: Aws, definition: str) -> frozenset[str]:
    """Return the parameters that a job definition, by default its newest revision, has."""
    name, _, revision = definition.rpartition("/")[2].partition(":")
    answer = aws.batch.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")
    found = [d for d in answer["jobDefinitions"] if not revision or str(d["revision"]) == revision]
    if not found:
        raise UsageError(f"there is no active job definition {definition} in {aws.region}")
    return frozenset(max(found, key=lambda d: d["revision"]).get("parameters", {}))
