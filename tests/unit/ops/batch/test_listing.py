"""The rows of a list of jobs: an array job is one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.stub import Stubber

from ops.batch.listing import read_rows
from tests.unit.batch_shapes import CREATED_MS, JOB_ID, STARTED_MS, STOPPED_MS, job_detail

if TYPE_CHECKING:
    from ops.aws import Aws


def summary(status: str, **fields: Any) -> dict[str, Any]:
    known = {"jobId": JOB_ID, "jobName": "n", "createdAt": CREATED_MS, "status": status}
    return {**known, **fields}


def test_a_plain_job_has_its_exit_status_and_asks_for_nothing_more(aws: Aws) -> None:
    ran = {"startedAt": STARTED_MS, "stoppedAt": STOPPED_MS, "container": {"exitCode": 65}}
    with Stubber(aws.batch):
        (row,) = read_rows(aws, [summary("FAILED", statusReason="exited", **ran)])
    assert row.cells == (*("2023-11-14 22:13:20", "FAILED", "65", "6 min", "n", JOB_ID, "exited"),)
    assert row.record["machines"] is None


def test_an_array_job_is_one_row_with_its_machines_by_status(aws: Aws) -> None:
    properties = {"size": 8, "statusSummary": {"RUNNING": 5, "RUNNABLE": 3, "FAILED": 0}}
    listed = [summary("PENDING", arrayProperties={"size": 8})]
    with Stubber(aws.batch) as batch:
        detail = job_detail("PENDING", arrayProperties=properties)
        batch.add_response("describe_jobs", {"jobs": [detail]}, {"jobs": [JOB_ID]})
        (row,) = read_rows(aws, listed)
    assert row.cells[-1] == "8 machines: 5 RUNNING, 3 RUNNABLE"
    assert row.record["machines"] == 8
    assert row.record["machines_by_status"] == {"RUNNING": 5, "RUNNABLE": 3}


def test_an_array_that_failed_may_have_published(aws: Aws) -> None:
    properties = {"size": 2, "statusSummary": {"SUCCEEDED": 1, "FAILED": 1}}
    listed = [summary("FAILED", arrayProperties={"size": 2}, statusReason="Array Child failed")]
    with Stubber(aws.batch) as batch:
        detail = job_detail("FAILED", arrayProperties=properties)
        batch.add_response("describe_jobs", {"jobs": [detail]})
        (row,) = read_rows(aws, listed)
    assert row.cells[-1] == (
        "2 machines: 1 SUCCEEDED, 1 FAILED; the video may be published: show the job by its ID;"
        " Array Child failed"
    )
