"""For whose share a repair is submitted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.aws import Aws
from ops.batch.request import Submission
from ops.repair.submit import RepairSubmitter


class FakeBatch:
    """A queue without jobs, with or without shares; keeps what is submitted to it."""

    def __init__(self, *, has_shares: bool) -> None:
        self.queue = {"schedulingPolicyArn": "arn:policy"} if has_shares else {}
        self.submitted: list[dict[str, Any]] = []

    def describe_job_queues(self, **_: Any) -> dict[str, Any]:
        return {"jobQueues": [self.queue]}

    def get_paginator(self, name: str) -> SimpleNamespace:
        pages = {
            "list_jobs": [{"jobSummaryList": []}],
            "describe_job_definitions": [{"jobDefinitions": [{"revision": 1}]}],
        }
        return SimpleNamespace(paginate=lambda **_: pages[name])

    def submit_job(self, **request: Any) -> dict[str, str]:
        self.submitted.append(request)
        return {"jobId": "id"}


@pytest.mark.parametrize(
    ("academy", "has_shares", "share"),
    [("a42", True, "a42"), (None, True, "default"), ("a42", False, None), (None, False, None)],
)
def test_a_repair_counts_for_the_academy_of_the_video(
    academy: str | None, share: str | None, *, has_shares: bool
) -> None:
    batch = FakeBatch(has_shares=has_shares)
    aws = cast("Aws", SimpleNamespace(batch=batch, batch_once=batch, region="x"))
    submission = Submission(source="s3://u/a.mp4", destination="s3://v/a", academy=academy)
    assert RepairSubmitter(aws=aws, queue="q", definition="d").submit(submission) == "id"
    (request,) = batch.submitted
    assert request.get("shareIdentifier") == share
    variables = request.get("containerOverrides", {}).get("environment", [])
    assert variables == ([{"name": "WORKER_ACADEMY", "value": "a42"}] if academy else [])
