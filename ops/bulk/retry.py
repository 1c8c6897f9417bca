"""Submits failed jobs again by hand: those whose outcome says so, with what was given to them."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from ops.aws import Aws
from ops.batch.job import SUCCEEDED, BatchJob, fetch_details, is_child, list_named
from ops.batch.once import Submitter
from ops.batch.result import Result
from ops.bulk.follow import read_result
from ops.bulk.select import WEEK_S
from ops.errors import NotThereError, UnexpectedError, UsageError
from ops.keeper.attempt import KEEPER_TAGS, Video, group
from ops.keeper.claim import read_claim
from ops.keeper.decide import MAX_MEMORY_MIB, Resubmission, is_pending
from ops.keeper.queue import list_queue, with_machines
from ops.keeper.request import build_resubmission
from ops.keeper.resubmit import AS_QUICK, resubmit
from ops.keeper.rules import Rule, find_rule
from worker.config.team import team_of
from worker.errors import Resubmit, WorkerError
from worker.layout import KEEPER
from worker.storage.base import Store

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        JobDefinitionTypeDef,
        ResourceRequirementTypeDef,
        SubmitJobRequestTypeDef,
    )

_MAX_JOBS = 20_000
_MEMORY_STEP = 1.5
_BY_HAND = "by_hand"
_FIXED = frozenset(
    kind.exit_status for kind in WorkerError.__subclasses__() if kind.resubmit is Resubmit.AFTER_FIX
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retried:
    """What became of one failed job; `job_id` None: it was not, or only would be, resubmitted."""

    failed: BatchJob
    result: Result | None
    job_id: str | None = None
    why_not: str = ""

    @property
    def record(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "event": "retry",
            "failed_job": self.failed.id,
            "destination": str(self.failed.destination or ""),
            "exit_status": self.result and self.result.exit_status,
            "outcome": self.result and self.result.outcome,
            "job_id": self.job_id,
            "why_not": self.why_not or None,
        }


@dataclass(kw_only=True, slots=True)
class Retry:
    """How failed jobs are resubmitted. `vcpus`, `memory_mib`: instead of those that they had.

    `open_store` opens a job's destination, where a keeper and a person claim a resubmission.
    """

    aws: Aws
    queue: str
    open_store: Callable[[BatchJob], Store]
    now: datetime
    vcpus: int | None = None
    memory_mib: int | None = None
    dry_run: bool = False
    _name: str = field(default_factory=lambda: uuid.uuid4().hex)
    _definitions: dict[str, JobDefinitionTypeDef | None] = field(default_factory=dict)

    def by_ids(self, ids: Sequence[str]) -> Iterator[Retried]:
        """Resubmit these; also ones whose cause a person must have fixed first.

        Raises:
            NotThereError: Batch has no such job.

        """
        videos = self._videos(ids)
        for job_id in dict.fromkeys(ids):
            if is_child(job_id):
                raise UsageError(
                    f"{job_id} is a machine of an array job, which is resubmitted as a whole:"
                    f" --retry {team_of(job_id)}"
                )
            video = next((each for each in videos if each.has(job_id)), None)
            if video is None:
                raise NotThereError(f"there is no job {job_id} in {self.aws.region}")
            yield self._retry(video, job_id, is_named=True)

    def failed_since(self, since: datetime) -> Iterator[Retried]:
        """Resubmit each video whose newest job has failed since then, if its outcome says so."""
        for video in self._videos(()):
            last = video.decisive
            if last.job.has_ended and last.job.status != SUCCEEDED and last.ended >= since:
                yield self._retry(video, last.job.id, is_named=False)

    def _videos(self, ids: Sequence[str]) -> list[Video]:
        listing = list_queue(
            self.aws, self.queue, now=self.now, window_s=WEEK_S, max_jobs=_MAX_JOBS
        )
        if not listing.is_whole:
            raise UnexpectedError(
                f"{self.queue} has more than {_MAX_JOBS} jobs: whether a video has another job"
                " cannot be known; submit it by itself"
            )
        details = {detail["jobId"]: detail for detail in listing.details}
        details |= fetch_details(self.aws, [job_id for job_id in ids if job_id not in details])
        return group(details.values())

    def _retry(self, video: Video, job_id: str, *, is_named: bool) -> Retried:
        video = with_machines(self.aws, video)
        attempt = next(a for a in video.attempts if a.job.id == job_id)
        job = attempt.job
        if why_not := _superseded(video, job):
            return Retried(failed=job, result=None, why_not=why_not)
        result = read_result(self.aws, job)
        rule = find_rule(job, result)
        if rule is None and is_named and result.exit_status in _FIXED:
            rule = Rule(cause=_BY_HAND)
        if rule is None:
            return Retried(failed=job, result=result, why_not=result.advice)
        memory_mib = self.memory_mib
        if rule.needs_memory and memory_mib is None:
            memory_mib = _more_memory(job.memory_mib)
            if memory_mib is None:
                return Retried(
                    failed=job,
                    result=result,
                    why_not="give it --memory MIB: more than"
                    f" {job.memory_mib or 'the unknown'} MiB",
                )
        if self.dry_run:
            return Retried(failed=job, result=result)
        decision = Resubmission(
            # Counted anew: a person decided.
            attempt=replace(attempt, causes=()),
            number=0,
            rule=rule,
            result=result,
            memory_mib=memory_mib,
        )
        try:
            new_id = self._claim_and_submit(video, decision)
        except WorkerError as error:
            why_not = f"{KEEPER} at its destination cannot be read or written: {error}"
            return Retried(failed=job, result=result, why_not=why_not)
        return Retried(failed=job, result=result, job_id=new_id, why_not="" if new_id else AS_QUICK)

    def _claim_and_submit(self, video: Video, decision: Resubmission) -> str | None:
        """Submit under the keeper's claim, which a keeper may have; None where one has."""
        job = decision.attempt.job
        claim = read_claim(self.open_store(job), self._name)
        if is_pending(claim.record, video, self.now):
            return None
        request = self._sized(build_resubmission(decision, self._definition(job.definition)))
        known = {a.job.id for a in video.attempts}

        def find() -> str | None:
            named = list_named(self.aws, self.queue, request["jobName"])
            return next((n["jobId"] for n in named if n["jobId"] not in known), None)

        def submit() -> str:
            return Submitter(aws=self.aws).submit(request, find)

        return resubmit(
            self.aws, self.queue, video, decision, claim=claim, submit=submit, now=self.now
        )

    def _sized(self, request: SubmitJobRequestTypeDef) -> SubmitJobRequestTypeDef:
        request["tags"] = {
            name: v for name, v in request.get("tags", {}).items() if name not in KEEPER_TAGS
        }
        if self.vcpus is not None:
            overrides = dict(request.get("containerOverrides", {}))
            needs = cast(
                "Sequence[ResourceRequirementTypeDef]", overrides.get("resourceRequirements", ())
            )
            own: ResourceRequirementTypeDef = {"type": "VCPU", "value": str(self.vcpus)}
            overrides["resourceRequirements"] = [n for n in needs if n["type"] != "VCPU"] + [own]
            request["containerOverrides"] = overrides  # type: ignore[typeddict-item]
        return request

    def _definition(self, name: str) -> JobDefinitionTypeDef | None:
        if name not in self._definitions:
            found = self.aws.batch.describe_job_definitions(jobDefinitions=[name])
            self._definitions[name] = next(iter(found["jobDefinitions"]), None)
        return self._definitions[name]


def _superseded(video: Video, job: BatchJob) -> str:
    """Return why a job is not the one to resubmit; empty where it is."""
    if not job.has_ended:
        return f"it has not ended ({job.status})"
    if video.destination is None:
        return "it has no s3:// destination"
    if video.active:
        return f"a job works for this destination: {video.active.job.id}"
    if job.status == SUCCEEDED:
        return "it has published"
    published = [a for a in video.attempts if a.job.status == SUCCEEDED]
    if published and published[-1].created >= (job.created or published[-1].created):
        return f"it was published since: {published[-1].job.id}"
    return ""


def _more_memory(memory_mib: int | None) -> int | None:
    if memory_mib is None or memory_mib >= MAX_MEMORY_MIB:
        return None
    return min(MAX_MEMORY_MIB, math.ceil(memory_mib * _MEMORY_STEP))
