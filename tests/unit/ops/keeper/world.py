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
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from ops.batch.job import BatchJob
from tests.unit.fakes import RecordingStore
from tests.unit.ops.keeper.fates import ENDS, NEVER_RAN, QUEUE, SILENT, SimulatedJob, moment, ms
from worker.errors import Resubmit, StorageUnavailableError, WorkerError
from worker.layout import STATUS, File
from worker.records.job import Outcome
from worker.records.status import StatusRecord
from worker.storage.base import Content, StoredObject

DAY_S = 86_400.0
# How late an answer may be: less than the age at which a claim without a job is given up.
MOST_LATE_S = 600.0
_KINDS = {kind.exit_status: kind for kind in WorkerError.__subclasses__()}


class CrashedError(BaseException):
    """The keeper's container is gone in the middle of a run."""


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
            end_s=start_s + (1 if end in NEVER_RAN else draw.uniform(30, 3600)),
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
        elif job.end not in NEVER_RAN:
            store.job = job
            if any(j.is_published_at(job.start_s) for j in self.of(job.destination)):
                # The worker finds so, and makes nothing.
                job.end, job.end_s = "published", job.start_s + 20

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
        ended = now_s >= job.end_s and job.end not in SILENT
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
            yield {"jobSummaryList": [job.summary(seen_s) for job in there[at : at + 100]]}

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
