"""An array job whose machines failed: resubmitted once, as an array, unless it has published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from ops.keeper.attempt import Video, group
from ops.keeper.decide import Decision, Nothing, Person, Resubmission, Settings, State, decide
from ops.keeper.queue import list_queue, with_machines
from ops.keeper.request import build_resubmission
from tests.unit.batch_shapes import JOB_ID, STOPPED_MS, child_detail, job_detail, team_status

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

    from ops.aws import Aws
    from worker.records.status import StatusRecord

ENDED = datetime.fromtimestamp(STOPPED_MS / 1000, UTC)
LOST = "Host EC2 (instance i-1) terminated."
LOCATIONS = {"source": "s3://uploads/talk.mp4", "destination": "s3://videos/hls/talk"}


def array(status: str = "FAILED") -> JobDetailTypeDef:
    reason = "Array Child Job failed"
    size = {"size": 2, "statusSummary": {"FAILED": 2}}
    detail = job_detail(status, reason=reason, arrayProperties=size)
    detail["container"]["environment"] = [{"name": "WORKER_MACHINES", "value": "2"}]
    return detail


def read(aws: Aws, *children: Any) -> Video:
    (video,) = group([array()])
    with Stubber(aws.batch) as batch:
        asked = {"jobs": [f"{JOB_ID}:0", f"{JOB_ID}:1"]}
        batch.add_response("describe_jobs", {"jobs": list(children)}, asked)
        return with_machines(aws, video)


def decided(video: Video, status: StatusRecord | None) -> Decision:
    return decide(
        video,
        status=status,
        claim=None,
        now=ENDED + timedelta(hours=1),
        settings=Settings(),
    )


def test_one_that_published_needs_nothing_though_batch_calls_it_failed(aws: Aws) -> None:
    killed = child_detail(0, "FAILED", exit_code=137)
    video = read(aws, killed, child_detail(1, "SUCCEEDED", exit_code=0))
    # Written before Batch had ended the array.
    record = team_status(0, updated_at="2023-11-14T22:00:00+00:00")
    assert decided(video, record) == Nothing(state=State.PUBLISHED)


@pytest.mark.parametrize("record", [None, team_status(updated_at="2023-11-14T22:00:00+00:00")])
def test_one_whose_machines_were_lost_is_resubmitted_once_as_an_array(
    aws: Aws, record: StatusRecord | None
) -> None:
    lost = [child_detail(index, "FAILED", reason=LOST) for index in range(2)]
    decision = decided(read(aws, *lost), record)
    assert isinstance(decision, Resubmission)
    assert (decision.rule.cause, decision.number) == ("host_lost", 1)
    request = build_resubmission(decision, None)
    assert request["arrayProperties"] == {"size": 2}
    assert request["parameters"] == LOCATIONS
    variables = request["containerOverrides"]["environment"]
    assert {"name": "WORKER_MACHINES", "value": "2"} in variables


def test_machines_that_lacked_memory_get_more(aws: Aws) -> None:
    killed = [child_detail(index, "FAILED", exit_code=137) for index in range(2)]
    decision = decided(read(aws, *killed), None)
    assert isinstance(decision, Resubmission)
    assert decision.memory_mib == 4608


def test_what_the_team_ended_with_counts_before_what_became_of_one_machine(aws: Aws) -> None:
    """A bad source stays one, also where a host was lost before it was found out."""
    lost = child_detail(0, "FAILED", reason=LOST)
    video = read(aws, lost, child_detail(1, "FAILED", exit_code=65))
    assert isinstance(decided(video, None), Person)
    assert isinstance(decided(video, team_status(65)), Person)


def test_a_machine_that_waits_for_its_array_is_no_job_of_its_own(aws: Aws) -> None:
    """Some stores of jobs list children beside their array."""
    with Stubber(aws.batch) as batch:
        summaries: Any = [{"jobId": i, "jobName": "n"} for i in (JOB_ID, f"{JOB_ID}:0")]
        for status in range(8):
            found = summaries if status == 1 else []
            batch.add_response("list_jobs", {"jobSummaryList": found})
        batch.add_response("describe_jobs", {"jobs": [array("PENDING")]}, {"jobs": [JOB_ID]})
        listing = list_queue(aws, "queue", now=ENDED, window_s=3600, max_jobs=10)
    (video,) = group(listing.details)
    assert video.active is not None
    assert video.active.job.id == JOB_ID
