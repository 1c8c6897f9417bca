"""A Batch job of DescribeJobs, read into one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops.aws import Aws
from ops.errors import NotThereError
from ops.names import DEFAULT_LOG_GROUP, LOG_GROUP
from worker.config.location import S3Location, parse_location
from worker.config.option import variable_name
from worker.config.team import team_of
from worker.monitoring.logs import stream_name

if TYPE_CHECKING:
    from mypy_boto3_batch.literals import JobStatusType
    from mypy_boto3_batch.type_defs import JobDetailTypeDef, JobSummaryTypeDef

SUCCEEDED: JobStatusType = "SUCCEEDED"
FAILED: JobStatusType = "FAILED"
PENDING: JobStatusType = "PENDING"
RUNNABLE: JobStatusType = "RUNNABLE"
RUNNING: JobStatusType = "RUNNING"
STATUSES: tuple[JobStatusType, ...] = (
    *("SUBMITTED", PENDING, RUNNABLE, "STARTING", RUNNING, SUCCEEDED, FAILED),
)

# DescribeJobs takes no more.
_DESCRIBED_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class LogStream:
    """Where lines of a job are."""

    group: str
    stream: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchJob:
    """What Batch reports of a job; None where it reports nothing (yet)."""

    id: str
    name: str
    status: JobStatusType
    reason: str | None
    exit_code: int | None
    container_reason: str | None
    container_stream: LogStream | None
    created: datetime | None
    started: datetime | None
    stopped: datetime | None
    parameters: Mapping[str, str]
    environment: Mapping[str, str]
    definition: str
    image: str
    queue: str
    time_limit_s: int | None
    memory_mib: int | None
    vcpus: float | None = None
    # Of an array job: its children.
    array_size: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in {SUCCEEDED, FAILED}

    @property
    def is_child(self) -> bool:
        """Whether it is a child of an array job: one of the machines that make a video."""
        return is_child(self.id)

    @property
    def ran_s(self) -> float | None:
        """Seconds between start and end; None where one of them is not known."""
        if self.started is None or self.stopped is None:
            return None
        return (self.stopped - self.started).total_seconds()

    @property
    def streams(self) -> tuple[LogStream, ...]:
        """Where its lines are: what the container printed, and what the worker sent itself."""
        group = self.environment.get(variable_name("log_group")) or LOG_GROUP
        own = LogStream(group=group, stream=stream_name(self.id))
        return (self.container_stream, own) if self.container_stream else (own,)

    @property
    def destination(self) -> S3Location | None:
        """Where it publishes; None where that is no S3 prefix."""
        try:
            location = parse_location(self.parameters.get("destination", ""))
        except ValueError:
            return None
        return location if isinstance(location, S3Location) else None


def read_job(detail: JobDetailTypeDef) -> BatchJob:
    """Read one element of DescribeJobs' `jobs`."""
    container = detail.get("container", {})
    attempts = detail.get("attempts", ())
    # Of a job that has ended, the container may be described in its last attempt only.
    last = attempts[-1].get("container", {}) if attempts else {}
    stream = container.get("logStreamName") or last.get("logStreamName")
    log = container.get("logConfiguration")
    array = detail.get("arrayProperties", {})
    needs = {n["type"]: n["value"] for n in container.get("resourceRequirements", ())}
    memory = needs.get("MEMORY", container.get("memory"))
    vcpus = needs.get("VCPU", container.get("vcpus"))
    group = log.get("options", {}).get("awslogs-group") if log else None
    return BatchJob(
        id=detail["jobId"],
        name=detail["jobName"],
        status=detail["status"],
        reason=detail.get("statusReason"),
        exit_code=container.get("exitCode", last.get("exitCode")),
        container_reason=container.get("reason", last.get("reason")),
        container_stream=LogStream(group=group or DEFAULT_LOG_GROUP, stream=stream)
        if stream
        else None,
        created=moment(detail.get("createdAt")),
        started=moment(detail.get("startedAt")),
        stopped=moment(detail.get("stoppedAt")),
        parameters=detail.get("parameters", {}),
        environment={e["name"]: e.get("value", "") for e in container.get("environment", ())},
        definition=detail.get("jobDefinition", "").rpartition("/")[2],
        image=container.get("image", ""),
        queue=detail.get("jobQueue", "").rpartition("/")[2],
        time_limit_s=detail.get("timeout", {}).get("attemptDurationSeconds"),
        memory_mib=None if memory is None else int(memory),
        vcpus=None if vcpus is None else float(vcpus),
        array_size=None if is_child(detail["jobId"]) else array.get("size"),
        tags=detail.get("tags", {}),
    )


def is_child(job_id: str) -> bool:
    """Whether an ID is that of a child of an array job: the array's, a colon and an index."""
    return team_of(job_id) != job_id


def fetch_job(aws: Aws, job_id: str) -> BatchJob:
    """Ask Batch for a job.

    Raises:
        NotThereError: Batch has no such job (any more: it deletes jobs after a week or so).

    """
    details = aws.batch.describe_jobs(jobs=[job_id])["jobs"]
    if not details:
        raise NotThereError(
            f"there is no job {job_id} in {aws.region}; check the id and --region. Batch deletes"
            " a job about seven days after its end; its log is kept longer"
        )
    return read_job(details[0])


def fetch_details(aws: Aws, job_ids: Sequence[str]) -> dict[str, JobDetailTypeDef]:
    """Describe many jobs, by id; those that Batch does not have are left out."""
    found: dict[str, JobDetailTypeDef] = {}
    for start in range(0, len(job_ids), _DESCRIBED_AT_ONCE):
        answer = aws.batch.describe_jobs(jobs=job_ids[start : start + _DESCRIBED_AT_ONCE])
        found |= {detail["jobId"]: detail for detail in answer["jobs"]}
    return found


def list_named(aws: Aws, queue: str, name: str) -> list[JobSummaryTypeDef]:
    """List a queue's jobs of a name, whatever their state; `name*` are those that begin so.

    An array job is one of them; its children, which have its name, are not.
    """
    pages = aws.batch.get_paginator("list_jobs").paginate(
        jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [name]}]
    )
    return [
        job
        for page in pages
        for job in page["jobSummaryList"]
        # The filter ignores case.
        if (job["jobName"] == name or name.endswith("*")) and not is_child(job["jobId"])
    ]


def moment(milliseconds: int | None) -> datetime | None:
    """Read a time as Batch gives it; 0 is none."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
