"""Which jobs of a queue are meant: by their ids, their status, their names, their age."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops.aws import Aws
from ops.batch.job import STATUSES, BatchJob, fetch_details, is_child, read_job
from ops.errors import NotThereError, UsageError

_UNITS_S = {"m": 60, "h": 3600, "d": 86400}
_SINCE = re.compile(r"([0-9]{1,6})([mhd])")
# Batch forgets ended jobs after about so long.
WEEK_S = 7 * 86400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Jobs by their ids; or else all of a queue with a status, a name, submitted since a time.

    `name` may end with an asterisk.
    """

    ids: Sequence[str] = ()
    statuses: Sequence[str] = STATUSES
    name: str | None = None
    since: datetime | None = None

    def find(self, aws: Aws, queue: str) -> list[BatchJob]:
        """Read them from Batch, the newest first.

        Raises:
            NotThereError: Batch has no job of one of the ids.

        """
        if self.ids:
            return fetch_named(aws, self.ids)
        ids = [
            summary["jobId"]
            for status in self.statuses
            for page in aws.batch.get_paginator("list_jobs").paginate(
                jobQueue=queue,
                jobStatus=status,  # type: ignore[arg-type]
            )
            for summary in page["jobSummaryList"]
            # Ending an array job ends its children.
            if self.is_named(summary["jobName"]) and not is_child(summary["jobId"])
        ]
        jobs = [read_job(detail) for detail in fetch_details(aws, ids).values()]
        # One that has moved on since it was listed is another's.
        kept = [job for job in jobs if job.status in self.statuses and self._is_recent(job)]
        return sorted(kept, key=lambda job: job.created or datetime.min.replace(tzinfo=UTC))[::-1]

    def is_named(self, name: str) -> bool:
        """Whether a job of this name is meant."""
        if self.name is None:
            return True
        if self.name.endswith("*"):
            return name.startswith(self.name[:-1])
        return name == self.name

    def _is_recent(self, job: BatchJob) -> bool:
        return self.since is None or (job.created is not None and job.created >= self.since)


def fetch_named(aws: Aws, ids: Sequence[str]) -> list[BatchJob]:
    """Read jobs by their ids.

    Raises:
        NotThereError: Batch has no such job (any more).

    """
    details = fetch_details(aws, list(dict.fromkeys(ids)))
    if missing := [job_id for job_id in ids if job_id not in details]:
        raise NotThereError(
            f"there is no job {', '.join(missing[:10])} in {aws.region}; check the ids and"
            " --region. Batch deletes a job about seven days after its end; its log is kept longer"
        )
    return [read_job(detail) for detail in details.values()]


def read_since(text: str | None, now: datetime) -> datetime | None:
    """Read how far back to look: `30m`, `24h`, `7d`.

    Raises:
        UsageError: it is none of these.

    """
    if text is None:
        return None
    match = _SINCE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise UsageError(f"--since {text!r}: write 30m, 24h or 7d")
    return now - timedelta(seconds=int(match[1]) * _UNITS_S[match[2]])
