"""What a queue holds, within bounds; and whether a destination has a job that was not seen yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from ops.aws import Aws
from ops.batch.array import fetch_ended
from ops.batch.job import STATUSES, SUCCEEDED, is_child, read_job
from ops.batch.request import name_for
from ops.keeper.attempt import Video

if TYPE_CHECKING:
    from mypy_boto3_batch.literals import JobStatusType
    from mypy_boto3_batch.type_defs import JobDetailTypeDef, JobSummaryTypeDef

# In the order in which a job passes them: one that moves on meanwhile is not missed.
_ACTIVE: Sequence[JobStatusType] = STATUSES[: STATUSES.index(SUCCEEDED)]
_ENDED: Sequence[JobStatusType] = STATUSES[STATUSES.index(SUCCEEDED) :]
_DESCRIBED = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Jobs as DescribeJobs has them.

    `is_cut`: there are more, older ones that were not read. `is_active_cut`: more that wait or run,
    so that nothing may be concluded from their absence.
    """

    details: tuple[JobDetailTypeDef, ...]
    is_cut: bool
    is_active_cut: bool

    @property
    def is_whole(self) -> bool:
        """Whether every job was read, so that one that is not listed is not there."""
        return not self.is_cut and not self.is_active_cut


def list_queue(aws: Aws, queue: str, *, now: datetime, window_s: float, max_jobs: int) -> Listing:
    """Read the jobs that wait or run, and those that were submitted or ended within the window.

    Of each kind `max_jobs` at most, the newest of the second.
    """
    active = list(islice(_active_ids(aws, queue), max_jobs + 1))
    after_ms = int((now - timedelta(seconds=window_s)).timestamp() * 1000)
    recent = list(islice(_recent_ids(aws, queue, after_ms), max_jobs + 1))
    ids = dict.fromkeys([*active[:max_jobs], *recent[:max_jobs]])
    return Listing(
        details=tuple(_describe(aws, ids)),
        is_cut=len(recent) > max_jobs,
        is_active_cut=len(active) > max_jobs,
    )


def has_unseen_job(aws: Aws, queue: str, video: Video) -> bool:
    """Whether a job for this destination was submitted since the queue was listed.

    Jobs are named by what they make, so a few are asked for: all of that name, as one that is left
    out would be taken for none. Another destination may have the same name, which has fewer
    characters.
    """
    named = _ids(aws, queue, _filter("JOB_NAME", name_for(str(video.destination))))
    unseen = [job_id for job_id in named if not video.has(job_id)]
    newest = video.attempts[-1].created
    for job in map(read_job, _describe(aws, unseen)):
        if job.destination == video.destination and (
            not job.has_ended or job.created is None or job.created >= newest
        ):
            return True
    return False


def with_machines(aws: Aws, video: Video) -> Video:
    """Return a video with how the machines of its failed array jobs ended.

    Of an array job itself Batch reports no exit status, and no reason but that a child failed.
    """
    attempts = (replace(each, job=fetch_ended(aws, each.job)) for each in video.attempts)
    return replace(video, attempts=tuple(attempts))


def _active_ids(aws: Aws, queue: str) -> Iterator[str]:
    for status in _ACTIVE:
        yield from _ids(aws, queue, {"jobStatus": status})


def _recent_ids(aws: Aws, queue: str, after_ms: int) -> Iterator[str]:
    yield from _ids(aws, queue, _filter("AFTER_CREATED_AT", str(after_ms)))
    # Batch keeps a job for a week after its end; in a full queue it may have waited for longer.
    for status in _ENDED:
        for summary in _summaries(aws, queue, {"jobStatus": status}):
            if summary.get("createdAt", 0) <= after_ms < summary.get("stoppedAt", 0):
                yield summary["jobId"]


def _filter(name: str, value: str) -> dict[str, Any]:
    return {"filters": [{"name": name, "values": [value]}]}


def _ids(aws: Aws, queue: str, which: dict[str, Any]) -> Iterator[str]:
    return (summary["jobId"] for summary in _summaries(aws, queue, which))


def _summaries(aws: Aws, queue: str, which: dict[str, Any]) -> Iterator[JobSummaryTypeDef]:
    for page in aws.batch.get_paginator("list_jobs").paginate(jobQueue=queue, **which):
        for summary in page["jobSummaryList"]:
            # An array job stands for its children.
            if not is_child(summary["jobId"]):
                yield summary


def _describe(aws: Aws, ids: Iterable[str]) -> Iterator[JobDetailTypeDef]:
    wanted = list(ids)
    for at in range(0, len(wanted), _DESCRIBED):
        yield from aws.batch.describe_jobs(jobs=wanted[at : at + _DESCRIBED])["jobs"]
