"""Everything that is known of an array job: its machines, its video, the log that says most."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.batch.describe import describe_job, job_record
from ops.batch.job import read_job
from tests.unit.batch_shapes import (
    GROUP,
    JOB_ID,
    STOPPED_MS,
    STREAM,
    child_detail,
    job_detail,
    team_status,
)
from tests.unit.ops.batch.scene import Scene

LAST = {
    "event": "job_finished",
    "outcome": "no_source",
    "exit_status": 66,
    "message": "talk.mp4 is gone",
    "resubmit": "after_fix",
}


def children(scene: Scene, *details: Any) -> None:
    asked = {"jobs": [f"{JOB_ID}:0", f"{JOB_ID}:1"]}
    scene.batch.add_response("describe_jobs", {"jobs": list(details)}, asked)


def log(scene: Scene, *lines: dict[str, Any], index: int) -> None:
    """The container's lines, and none in the stream that the worker would write itself."""
    events = [{"timestamp": STOPPED_MS, "message": json.dumps(line)} for line in lines]
    asked = {"logGroupName": GROUP, "startFromHead": False, "limit": 20}
    answer = {"events": events, "nextForwardToken": "t"}
    scene.logs.add_response("get_log_events", answer, {**asked, "logStreamName": STREAM})
    stream = {"logStreamName": f"{JOB_ID}/{index}"}
    scene.logs.add_client_error(
        "get_log_events", "ResourceNotFoundException", expected_params={**asked, **stream}
    )


def array(status: str) -> Any:  # noqa: ANN401 (as describe_job takes it)
    return read_job(job_detail(status, arrayProperties={"size": 2}))


def test_a_failed_array_that_published_is_shown_as_published(scene: Scene) -> None:
    killed = child_detail(0, "FAILED", exit_code=137, reason="Host EC2 (i-1) terminated.")
    children(scene, killed, child_detail(1, "SUCCEEDED", exit_code=0))
    scene.status_json(**json.loads(team_status(0).to_json()))
    log(scene, {"event": "published", "level": "info"}, index=1)
    text = "\n".join(describe_job(scene.aws, array("FAILED"), lines=20))
    for line in (
        "machines   2 machines: 1 FAILED, 1 SUCCEEDED, ran 12 min in all",
        "  machine 1  FAILED, 7 segments, exit status 137, Host EC2 (i-1) terminated.",
        "  machine 2  SUCCEEDED, 7 segments, exit status 0",
        "outcome    published, exit status 0 (from status.json",
        f"log of {JOB_ID}:1, last 1 lines",
    ):
        assert line in text
    assert "of another job" not in text


def test_without_a_status_json_the_log_of_the_last_machine_explains_the_end(scene: Scene) -> None:
    early = child_detail(0, "FAILED", exit_code=143, stoppedAt=STOPPED_MS - 1)
    children(scene, early, child_detail(1, "FAILED", exit_code=66))
    scene.s3.add_client_error("get_object", "NoSuchKey")
    log(scene, LAST, index=1)
    answer = job_record(scene.aws, array("FAILED"), lines=0)
    assert answer["result"]["exit_status"] == 66
    assert answer["result"]["message"] == "talk.mp4 is gone"
    assert [each["exit_status"] for each in answer["machines"]] == [143, 66]
    assert answer["machine_seconds"] == pytest.approx(720, abs=1)
