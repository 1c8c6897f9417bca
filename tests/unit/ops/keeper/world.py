"""A day of a Batch queue in virtual time: jobs that end in every way, answers that come late.

What is there at a time follows from events alone, and every draw from one seed. What the keeper
sees of it is late, doubled, incomplete, or a fault.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from ops.batch.job import BatchJob
from tests.unit.fakes import RecordingStore
from worker.errors import PUBLISHED, Resubmit, StorageUnavailableError, WorkerError
from worker.layout import STATUS, File
from worker.records.job import Outcome
from worker.records.status import StatusRecord
from worker.storage.base import Content, StoredObject

QUEUE = "academy-video-batch-queue"
DAY_S = 86_400.0
START = datetime(2026, 1, 1, tzinfo=UTC)
# How late an answer may be: less than the age at which a claim without a job is given up.
MOST_LATE_S = 600.0
_START_MS = int(START.timestamp() * 1000)
_KINDS = {kind.exit_status: kind for kind in WorkerError.__subclasses__()}
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
_NEVER_RAN = {"cannot_pull", "not_started"}
# Killed from outside: status.json stands as the last heartbeat left it.
_SILENT = {"host_lost", "killed", "out_of_memory", "time_limit", *_NEVER_RAN}


class CrashedError(BaseException):
    """The keeper's container is gone in the middle of a run."""


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


@dataclass
class World:
    """The queue, the stores, the clock. `chaos` may interrupt the keeper before each call."""

    seed: int
    now_s: float = 0.0
    jobs: dict[str, SimulatedJob] = field(default_factory=dict)
    stores: dict[str, SimulatedStore] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    is_faulty: bool = True
    chaos: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)  # noqa: S311 (a simulation)
        self._ids = itertools.count(1)
        self._events: list[tuple[float, str]] = []
        self._uploads: list[tuple[float, str, str]] = []

    # What the keeper has as its AWS.
    @property
    def batch(self) -> SimulatedBatch:
        return SimulatedBatch(self)

    batch_once = batch

    @property
    def sns(self) -> World:
        return self

    def publish(self, **message: str) -> None:
        self.chaos()
        self.messages.append(message["Message"])

    def now(self) -> datetime:
        return moment(self.now_s)

    def upload(self, at_s: float, source: str, destination: str) -> None:
        """Plan a submission, as by an event of the bucket."""
        heapq.heappush(self._uploads, (at_s, source, destination))

    def advance(self, to_s: float) -> None:
        """Let time pass: submit what is uploaded, and start jobs."""
        while self._uploads or self._events:
            next_s = min([q[0][0] for q in (self._uploads, self._events) if q])
            if next_s > to_s:
                break
            if self._uploads and self._uploads[0][0] == next_s:
                at_s, source, destination = heapq.heappop(self._uploads)
                parameters = {"source": source, "destination": destination}
                self.submit({"jobName": "upload", "parameters": parameters}, at_s, by_keeper=False)
            else:
                self._start(self.jobs[heapq.heappop(self._events)[1]])
        self.now_s = to_s

    def submit(self, request: dict[str, Any], at_s: float, *, by_keeper: bool) -> SimulatedJob:
        draw = self.draw
        start_s = at_s + draw.uniform(20, 900)
        (end,) = draw.choices(list(ENDS), [each[3] for each in ENDS.values()])
        job = SimulatedJob(
            id=f"job-{next(self._ids):05}",
            request=request,
            created_s=at_s,
            start_s=start_s,
            end_s=start_s + (1 if end in _NEVER_RAN else draw.uniform(30, 3600)),
            end=end,
            by_keeper=by_keeper,
        )
        if by_keeper:
            self.faults += [
                f"{job.id} was submitted while {other.id} waits or runs for {job.destination}"
                for other in self.jobs.values()
                if other.destination == job.destination and other.is_active(at_s)
            ]
        self.jobs[job.id] = job
        heapq.heappush(self._events, (start_s, job.id))
        return job

    def _start(self, job: SimulatedJob) -> None:
        """Start a job; where another one runs, its lease makes this one end with 75."""
        store = self.store(job.destination)
        if store.job and store.job.is_active(job.start_s):
            job.is_taken, job.end_s = True, job.start_s + 45
        elif job.end not in _NEVER_RAN:
            store.job = job

    def store(self, destination: str) -> SimulatedStore:
        return self.stores.setdefault(destination, SimulatedStore(self))

    def open_store(self, job: BatchJob) -> SimulatedStore:
        return self.store(str(job.destination))

    def of(self, destination: str) -> list[SimulatedJob]:
        return [job for job in self.jobs.values() if job.destination == destination]


