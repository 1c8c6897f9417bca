"""Which rows Batch has a job of already: what makes submitting exactly once, also after a kill.

A job is named by its destination (`name_for`) and tagged with the digest of its row. Batch keeps
jobs for about a week.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ops.aws import Aws
from ops.batch.job import BatchJob, fetch_details, list_named, read_job
from ops.bulk.check import Row

ROW_TAG = "submitted-row"
# All names that `name_for` makes.
_EVERY = "video-*"
# Others submit too: an older answer is asked for again.
_FRESH_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What Batch has for a row. `own`: the newest job of the row; `other`: another, that works."""

    own: BatchJob | None = None
    other: BatchJob | None = None


@dataclass(kw_only=True, slots=True)
class KnownJobs:
    """The jobs of a queue. The clock counts seconds; a test gives its own."""

    aws: Aws
    queue: str
    clock: Callable[[], float] = time.monotonic
    _listed_s: float = field(default=float("-inf"), init=False)

    def of_all(self, rows: Sequence[Row]) -> dict[str, Standing]:
        """Return what there is of each row, by its digest: in one listing of the queue."""
        self._listed_s = self.clock()
        ids = self._list(_EVERY)
        return self._standings(rows, ids)

    def of(self, row: Row) -> Standing:
        """Return what there is of a row by now."""
        return self._standings([row], self._list(row.name))[row.digest]

    @property
    def is_fresh(self) -> bool:
        """Whether the listing of all rows still says what is in the queue."""
        return self.clock() - self._listed_s < _FRESH_S

    def _list(self, name: str) -> Mapping[str, list[str]]:
        """Return the ids of jobs by name, whatever their state."""
        found: dict[str, list[str]] = {}
        for job in list_named(self.aws, self.queue, name):
            found.setdefault(job["jobName"], []).append(job["jobId"])
        return found

    def _standings(self, rows: Sequence[Row], ids: Mapping[str, list[str]]) -> dict[str, Standing]:
        wanted = [job_id for row in rows for job_id in ids.get(row.name, ())]
        details = fetch_details(self.aws, wanted)
        jobs = {job_id: read_job(detail) for job_id, detail in details.items()}
        return {
            row.digest: _standing(row, [jobs[i] for i in ids.get(row.name, ()) if i in jobs])
            for row in rows
        }


def _standing(row: Row, jobs: Iterable[BatchJob]) -> Standing:
    own: list[BatchJob] = []
    others: list[BatchJob] = []
    for job in jobs:
        (own if job.tags.get(ROW_TAG) == row.digest else others).append(job)
    return Standing(
        own=max(own, key=lambda job: (job.created is not None, job.created), default=None),
        other=next((job for job in others if not job.has_ended), None),
    )
