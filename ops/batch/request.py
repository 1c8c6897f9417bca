"""What is submitted to Batch: a checked job as SubmitJob's arguments."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ops.aws import Aws
from ops.errors import NotThereError, UsageError
from ops.names import DEFAULT_SHARE
from ops.options import submitted_options
from worker.config.cli import parse_job
from worker.config.job import Job
from worker.config.location import LocalLocation
from worker.config.option import option_name, variable_name
from worker.errors import BadParametersError

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        ContainerOverridesTypeDef,
        ResourceRequirementTypeDef,
        SubmitJobRequestTypeDef,
    )

# The largest Graviton instances with 192 vCPUs; a worker of less memory is killed (137).
VCPUS, MEMORY_MIB = (1, 192), (1024, 786_432)

_LEAST_TIMEOUT_S = 60  # Batch takes no less.
_MAX_NAME_CHARS = 128
_NAME_DIGEST_CHARS = 10
_TIME_LIMIT = "time_limit_s"
# The option that makes an array job, and the value that `scripts/submit` replaces by a number.
MACHINES, AUTO = "machines", "auto"
# Batch takes no other characters in a share identifier; an asterisk at its end would be a prefix.
_SHARE = re.compile(r"[A-Za-z0-9]{1,255}")
HIGHEST_PRIORITY = 9999


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A job to submit; options by the names of `Job`'s fields, as a person writes their values.

    `source`: one location, or the parts of a lecture as `join_sources` writes them.
    `academy` and `priority` are for Batch, not for the worker: whose share of a fair-share queue
    the job counts for, and which of that academy's jobs start first (9999 before 0). None leaves
    them to the default share, and to the job definition.
    `vcpus` and `memory_mib`: where the job definition's are not enough.
    """

    source: str
    destination: str
    options: Mapping[str, str] = field(default_factory=dict)
    academy: str | None = None
    priority: int | None = None
    vcpus: int | None = None
    memory_mib: int | None = None

    @property
    def machines(self) -> int:
        """How many machines make the video; 1 where that is not given, or no number."""
        given = self.options.get(MACHINES, "")
        return int(given) if re.fullmatch(r"[0-9]{1,4}", given) else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A revision of a job definition, as far as it decides what a submission means."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    vcpus: float | None = None


def check(submission: Submission) -> Job:
    """Validate a job before Batch starts a machine for it.

    Raises:
        UsageError: with every fault in one message.

    """
    _check_share(submission)
    words = ["--source", submission.source, "--destination", submission.destination]
    for name, value in submission.options.items():
        words += [option_name(name), value]
    try:
        # Secrets are references of the job definition, which ECS resolves.
        job = parse_job(words, {}, has_secrets=False)
    except BadParametersError as error:
        raise UsageError(str(error)) from error
    sources = (("SOURCE", each) for each in job.sources)
    subtitles = ((f"--subtitles {each.language}", each.location) for each in job.subtitles)
    for name, location in (*sources, ("DESTINATION", job.destination), *subtitles):
        if isinstance(location, LocalLocation):
            raise UsageError(
                f"{name} {location} is a path of this machine, which a job cannot reach; write"
                " s3://bucket/key"
            )
    _check_size(submission)
    return job


