"""Follows a job to its end: status, reasons for waiting, log lines, progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, explain
from ops.batch.array import Machine, fetch_children, find_array_result, machines_of
from ops.batch.job import RUNNABLE, RUNNING, BatchJob, fetch_job
from ops.batch.log import FinishedLine, LogReader, find_finished
from ops.batch.pending import why_waiting
from ops.batch.result import Result, describe_result, find_result, result_record
from ops.batch.status import StatusFile, describe_progress, read_status
from ops.console import duration, say, show_json, warn
from ops.errors import INTERRUPTED, LaterError, OpsError, UnreachableError

POLL_S = 5.0
# An instance takes two to five minutes to come up; before that, waiting needs no explanation.
_PATIENCE_S = 180.0
# Batch may report FAILED before the log driver has delivered the last line.
_LAST_LINES_S = 10.0
_PERCENT_STEP = 5
# Of calls in a row that AWS does not answer; each was made six times by then.
_MAX_MISSED = 20


@dataclass(kw_only=True, slots=True)
class _ArrayView:
    """What was shown of an array job. `show` takes a text, an event's name and its fields."""

    aws: Aws
    show: Callable[..., None]
    _shown: dict[int, tuple[object, ...]] = field(default_factory=dict)
    _alone: str | None = None

    def update(self, job: BatchJob) -> tuple[StatusFile, Sequence[BatchJob]]:
        """Show what has changed; return what was read."""
        children = fetch_children(self.aws, job)
        status = read_status(self.aws, job)
        record = status.of(job.id)
        for machine in machines_of(children, record):
            self._show_machine(machine)
        if record and record.alone and record.alone != self._alone:
            self._alone = record.alone
            text = f"one machine makes the video without the others: {record.alone}"
            self.show(text, "alone", reason=record.alone)
        return status, children

    def _show_machine(self, machine: Machine) -> None:
        """Show a machine whose state has changed: segments alone would be a line each few seconds.

        The progress of the video counts those of all.
        """
        now = (machine.status, machine.state, machine.exit_status)
        if self._shown.get(machine.number) != now:
            self._shown[machine.number] = now
            self.show(f"  {machine.text}", "machine", machine=machine.record)


@dataclass(kw_only=True, slots=True)
class JobFollower:
    """One job being followed. The clock counts seconds; a test gives its own, and its own sleep."""

    aws: Aws
    job_id: str
    poll_s: float = POLL_S
    as_json: bool = False
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _finished: FinishedLine | None = None
    _status: str = ""
    _since: float = 0.0
    _why: tuple[str, ...] = ()
    _progress: tuple[str, int] = ("", -1)
    _problems: set[str] = field(default_factory=set)
    _array: _ArrayView = field(init=False)

    def __post_init__(self) -> None:
        self._array = _ArrayView(aws=self.aws, show=self._show)

    def follow(self) -> int:
        """Show everything until the job has ended; return its exit status.

        Ctrl-C ends the following, not the job.
        """
        try:
            return self._follow()
        except KeyboardInterrupt:
            show = warn if self.as_json else say
            show("")
            show(f"The job {self.job_id} continues.")
            show(f"  to follow it again:  scripts/jobs {self.job_id} --follow")
            show(f"  to end it:           scripts/jobs {self.job_id} --terminate")
            return INTERRUPTED

    def _follow(self) -> int:
        log = LogReader(self.aws)
        missed = 0
        while True:
            try:
                job = fetch_job(self.aws, self.job_id)
            except (BotoCoreError, ClientError) as error:
                missed = self._miss(explain(error), missed)
            else:
                missed = 0
                if (result := self._show_job(log, job)) is not None:
                    self._show_end(job, result)
                    return result.exit_status
            self.sleep(self.poll_s)

    def _show_job(self, log: LogReader, job: BatchJob) -> Result | None:
        """Show what has changed; return how the job ended, if it has."""
        self._show_status(job)
        if job.array_size is not None:
            return self._show_array(job)
        self._show_lines(log, job)
        if job.status == RUNNING:
            self._show_progress(job, read_status(self.aws, job))
        return self._end(log, job) if job.has_ended else None

    def _show_array(self, job: BatchJob) -> Result | None:
        status, children = self._array.update(job)
        if waiting := [child for child in children if child.status == RUNNABLE]:
            what = f"{len(waiting)} of {job.array_size} machines RUNNABLE"
            self._explain_wait(waiting[0], what)
        self._show_progress(job, status)
        return find_array_result(job, status.of(job.id), children)

    def _miss(self, error: OpsError, missed: int) -> int:
        if not isinstance(error, (UnreachableError, LaterError)) or missed >= _MAX_MISSED:
            raise error
        self._warn_once(str(error))
        return missed + 1

    def _show_status(self, job: BatchJob) -> None:
        now = self.clock()
        if job.status != self._status:
            waited = f" (after {duration(now - self._since)})" if self._status else ""
            self._status, self._since, self._why = job.status, now, ()
            self._show(f"{job.status}{waited}", "status", status=job.status)
        elif job.status == RUNNABLE:
            self._explain_wait(job, "RUNNABLE")

    def _explain_wait(self, job: BatchJob, what: str) -> None:
        waited_s = self.clock() - self._since
        if waited_s < _PATIENCE_S:
            return
        why = why_waiting(self.aws, job)
        if why != self._why:
            self._why = why
            lines = [f"{what} for {duration(waited_s)}:", *why]
            self._show("\n  ".join(lines), "waiting", why=why)

    def _show_lines(self, log: LogReader, job: BatchJob) -> None:
        try:
            lines = log.read_new(job.streams)
        except (BotoCoreError, ClientError) as error:
            self._warn_once(f"the log cannot be read: {explain(error)}")
            return
        self._finished = find_finished(lines) or self._finished
        for line in lines:
            self._show(f"  {line}", "log", line=line.text)

    def _show_progress(self, job: BatchJob, status: StatusFile) -> None:
        record = status.of(job.id)
        if record is None:
            if status.problem and not status.is_missing:
                self._warn_once(f"no progress can be shown: {status.problem}")
            return
        now = (record.step, int(record.percent) // _PERCENT_STEP)
        if now != self._progress:
            self._progress = now
            progress = {"step": record.step, "percent": record.percent}
            left_s = record.seconds_left
            self._show(
                f"  … {describe_progress(record)}", "progress", **progress, seconds_left=left_s
            )

    def _end(self, log: LogReader, job: BatchJob) -> Result:
        deadline = self.clock() + _LAST_LINES_S
        while self._finished is None and self.clock() < deadline and job.started:
            self.sleep(min(self.poll_s, 1.0))
            self._show_lines(log, job)
        return find_result(job, read_status(self.aws, job).record, self._finished)

    def _show_end(self, job: BatchJob, result: Result) -> None:
        self._show("\n".join(describe_result(job, result)), "ended", **result_record(job, result))

    def _show(self, text: str, event: str, **fields: object) -> None:
        if self.as_json:
            show_json({"event": event, "job_id": self.job_id, **fields})
        else:
            say(text)

    def _warn_once(self, text: str) -> None:
        if text not in self._problems:
            self._problems.add(text)
            warn(text)
