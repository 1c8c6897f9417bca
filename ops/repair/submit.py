"""Submits the jobs of repairs, unless Batch has one for the same destination that has not ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from ops.aws import Aws
from ops.batch.job import FAILED, SUCCEEDED, list_named
from ops.batch.once import Submitter
from ops.batch.request import Submission, build_request, has_shares, name_for, parameters_of
from ops.errors import LaterError
from worker.config.option import variable_name


@dataclass(kw_only=True)
class RepairSubmitter:
    """Submits to one queue. Queue and job definition are read once, when the first job needs it."""

    aws: Aws
    queue: str
    definition: str
    submitter: Submitter = field(init=False)

    def __post_init__(self) -> None:
        self.submitter = Submitter(aws=self.aws)

    @cached_property
    def _known(self) -> frozenset[str]:
        return parameters_of(self.aws, self.definition)

    @cached_property
    def _has_shares(self) -> bool:
        return has_shares(self.aws, self.queue)

    def submit(self, submission: Submission) -> str:
        """Submit a job and return its id.

        Raises:
            LaterError: a job for this destination waits or runs already.
            OpsError: it is refused, or AWS does not answer.

        """
        name = name_for(submission.destination)
        there = list_named(self.aws, self.queue, name)
        for job in there:
            if job.get("status") not in {SUCCEEDED, FAILED}:
                raise LaterError(f"job {job['jobId']} ({job.get('status')}) is for it already")
        before = {job["jobId"] for job in there}

        def find() -> str | None:
            jobs = (job["jobId"] for job in list_named(self.aws, self.queue, name))
            return next((job_id for job_id in jobs if job_id not in before), None)

        # Without shares the academy is for the worker alone: metrics, manifest.json.
        academy = submission.academy
        request = build_request(
            submission if self._has_shares else replace(submission, academy=None),
            known=self._known,
            name=name,
            queue=self.queue,
            definition=self.definition,
            has_shares=self._has_shares,
            environment={variable_name("academy"): academy} if academy else None,
        )
        return self.submitter.submit(request, find)
