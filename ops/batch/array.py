"""An array job: one video that several machines make together, each a child of the job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ops.aws import Aws
from ops.batch.job import FAILED, SUCCEEDED, BatchJob, fetch_details, read_job
from ops.batch.result import KILLED, Result, find_result
from worker.records.job import Outcome
from worker.records.status import StatusRecord
from worker.records.team import MachineState

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """One machine of an array job. `state`, `segments`: as the one that leads sees it, or None."""

    number: int
    job_id: str
    status: str
    state: MachineState | None = None
    segments: int | None = None
    exit_status: int | None = None
    reason: str | None = None

    @property
    def record(self) -> dict[str, Any]:
        """The same for a program."""
        return asdict(self)

    @property
    def text(self) -> str:
        """The same for a person."""
        parts = [self.status]
        # Of one that was killed, status.json has what it did before.
        if self.state and self.status not in {SUCCEEDED, FAILED}:
            parts.append(self.state)
        if self.segments is not None:
            parts.append(f"{self.segments} segments")
        if self.exit_status is not None:
            parts.append(f"exit status {self.exit_status}")
        if self.reason and self.status == FAILED:
            parts.append(self.reason)
        return f"machine {self.number}  {', '.join(parts)}"


def fetch_children(aws: Aws, job: BatchJob) -> tuple[BatchJob, ...]:
    """Ask Batch for the children of an array job, by their IDs; a plain job has none.

    ListJobs would have to be asked for each status.
    """
    ids = [f"{job.id}:{index}" for index in range(job.array_size or 0)]
    details = fetch_details(aws, ids)
    return tuple(read_job(details[job_id]) for job_id in ids if job_id in details)


def fetch_ended(aws: Aws, job: BatchJob) -> BatchJob:
    """Return a failed array job with how its machines ended; any other job as it is."""
    if job.array_size is None or job.status != FAILED:
        return job
    return with_end_of(job, fetch_children(aws, job))


def with_end_of(job: BatchJob, children: Sequence[BatchJob]) -> BatchJob:
    """Return an array job with the exit status and the reasons of the child that decided.

    Batch reports of the array itself only that a child failed.
    """
    if not (job.has_ended or _all_ended(job, children)):
        return job
    last = find_last(child for child in children if child.status == FAILED)
    if last is None:
        return job if job.has_ended else replace(job, status=SUCCEEDED)
    return replace(
        job,
        status=FAILED,
        reason=last.reason or job.reason,
        exit_code=last.exit_code,
        container_reason=last.container_reason,
        container_stream=last.container_stream,
        started=job.started or min((c.started for c in children if c.started), default=None),
        environment=job.environment or last.environment,
        vcpus=last.vcpus,
        memory_mib=last.memory_mib,
    )


def find_array_result(
    job: BatchJob,
    record: StatusRecord | None,
    children: Sequence[BatchJob],
    finished: Outcome | None = None,
) -> Result | None:
    """Return how an array job ended; None where it has not.

    It ends with its video, by status.json, whatever Batch calls it. Without a record of its end, it
    ends with its last child, whose last log line `finished` is.
    """
    has_ended = record is not None and record.state == "ended"
    if not (has_ended or job.has_ended or _all_ended(job, children)):
        return None
    return find_result(with_end_of(job, children), record, finished)


def find_last(children: Iterable[BatchJob]) -> BatchJob | None:
    """Return the child whose end is the job's: of those with the most to report, the last one.

    An exit status of the worker's own is more than a SIGKILL's. While a machine is left, it works
    on, so that the last one had all that the others had left.
    """
    return max(children, key=_weight, default=None)


def machines_of(children: Sequence[BatchJob], record: StatusRecord | None) -> tuple[Machine, ...]:
    """Put together what Batch and status.json report of each machine."""
    summaries = {each.job_id: each for each in record.machines} if record else {}
    machines = []
    for child in children:
        known = summaries.get(child.id)
        machines.append(
            Machine(
                number=int(child.id.rpartition(":")[2]) + 1,
                job_id=child.id,
                status=child.status,
                state=known.state if known else None,
                segments=known.segments if known else None,
                exit_status=_exit_status(child, known.exit_status if known else None),
                reason=child.container_reason or child.reason,
            )
        )
    return tuple(machines)


def machine_seconds(job: BatchJob, children: Sequence[BatchJob]) -> float | None:
    """Return how long all machines of a job ran; None where Batch does not say."""
    seconds = [child.ran_s for child in children if child.ran_s is not None]
    return sum(seconds) if seconds else job.ran_s


def count_machines(size: int, counts: Mapping[str, int]) -> str:
    """Return how many machines there are, and how many in each status."""
    parts = [f"{count} {status}" for status, count in counts.items() if count]
    return f"{size} machines" + (f": {', '.join(parts)}" if parts else "")


def _all_ended(job: BatchJob, children: Sequence[BatchJob]) -> bool:
    return len(children) == job.array_size and all(child.has_ended for child in children)


def _exit_status(child: BatchJob, reported: int | None) -> int | None:
    return reported if child.exit_code is None else child.exit_code


def _weight(child: BatchJob) -> tuple[int, datetime]:
    kind = 0 if child.exit_code is None else 1 if child.exit_code == KILLED else 2
    return kind, child.stopped or _LONG_AGO
