"""A Batch job as DescribeJobs tells it, read into one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.aws import Aws
from ops.errors import NotThereError
from ops.names import DEFAULT_LOG_GROUP, LOG_GROUP
from worker.config.location import S3Location, parse_location
from worker.config.option import variable_name
from worker.monitoring.logs import stream_name

SUCCEEDED, FAILED = "SUCCEEDED", "FAILED"
RUNNABLE, RUNNING = "RUNNABLE", "RUNNING"
STATUSES = ("SUBMITTED", "PENDING", RUNNABLE, "STARTING", RUNNING, SUCCEEDED, FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogStream:
    """Where lines of a job are."""

    group: str
    stream: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchJob:
    """What is known of a job; None where Batch does not say (yet)."""

    id: str
    name: str
    status: str
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

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in {SUCCEEDED, FAILED}

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
            place = parse_location(self.parameters.get("destination", ""))
        except ValueError:
            return None
        return place if isinstance(place, S3Location) else None


def read_job(detail: Mapping[str, Any]) -> BatchJob:
    """Read one element of DescribeJobs' `jobs`."""
    container = detail.get("container") or {}
    attempts = detail.get("attempts") or [{}]
    tried = attempts[-1].get("container") or {}
    stream = container.get("logStreamName") or tried.get("logStreamName")
    options = (container.get("logConfiguration") or {}).get("options") or {}
    group = options.get("awslogs-group", DEFAULT_LOG_GROUP)
    return BatchJob(
        id=detail["jobId"],
        name=detail["jobName"],
        status=detail["status"],
        reason=detail.get("statusReason"),
        exit_code=_first(container.get("exitCode"), tried.get("exitCode")),
        container_reason=_first(container.get("reason"), tried.get("reason")),
        container_stream=LogStream(group=group, stream=stream) if stream else None,
        created=moment(detail.get("createdAt")),
        started=moment(detail.get("startedAt")),
        stopped=moment(detail.get("stoppedAt")),
        parameters=detail.get("parameters") or {},
        environment={e["name"]: e.get("value", "") for e in container.get("environment") or ()},
        definition=str(detail.get("jobDefinition", "")).rpartition("/")[2],
        image=container.get("image", ""),
        queue=str(detail.get("jobQueue", "")).rpartition("/")[2],
        time_limit_s=(detail.get("timeout") or {}).get("attemptDurationSeconds"),
        memory_mib=_memory(container),
    )


def fetch_job(aws: Aws, job_id: str) -> BatchJob:
    """Ask Batch for a job.

    Raises:
        NotThereError: Batch does not know it (any more: it forgets jobs after a week or so).

    """
    details = aws.batch.describe_jobs(jobs=[job_id])["jobs"]
    if not details:
        raise NotThereError(
            f"there is no job {job_id} in {aws.region}; check the id and --region. Batch forgets"
            " a job about seven days after its end; its log stays longer"
        )
    return read_job(details[0])


def moment(milliseconds: int | None) -> datetime | None:
    """Read a time as Batch gives it; 0 is none."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def _first(*values: Any) -> Any:  # noqa: ANN401 (of whatever kind the field is)
    return next((value for value in values if value is not None), None)


def _memory(container: Mapping[str, Any]) -> int | None:
    needs = {n["type"]: n["value"] for n in container.get("resourceRequirements") or ()}
    memory = needs.get("MEMORY", container.get("memory"))
    return int(memory) if memory is not None else None