class SimulatedStore(RecordingStore):
    """A destination, whose status.json is what its last job wrote."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.job: SimulatedJob | None = None

    def get(self, key: str) -> Content | None:
        self._fault()
        if key == STATUS:
            record = self._status()
            return Content(data=record.to_json(), etag="") if record else None
        return super().get(key)

    def replace(self, file: File, *, etag: str | None) -> StoredObject:
        self._fault()
        found = RecordingStore.get(self, file.key)
        if (found.etag if found else None) == etag:
            return self.put(file)
        return super().replace(file, etag=etag)

    def _fault(self) -> None:
        self._world.chaos()
        if self._world.is_faulty and self._world.draw.random() < 0.01:
            raise StorageUnavailableError("the store does not answer")

    def _status(self) -> StatusRecord | None:
        job, now_s = self.job, self._world.now_s
        if job is None:
            return None
        ended = now_s >= job.end_s and job.end not in _SILENT
        updated = moment(min(now_s, job.end_s)).isoformat()
        code = job.exit_code
        outcome = None
        if ended and code is not None:
            kind = _KINDS.get(code)
            outcome = Outcome(
                exit_status=code,
                name=kind.outcome if kind else "published",
                message="it ended",
                resubmit=kind.resubmit if kind else Resubmit.NOT_NEEDED,
            )
        return StatusRecord(
            job_id=job.id,
            state="ended" if ended else "running",
            started_at=moment(job.start_s).isoformat(),
            updated_at=updated,
            outcome=outcome,
        )


@dataclass
class SimulatedBatch:
    """Batch as the keeper calls it. Lists and descriptions are late; lists have doubles."""

    world: World

    def get_paginator(self, name: str) -> SimulatedBatch:
        assert name == "list_jobs"
        return self

    def paginate(
        self,
        *,
        jobQueue: str,  # noqa: N803 (as boto3 has it)
        jobStatus: str | None = None,  # noqa: N803
        filters: list[dict[str, Any]] | None = None,
    ) -> Iterator[dict[str, Any]]:
        assert jobQueue == QUEUE
        self.world.chaos()
        draw, now_s = self.world.draw, self.world.now_s
        seen_s = now_s - draw.choice([0.0, 0.0, 5.0, draw.uniform(0, MOST_LATE_S)])
        there = [job for job in self.world.jobs.values() if job.created_s <= seen_s]
        (wanted,) = filters or [{"name": "", "values": [""]}]
        (value,) = wanted["values"]
        match wanted["name"]:
            case "JOB_NAME":
                there = [j for j in there if j.request["jobName"].lower() == value.lower()]
            case "AFTER_CREATED_AT":
                there = [j for j in there if ms(j.created_s) > int(value)]
            case _:
                there = [j for j in there if j.status(seen_s) == jobStatus]
        there += draw.sample(there, k=len(there) // 20)
        for at in range(0, len(there), 100):
            yield {"jobSummaryList": [{"jobId": job.id} for job in there[at : at + 100]]}

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        assert 0 < len(jobs) <= 100
        self.world.chaos()
        seen_s = self.world.now_s - self.world.draw.choice([0.0, 0.0, 30.0])
        found = (self.world.jobs[job_id] for job_id in jobs)
        return {"jobs": [job.detail(seen_s) for job in found if job.created_s <= seen_s]}

    def describe_job_definitions(self, **_: object) -> dict[str, Any]:
        self.world.chaos()
        return {"jobDefinitions": []}

    def submit_job(self, **request: Any) -> dict[str, Any]:
        self.world.chaos()
        fate = self.world.draw.random()
        if fate < 0.02:
            answer: Any = {
                "Error": {"Code": "TooManyRequestsException", "Message": "slow down"},
                "ResponseMetadata": {"HTTPStatusCode": 429},
            }
            raise ClientError(answer, "SubmitJob")
        job = self.world.submit(request, self.world.now_s, by_keeper=True)
        if fate < 0.05:
            raise ReadTimeoutError(endpoint_url="https://batch.example")
        self.world.chaos()
        return {"jobId": job.id}


def moment(at_s: float) -> datetime:
    return START + timedelta(seconds=at_s)


def ms(at_s: float) -> int:
    return _START_MS + int(at_s * 1000)
