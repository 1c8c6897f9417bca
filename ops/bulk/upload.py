"""Submits the rows of a list, each exactly once, and follows their jobs to the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, explain
from ops.batch.job import BatchJob, fetch_details, read_job
from ops.batch.once import SETTLE_S, Submitter
from ops.bulk.check import Row
from ops.bulk.follow import FORGOTTEN, is_running, read_end
from ops.bulk.known import KnownJobs, Standing
from ops.bulk.state import RowEnd, State
from ops.console import warn
from ops.errors import LaterError, OpsError, UnexpectedError, UnreachableError

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import SubmitJobRequestTypeDef

# Of calls in a row that AWS does not answer; each was made six times by then.
_MAX_MISSED = 20
# Of rows in a row that Batch refuses: it is not the rows then.
_MAX_REFUSED = 3
# DescribeJobs may need a moment to show a job that was just submitted.
_FORGOTTEN_S = 60.0


class Phase(StrEnum):
    """How a row stands."""

    LISTED = "to submit"
    WAITING = "waiting"
    RUNNING = "running"
    PUBLISHED = "published"
    REFUSED = "refused"
    FAILED = "failed"
    SKIPPED = "skipped"


ENDED = frozenset({Phase.PUBLISHED, Phase.REFUSED, Phase.FAILED, Phase.SKIPPED})


@dataclass(kw_only=True, slots=True)
class Progress:
    """A row on its way."""

    row: Row
    phase: Phase = Phase.LISTED
    job_id: str | None = None
    end: RowEnd | None = None
    missing_since_s: float | None = None

    @property
    def is_in_batch(self) -> bool:
        """Whether its job waits or runs."""
        return self.phase in {Phase.WAITING, Phase.RUNNING}


@dataclass(kw_only=True, slots=True)
class Upload:
    """The rows of a list on their way. The clock counts seconds; a test gives its own, and sleep.

    `build` makes SubmitJob's arguments of a row; `find_published` finds the run of its destination
    that is published already. `show` is called with each change, `tick` with all rows between two.
    """

    aws: Aws
    state: State
    known: KnownJobs
    submitter: Submitter
    build: Callable[[Row], SubmitJobRequestTypeDef]
    find_published: Callable[[SubmitJobRequestTypeDef], object | None]
    show: Callable[[Progress], None] = lambda _: None
    tick: Callable[[Sequence[Progress]], None] = lambda _: None
    in_flight: int
    follows: bool = True
    poll_s: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _standings: Mapping[str, Standing] = field(default_factory=dict, init=False)
    _missed: int = field(default=0, init=False)
    _refused: int = field(default=0, init=False)

    def run(self, rows: Sequence[Row]) -> list[Progress]:
        """Submit and follow all rows; return how each ended, or stands where it is not followed.

        Raises:
            OpsError: AWS does not answer for long, or refuses what is no single row's fault.

        """
        all_rows = [Progress(row=row) for row in rows]
        self._wait_until_settled()
        self._standings = self.known.of_all(rows)
        for each in all_rows:
            self._resume(each)
        self.tick(all_rows)
        while True:
            self._submit_some(all_rows)
            if not self.follows or all(each.phase in ENDED for each in all_rows):
                return all_rows
            self.sleep(self.poll_s)
            self._poll([each for each in all_rows if each.is_in_batch])
            self.tick(all_rows)

    def _wait_until_settled(self) -> None:
        """Wait until a job that was submitted in the last moment of a killed process is listed."""
        begun = [line.at for line in self.state.last.values() if line.event == "submitting"]
        if begun:
            age_s = (datetime.now(UTC) - max(begun)).total_seconds()
            self.sleep(min(SETTLE_S, max(0.0, SETTLE_S - age_s)))

    def _resume(self, each: Progress) -> None:
        """Take over what was done for a row before."""
        recorded = self.state.last.get(each.row.digest)
        own = self._standings[each.row.digest].own
        recorded_id = recorded.job_id if recorded else None
        if own is not None and own.id != recorded_id:
            # Submitted and not recorded; or submitted again since, by hand or by the keeper.
            self.state.add(each.row.digest, "submitted", job_id=own.id)
            recorded = self.state.last[each.row.digest]
        if recorded is None or recorded.event == "submitting":
            return
        each.job_id = recorded.job_id
        if recorded.end is not None:
            self._end(each, recorded.end, is_recorded=True)
        elif own is not None:
            self._take(each, own)
        else:
            self._set(each, Phase.WAITING)

    def _submit_some(self, all_rows: Sequence[Progress]) -> None:
        free = self.in_flight - sum(each.is_in_batch for each in all_rows)
        for each in all_rows:
            if self.follows and free <= 0:
                return
            if each.phase is Phase.LISTED:
                self._submit(each)
                free -= each.is_in_batch
                self.tick(all_rows)

    def _submit(self, each: Progress) -> None:
        row = each.row
        standing = self._standings[row.digest] if self.known.is_fresh else self.known.of(row)
        if standing.own is not None:
            self._record(each, standing.own.id)
            return
        if standing.other is not None:
            self._end(each, _taken_by(standing.other), is_recorded=True)
            return
        request = self.build(row)
        if self.find_published(request) is not None:
            self._end(each, _ALREADY)
            return
        self.state.add(row.digest, "submitting")
        try:
            job_id = self.submitter.submit(request, lambda: self._find(row))
        except UnexpectedError as error:
            self._refuse(each, error)
        else:
            self._refused = 0
            self._record(each, job_id)

    def _find(self, row: Row) -> str | None:
        own = self.known.of(row).own
        return own.id if own else None

    def _refuse(self, each: Progress, error: UnexpectedError) -> None:
        """End a row that Batch does not take; where it takes none, end all."""
        self._refused += 1
        if self._refused >= _MAX_REFUSED:
            raise error
        end = RowEnd(state="failed", outcome="not submitted", message=str(error))
        # Not recorded: the next run tries it again.
        self._end(each, end, is_recorded=True)

    def _record(self, each: Progress, job_id: str) -> None:
        self.state.add(each.row.digest, "submitted", job_id=job_id)
        each.job_id = job_id
        self._set(each, Phase.WAITING)

    def _poll(self, working: Sequence[Progress]) -> None:
        ids = [each.job_id for each in working if each.job_id]
        try:
            details = fetch_details(self.aws, ids)
            jobs = {job_id: read_job(detail) for job_id, detail in details.items()}
            for each in working:
                self._take(each, jobs.get(each.job_id or ""))
        except (BotoCoreError, ClientError) as error:
            self._miss(explain(error))
        else:
            self._missed = 0

    def _miss(self, error: OpsError) -> None:
        self._missed += 1
        if not isinstance(error, (UnreachableError, LaterError)) or self._missed > _MAX_MISSED:
            raise error
        warn(str(error))

    def _take(self, each: Progress, job: BatchJob | None) -> None:
        """Take over how a row's job stands."""
        if job is None:
            now = self.clock()
            if each.missing_since_s is None:
                each.missing_since_s = now
            elif now - each.missing_since_s > _FORGOTTEN_S:
                self._end(each, FORGOTTEN)
            return
        each.missing_since_s = None
        if job.has_ended:
            self._end(each, read_end(self.aws, job))
        else:
            self._set(each, Phase.RUNNING if is_running(job) else Phase.WAITING)

    def _end(self, each: Progress, end: RowEnd, *, is_recorded: bool = False) -> None:
        if not is_recorded:
            self.state.add(each.row.digest, "ended", job_id=each.job_id, end=end)
        each.end = end
        self._set(each, Phase(end.state))

    def _set(self, each: Progress, phase: Phase) -> None:
        if phase is not each.phase:
            each.phase = phase
            self.show(each)


_ALREADY = RowEnd(
    state="published",
    outcome="published",
    message="was published before, from the same source with the same options: nothing submitted",
)


def _taken_by(job: BatchJob) -> RowEnd:
    return RowEnd(
        state="skipped",
        outcome="taken",
        message=f"another job works for this destination: {job.id} ({job.status})",
        advice="run the same command again when it has ended",
    )
