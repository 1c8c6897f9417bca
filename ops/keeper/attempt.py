"""The jobs of a queue by what they make: each destination with its attempts. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ops.batch.job import BatchJob, is_child, read_job
from worker.config.location import S3Location, parse_location
from worker.config.sources import split_sources

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

# Tags of a job that the keeper submitted: the how manieth resubmission it is, the causes of those
# so far, and the job in whose stead it runs.
ATTEMPT_TAG = "keeper-attempt"
CAUSES_TAG = "keeper-causes"
FAILED_JOB_TAG = "keeper-failed-job"
KEEPER_TAGS = frozenset({ATTEMPT_TAG, CAUSES_TAG, FAILED_JOB_TAG})
_TAKEN = 75
# Between two events of one upload at most.
_DOUBLE = timedelta(minutes=15)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One job, and how often its video was resubmitted before; `detail` is as Batch has it."""

    job: BatchJob
    detail: JobDetailTypeDef
    number: int = 0
    causes: tuple[str, ...] = ()

    @property
    def created(self) -> datetime:
        """When it was submitted; long ago where Batch does not say."""
        return self.job.created or _LONG_AGO

    @property
    def ended(self) -> datetime:
        """When it ended; when it was submitted where it never ran."""
        return self.job.stopped or self.created

    @property
    def source(self) -> str:
        """What it was to read."""
        return self.job.parameters.get("source", "")

    @property
    def was_stopped(self) -> bool:
        """Whether somebody had Batch cancel or terminate it."""
        return bool(self.detail.get("isTerminated") or self.detail.get("isCancelled"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Video:
    """A destination and its attempts, the oldest first. No destination: a job that names none."""

    destination: S3Location | None
    attempts: tuple[Attempt, ...]

    @property
    def name(self) -> str:
        """What people know it by."""
        return str(self.destination or self.attempts[-1].job.name)

    @property
    def active(self) -> Attempt | None:
        """A job that waits or runs."""
        return next((a for a in self.attempts if not a.job.has_ended), None)

    @property
    def decisive(self) -> Attempt:
        """The newest attempt, but for those that ended because another did the same at the time."""
        own = (a for a in reversed(self.attempts) if not self._is_duplicate(a))
        return next(own, self.attempts[-1])

    @property
    def resubmissions(self) -> int:
        """How often the keeper submitted it since somebody else did; Batch may forget some.

        A submission of the same source beside a job that waits or runs, or soon after another one,
        is that of an event that came twice, and begins no new count.
        """
        count = 0
        for at, attempt in enumerate(self.attempts):
            if attempt.number:
                count = max(count + 1, attempt.number)
            elif not any(_is_beside(attempt, other) for other in self.attempts[:at]):
                count = 0
        return count

    @property
    def sources(self) -> frozenset[str]:
        """The locations that its attempts were to read."""
        found: set[str] = set()
        for attempt in self.attempts:
            with contextlib.suppress(ValueError):
                found.update(str(parse_location(each)) for each in split_sources(attempt.source))
        return frozenset(found)

    def has(self, job_id: str) -> bool:
        """Whether a job is one of its attempts."""
        return any(a.job.id == job_id for a in self.attempts)

    def _is_duplicate(self, attempt: Attempt) -> bool:
        return attempt.job.exit_code == _TAKEN and any(
            other.source == attempt.source
            and other.job.exit_code != _TAKEN
            and (other.job.stopped is None or other.ended >= attempt.created)
            for other in self.attempts
        )


def _is_beside(attempt: Attempt, earlier: Attempt) -> bool:
    if attempt.source != earlier.source:
        return False
    is_active = not earlier.job.has_ended or earlier.ended >= attempt.created
    return is_active or attempt.created - earlier.created < _DOUBLE


def read_attempt(detail: JobDetailTypeDef) -> Attempt:
    """Read an element of DescribeJobs' `jobs`."""
    tags = detail.get("tags", {})
    number = tags.get(ATTEMPT_TAG, "")
    return Attempt(
        job=read_job(detail),
        detail=detail,
        number=int(number) if number.isdecimal() else 0,
        causes=tuple(tags.get(CAUSES_TAG, "").split()),
    )


def group(details: Iterable[JobDetailTypeDef]) -> list[Video]:
    """Group jobs by destination; one that is listed twice counts once.

    An array job is one attempt; its children are none. Jobs of several nodes are not this system's.
    """
    found: dict[str, tuple[S3Location | None, list[Attempt]]] = {}
    for detail in _once(details).values():
        if is_child(detail["jobId"]) or "nodeProperties" in detail:
            continue
        attempt = read_attempt(detail)
        destination = attempt.job.destination
        name = str(destination or attempt.job.id)
        found.setdefault(name, (destination, []))[1].append(attempt)
    return [
        Video(
            destination=destination,
            attempts=tuple(sorted(attempts, key=lambda a: (a.created, a.number))),
        )
        for _, (destination, attempts) in sorted(found.items())
    ]


def _once(details: Iterable[JobDetailTypeDef]) -> Mapping[str, JobDetailTypeDef]:
    """Map ids to jobs; of one that was read twice, as it was the last time."""
    return {detail["jobId"]: detail for detail in details}