def read_whole(name: str, text: str, *, least: int, most: int) -> int:
    """Read a whole number of a command line or a list.

    Raises:
        UsageError: it is none, or out of bounds.

    """
    # int() also takes `1_000` and the digits of other scripts.
    if not re.fullmatch(r"-?[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise UsageError(f"{name}: write a whole number from {least} to {most}")
    return int(text)


def read_given(name: str, text: str | None, bounds: tuple[int, int]) -> int | None:
    """Read a whole number that may be left out.

    Raises:
        UsageError: as `read_whole` raises it.

    """
    least, most = bounds
    return None if text is None else read_whole(name, text, least=least, most=most)


def _check_size(submission: Submission) -> None:
    for name, value, (least, most) in (
        ("--vcpus", submission.vcpus, VCPUS),
        ("--memory", submission.memory_mib, MEMORY_MIB),
    ):
        if value is not None:
            read_whole(name, str(value), least=least, most=most)


def build_request(
    submission: Submission,
    *,
    known: frozenset[str],
    name: str,
    queue: str,
    definition: str,
    has_shares: bool = False,
    environment: Mapping[str, str] | None = None,
    job: type[Job] = Job,
) -> SubmitJobRequestTypeDef:
    """Build SubmitJob's arguments.

    `known`: parameters that the job definition has. Other options travel as environment variables,
    beside those of `environment`. `has_shares`: whether the queue has a scheduling policy
    (`has_shares()`): such a queue refuses a job without a share, and any other one with it.

    Raises:
        UsageError: an academy or a priority is given for a queue without shares.

    """
    options = {option.field: option for option in submitted_options(job)}
    parameters = {"source": submission.source, "destination": submission.destination}
    variables = dict(environment or {})
    if submission.academy is not None:
        # For the job's metrics: a container cannot see its share.
        variables.setdefault(variable_name("academy"), submission.academy)
    for given, value in submission.options.items():
        option = options[given]
        if option.parameter in known:
            parameters[option.parameter] = value
        else:
            variables[option.variable] = value
    request: SubmitJobRequestTypeDef = {
        "jobName": name,
        "jobQueue": queue,
        "jobDefinition": definition,
        "parameters": parameters,
    }
    if share := _share(submission, queue, has_shares=has_shares):
        request["shareIdentifier"] = share
    if submission.priority is not None:
        request["schedulingPriorityOverride"] = submission.priority
    if overrides := _overrides(submission, variables):
        request["containerOverrides"] = overrides
    return _with_extent(request, submission)


def _with_extent(
    request: SubmitJobRequestTypeDef, submission: Submission
) -> SubmitJobRequestTypeDef:
    """Add what Batch must know of the worker's own options: machines and seconds."""
    if submission.machines > 1:
        # A child each. Batch takes no array of one.
        request["arrayProperties"] = {"size": submission.machines}
    if _TIME_LIMIT in submission.options:
        # Batch kills the job at this deadline: it must be the one that the worker plans for.
        limit_s = math.ceil(float(submission.options[_TIME_LIMIT]))
        request["timeout"] = {"attemptDurationSeconds": max(_LEAST_TIMEOUT_S, limit_s)}
    return request


def _overrides(submission: Submission, variables: Mapping[str, str]) -> ContainerOverridesTypeDef:
    overrides: ContainerOverridesTypeDef = {}
    if variables:
        overrides["environment"] = [{"name": n, "value": v} for n, v in variables.items()]
    needs: list[ResourceRequirementTypeDef] = []
    if submission.vcpus is not None:
        needs.append({"type": "VCPU", "value": str(submission.vcpus)})
    if submission.memory_mib is not None:
        needs.append({"type": "MEMORY", "value": str(submission.memory_mib)})
    if needs:
        overrides["resourceRequirements"] = needs
    return overrides


def has_shares(aws: Aws, queue: str) -> bool:
    """Return whether a queue has a fair-share scheduling policy; else it is first in, first out.

    Raises:
        NotThereError: there is no such queue.

    """
    queues = aws.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
    if not queues:
        raise NotThereError(
            f"there is no queue {queue} in {aws.region}; check --queue and --region, or create it"
            " with scripts/deploy"
        )
    return bool(queues[0].get("schedulingPolicyArn"))


def _share(submission: Submission, queue: str, *, has_shares: bool) -> str | None:
    if has_shares:
        return submission.academy or DEFAULT_SHARE
    if submission.academy is None and submission.priority is None:
        return None
    raise UsageError(
        f"the queue {queue} is first in, first out: --academy and --priority need a queue with a"
        " scheduling policy (docs/deployment.md, Fair share)"
    )


def is_share(academy: str) -> bool:
    """Whether Batch takes an academy's name as a share identifier."""
    return bool(_SHARE.fullmatch(academy))


def _check_share(submission: Submission) -> None:
    if submission.academy is not None and not is_share(submission.academy):
        raise UsageError(
            f"--academy {submission.academy!r}: Batch takes letters and digits only, 255 at most"
        )
    if submission.priority is not None and not 0 <= submission.priority <= HIGHEST_PRIORITY:
        raise UsageError(f"--priority {submission.priority}: 0 to {HIGHEST_PRIORITY}")


def name_for(destination: str) -> str:
    """Name a job by what it makes: `s3://videos/hls/talk 7` → `video-hls-talk-7-0f3a9c1e55`.

    Two destinations never share a name: its end is a digest of the destination. So whether a
    destination has a job is a question that ListJobs answers.
    """
    target = destination.rstrip("/")
    key = target.partition("://")[2].partition("/")[2]
    text = ("video-" + re.sub(r"[^A-Za-z0-9_]+", "-", key)).strip("-")
    digest = hashlib.sha256(target.encode()).hexdigest()[:_NAME_DIGEST_CHARS]
    return f"{text[: _MAX_NAME_CHARS - len(digest) - 1].rstrip('-')}-{digest}"


def read_definition(aws: Aws, definition: str) -> Definition:
    """Return what a job definition, by default its newest revision, gives each of its jobs.

    Raises:
        NotThereError: no active revision has that name.

    """
    name, _, revision = definition.rpartition("/")[2].partition(":")
    pages = aws.batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName=name, status="ACTIVE"
    )
    active = [d for page in pages for d in page["jobDefinitions"]]
    found = [d for d in active if not revision or str(d["revision"]) == revision]
    if not found:
        raise NotThereError(f"there is no active job definition {definition} in {aws.region}")
    newest = max(found, key=lambda d: d["revision"])
    container = newest.get("containerProperties", {})
    variables = container.get("environment", ())
    needs = {need["type"]: need["value"] for need in container.get("resourceRequirements", ())}
    return Definition(
        parameters=newest.get("parameters", {}),
        environment={v["name"]: v.get("value", "") for v in variables},
        vcpus=float(needs["VCPU"]) if "VCPU" in needs else None,
    )


def parameters_of(aws: Aws, definition: str) -> frozenset[str]:
    """Return the parameters that a job definition, by default its newest revision, has."""
    return frozenset(read_definition(aws, definition).parameters)
