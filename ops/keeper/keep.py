"""One run of the keeper over a queue: list, decide, claim, resubmit, report."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, explain
from ops.batch.job import SUCCEEDED, BatchJob
from ops.keeper.attempt import Video, group
from ops.keeper.claim import Claim, read_claim
from ops.keeper.decide import Decision, Nothing, Person, Resubmission, Settings, State, decide
from ops.keeper.queue import list_queue, with_machines
from ops.keeper.report import Entry, Kind, Report, to_message
from ops.keeper.request import build_resubmission
from ops.keeper.resubmit import AS_QUICK, resubmit
from worker.errors import WorkerError
from worker.layout import STATUS
from worker.records.base import UnreadableRecordError
from worker.records.status import StatusRecord
from worker.storage.base import Store

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef

WINDOW_HOURS = 168
MAX_JOBS = 3000
_KINDS = {
    State.PUBLISHED: Kind.PUBLISHED,
    State.ACTIVE: Kind.ACTIVE,
    State.PAUSED: Kind.PAUSED,
    State.RESUBMITTED: Kind.PENDING,
}


@dataclass(kw_only=True, slots=True)
class Keeper:
    """A run. `open_store` opens a job's destination; `topic`: of SNS, for reports."""

    aws: Aws
    queue: str
    open_store: Callable[[BatchJob], Store]
    now: Callable[[], datetime]
    settings: Settings = field(default_factory=Settings)
    window_s: float = WINDOW_HOURS * 3600.0
    max_jobs: int = MAX_JOBS
    dry_run: bool = False
    topic: str | None = None
    _name: str = field(default_factory=lambda: uuid.uuid4().hex)
    _definitions: dict[str, JobDefinitionTypeDef | None] = field(default_factory=dict)
    _to_report: list[tuple[Entry, Claim]] = field(default_factory=list)

    def run(self) -> Report:
        """Look after each video of the queue.

        Raises:
            BotoCoreError: Batch does not answer.
            ClientError: Batch refuses to list its jobs.

        """
        listing = list_queue(
            self.aws,
            self.queue,
            now=self.now(),
            window_s=self.window_s,
            max_jobs=self.max_jobs,
        )
        report = Report(dry_run=self.dry_run, is_whole=listing.is_whole)
        if listing.is_cut:
            report.notes.append(
                f"there are more than {self.max_jobs} jobs in the window; older ones were not"
                " looked at (--max-jobs)"
            )
        if listing.is_active_cut:
            report.notes.append(
                f"more than {self.max_jobs} jobs wait or run; nothing is resubmitted (--max-jobs)"
            )
        for video in group(listing.details):
            entry = self._keep(video, may_submit=not listing.is_active_cut)
            report.add(entry, video.sources)
        self._publish(report)
        return report

    def _keep(self, video: Video, *, may_submit: bool) -> Entry:
        """Look after one video; what goes wrong with it stops no other."""
        problem = partial(Entry, kind=Kind.PROBLEM, video=video.name)
        try:
            return self._look_after(video, may_submit=may_submit)
        except WorkerError as error:
            return problem(text=str(error))
        except (BotoCoreError, ClientError) as error:
            return problem(text=str(explain(error)))

    def _look_after(self, video: Video, *, may_submit: bool) -> Entry:
        decided = partial(decide, now=self.now(), settings=self.settings)
        last = video.decisive.job
        if video.destination is None or video.active or last.status == SUCCEEDED:
            return _entry(video, decided(video, status=None, claim=None))
        video = with_machines(self.aws, video)
        last = video.decisive.job
        store = self.open_store(last)
        claim = read_claim(store, self._name)
        decision = decided(video, status=_read_status(store), claim=claim.record)
        entry = _entry(video, decision)
        if isinstance(decision, Resubmission):
            if not may_submit:
                return Entry(kind=Kind.PROBLEM, video=video.name, text="too many jobs wait or run")
            if not self.dry_run:
                entry = self._resubmit(video, decision, claim, entry)
        is_new = last.id not in claim.record.reported_jobs
        if is_new and (
            entry.kind is Kind.PERSON
            or (isinstance(decision, Resubmission) and decision.rule.is_reported)
        ):
            self._to_report.append((entry, claim))
        return entry

    def _resubmit(self, video: Video, decision: Resubmission, claim: Claim, entry: Entry) -> Entry:
        def submit() -> str:
            definition = self._definition(decision.attempt.job.definition)
            request = build_resubmission(decision, definition)
            return self.aws.batch_once.submit_job(**request)["jobId"]

        job_id = resubmit(
            self.aws, self.queue, video, decision, claim=claim, submit=submit, now=self.now()
        )
        if job_id is None:
            return Entry(kind=Kind.PENDING, video=video.name, text=AS_QUICK)
        return Entry(
            kind=entry.kind,
            video=entry.video,
            job_id=entry.job_id,
            text=f"{entry.text}, as {job_id}",
            result=entry.result,
        )

    def _definition(self, name: str) -> JobDefinitionTypeDef | None:
        if name not in self._definitions:
            found = self.aws.batch.describe_job_definitions(jobDefinitions=[name])
            self._definitions[name] = next(iter(found["jobDefinitions"]), None)
        return self._definitions[name]

    def _publish(self, report: Report) -> None:
        """Publish what newly needs a person, each job's end once."""
        if self.topic is None or self.dry_run:
            return
        reported = [(entry, claim) for entry, claim in self._to_report if _note(entry, claim)]
        if not reported:
            return
        subject, text = to_message([entry for entry, _ in reported])
        try:
            self.aws.sns.publish(TopicArn=self.topic, Subject=subject, Message=text)
        except (BotoCoreError, ClientError) as error:
            report.notes.append(f"{self.topic} got no report: {explain(error)}")
            for entry, claim in reported:
                claim.forget_report(entry.job_id)


def _note(entry: Entry, claim: Claim) -> bool:
    try:
        return claim.note_report(entry.job_id)
    except WorkerError:
        # Where nothing can be remembered, it would be reported in each run; the list has it.
        return False


def _entry(video: Video, decision: Decision) -> Entry:
    last = video.decisive.job
    make = partial(Entry, video=video.name, job_id=last.id)
    match decision:
        case Nothing():
            when = decision.not_before
            text = f"not before {when:%H:%M:%S} UTC" if when else decision.state
            return make(kind=_KINDS[decision.state], text=text)
        case Person():
            return make(kind=Kind.PERSON, text=decision.advice, result=decision.result)
        case Resubmission():
            text = f"{decision.rule.cause}, resubmission {decision.number}"
            if decision.memory_mib:
                text += f" with {decision.memory_mib} MiB"
            if decision.rule.is_reported:
                text += "; report it to the developers"
            return make(kind=Kind.RESUBMITTED, text=text, result=decision.result)


def _read_status(store: Store) -> StatusRecord | None:
    content = store.get(STATUS)
    try:
        return StatusRecord.from_json(content.data) if content else None
    except UnreadableRecordError:
        # Of another version; the worker's lease holds all the same.
        return None
