"""Follows a job to its end: status, reasons for waiting, log lines, progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, explain
from ops.batch.job import RUNNABLE, RUNNING, BatchJob, fetch_job
from ops.batch.log import Follower, find_finished
from ops.batch.pending import why_waiting
from ops.batch.result import Ending, judge
from ops.batch.status import describe_progress, read_status
from ops.console import duration, redact, say, warn
from ops.errors import INTERRUPTED, LaterError, OpsError, UnreachableError

POLL_S = 5.0
# An instance takes two to five minutes to come up; before that, waiting needs no explanation.
_PATIENCE_S = 180.0
# Batch may say FAILED before the log driver has delivered the last line.
_LAST_LINES_S = 10.0
_PERCENT_STEP = 5
# Of calls in a row that AWS does not answer; each was made six times by then.
_MAX_MISSED = 20


@dataclass(kw_only=True, slots=True)
class Watch:
    """One job being followed. The clock counts seconds; it and sleep are a test's to give."""

    aws: Aws
    job_id: str
    poll_s: float = POLL_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _finished: Mapping[str, Any] | None = None
    _status: str = ""
    _since: float = 0.0
    _why: tuple[str, ...] = ()
    _progress: tuple[str, int] = ("", -1)
    _problems: set[str] = field(default_factory=set)

    def follow(self) -> int:
        """Show everything until the job has ended; return its exit status.

        Ctrl-C ends the watching, not the job.
        """
        try:
            return self._follow()
        except KeyboardInterrupt:
            say()
            say(f"The job {self.job_id} goes on.")
            say(f"  to follow it again:  scripts/jobs {self.job_id} --follow")
            say(f"  to end it:           scripts/jobs {self.job_id} --terminate")
            return INTERRUPTED

    def _follow(self) -> int:
        follower = Follower(self.aws)
        missed = 0
        while True:
            try:
                job = fetch_job(self.aws, self.job_id)
            except (BotoCoreError, ClientError) as error:
                missed = self._miss(explain(error), missed)
            else:
                missed = 0
                self._show_status(job)
                self._show_lines(follower, job)
                self._show_progress(job)
                if job.has_ended:
                    return self._end(follower, job)
            self.sleep(self.poll_s)

    def _miss(self, error: OpsError, missed: int) -> int:
        if not isinstance(error, (UnreachableError, LaterError)) or missed >= _MAX_MISSED:
            raise error
        self._tell_once(str(error))
        return missed + 1

    def _show_status(self, job: BatchJob) -> None:
        now = self.clock()
        if job.status != self._status:
            waited = f" (after {duration(now - self._since)})" if self._status else ""
            self._status, self._since, self._why = job.status, now, ()
            say(f"{job.status}{waited}")
        elif job.status == RUNNABLE and now - self._since >= _PATIENCE_S:
            why = why_waiting(self.aws, job)
            if why != self._why:
                self._why = why
                say(f"RUNNABLE for {duration(now - self._since)}:")
                for reason in why:
                    say(f"  {reason}")

    def _show_lines(self, follower: Follower, job: BatchJob) -> None:
        try:
            lines = follower.read_new(job.streams)
        except (BotoCoreError, ClientError) as error:
            self._tell_once(f"the log cannot be read: {explain(error)}")
            return
        self._finished = find_finished(lines) or self._finished
        for line in lines:
            say(f"  {line}")

    def _show_progress(self, job: BatchJob) -> None:
        if job.status != RUNNING:
            return
        status = read_status(self.aws, job)
        fields = status.of(job.id)
        if fields is None:
            if status.fields is None and status.problem and "(yet)" not in status.problem:
                self._tell_once(f"no progress can be shown: {status.problem}")
            return
        now = (str(fields.get("step")), int(fields.get("percent") or 0) // _PERCENT_STEP)
        if now != self._progress:
            self._progress = now
            say(f"  … {describe_progress(fields)}")

    def _end(self, follower: Follower, job: BatchJob) -> int:
        deadline = self.clock() + _LAST_LINES_S
        while self._finished is None and self.clock() < deadline and job.started:
            self.sleep(min(self.poll_s, 1.0))
            self._show_lines(follower, job)
        status = read_status(self.aws, job).fields
        ending = judge(job, status, self._finished)
        for line in describe_ending(job, ending):
            say(line)
        return ending.exit_status

    def _tell_once(self, text: str) -> None:
        if text not in self._problems:
            self._problems.add(text)
            warn(text)


def describe_ending(job: BatchJob, ending: Ending) -> list[str]:
    """Say how a job ended and what to do."""
    ran = "" if job.ran_s is None else f", ran {duration(job.ran_s)}"
    told = "nobody tells the exit status" if ending.told_by == "nobody" else f"by {ending.told_by}"
    lines = [
        f"outcome    {ending.outcome}, exit status {ending.exit_status} ({told}{ran})",
        f"message    {redact(ending.message)}",
    ]
    return lines if ending.exit_status == 0 else [*lines, f"what to do {ending.advice}"]
