"""Jobs of the simulated queue: how they can end, and what Batch says of them at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from worker.errors import PUBLISHED

QUEUE = "academy-video-batch-queue"
START = datetime(2026, 1, 1, tzinfo=UTC)
_START_MS = int(START.timestamp() * 1000)
_EXITED = "Essential container in task exited"
_HOST = "Host EC2 (instance i-0123456789abcdef0) terminated."
_PULL = "CannotPullContainerError: pull image manifest has been retried 1 time(s)"
_TIMEOUT = "Job attempt duration exceeded timeout"
# Name of an end: its exit code, reason, container's reason, and how often it is drawn.
ENDS: dict[str, tuple[int | None, str, str | None, int]] = {
    "published": (0, _EXITED, None, 40),
    "bad_parameters": (64, _EXITED, None, 2),
    "bad_source": (65, _EXITED, None, 6),
    "no_source": (66, _EXITED, None, 2),
    "storage_unavailable": (69, _EXITED, None, 8),
    "internal_error": (70, _EXITED, None, 1),
    "encoder_killed": (71, _EXITED, None, 3),
    "cannot_write": (73, _EXITED, None, 1),
    "verification": (76, _EXITED, None, 2),
    "bad_environment": (78, _EXITED, None, 1),
    "budget_spent": (124, _EXITED, None, 6),
    "terminated": (143, _EXITED, None, 6),
    "killed": (137, _EXITED, None, 4),
    "out_of_memory": (137, _EXITED, "OutOfMemoryError: Container killed due to memory usage", 3),
    "time_limit": (None, _TIMEOUT, None, 3),
    "host_lost": (None, _HOST, None, 8),
    "cannot_pull": (None, "Task failed to start", _PULL, 4),
    "not_started": (None, "Task failed to start", "ResourceInitializationError: odd", 1),
    "stopped": (143, "terminated with scripts/jobs", None, 2),
}
NEVER_RAN = {"cannot_pull", "not_started"}
# Killed from outside: status.json stands as the last heartbeat left it.
SILENT = {"host_lost", "killed", "out_of_memory", "time_limit", *NEVER_RAN}


@dataclass(slots=True)
class SimulatedJob:
    """A job and its fate."""

    id: str
    request: dict[str, Any]
    created_s: float
    start_s: float
    end_s: float
    end: str
    by_keeper: bool
    is_taken: bool = False
    _ended: dict[str, Any] | None = None

    @property
    def destination(self) -> str:
        return str(self.request["parameters"]["destination"])

    def status(self, at_s: float) -> str:
        if at_s >= self.end_s:
            return "SUCCEEDED" if self.exit_code == PUBLISHED else "FAILED"
        return "RUNNING" if at_s >= self.start_s else "RUNNABLE"

    @property
    def exit_code(self) -> int | None:
        return 75 if self.is_taken else ENDS[self.end][0]

    def is_active(self, at_s: float) -> bool:
        return self.created_s <= at_s < self.end_s

    def is_published_at(self, at_s: float) -> bool:
        return self.exit_code == PUBLISHED and at_s >= self.end_s

    def summary(self, at_s: float) -> dict[str, Any]:
        """An element of ListJobs."""
        stopped = {} if self.is_active(at_s) else {"stoppedAt": ms(self.end_s)}
        return {"jobId": self.id, "createdAt": ms(self.created_s), **stopped}

    def detail(self, at_s: float) -> dict[str, Any]:
        """An element of DescribeJobs, as Batch had it at a time."""
        if at_s < self.end_s:
            return self._describe(self.status(at_s))
        if self._ended is None:
            self._ended = self._describe(self.status(at_s))
        return self._ended

    def _describe(self, status: str) -> dict[str, Any]:
        overrides = self.request.get("containerOverrides", {})
        needs = {n["type"]: n["value"] for n in overrides.get("resourceRequirements", ())}
        container: dict[str, Any] = {
            "environment": [{"name": "WORKER_S3_REGION", "value": "auto"}],
            "resourceRequirements": [
                {"type": "VCPU", "value": "2"},
                {"type": "MEMORY", "value": needs.get("MEMORY", "3072")},
            ],
        }
        detail: dict[str, Any] = {
            "jobId": self.id,
            "jobName": self.request["jobName"],
            "jobQueue": f"arn:aws:batch:ap-northeast-2:123456789012:job-queue/{QUEUE}",
            "jobDefinition": "arn:aws:batch:r:1:job-definition/academy-video-batch-jobdef:7",
            "status": status,
            "createdAt": ms(self.created_s),
            "parameters": self.request["parameters"],
            "tags": dict(self.request.get("tags", {})),
            "container": container,
        }
        if status in {"SUCCEEDED", "FAILED"}:
            _, reason, container_reason, _ = ENDS[self.end]
            detail |= {"stoppedAt": ms(self.end_s), "statusReason": reason}
            if self.exit_code is not None:
                container["exitCode"] = self.exit_code
            if container_reason and not self.is_taken:
                container["reason"] = container_reason
            detail["isTerminated"] = self.end == "stopped" and not self.is_taken
        return detail


def moment(at_s: float) -> datetime:
    return START + timedelta(seconds=at_s)


def ms(at_s: float) -> int:
    return _START_MS + int(at_s * 1000)
