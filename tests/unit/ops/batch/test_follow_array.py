"""An array job that is followed: a line for each machine that changes, and the video's end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.batch_shapes import JOB_ID, child_detail, queue_detail, team_status
from tests.unit.ops.batch.scene import Scene


def status(scene: Scene, exit_status: int | None = None, **fields: Any) -> None:
    record = team_status(exit_status, **fields)
    scene.status_json(**json.loads(record.to_json()))


def test_machines_are_shown_when_they_change_and_the_exit_status_is_the_videos(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """One child is killed, the others publish: Batch has not even ended the array."""
    scene.array("PENDING", child_detail(0, "RUNNABLE"), child_detail(1, "RUNNABLE"))
    scene.s3.add_client_error("get_object", "NoSuchKey")
    for _ in range(2):
        scene.array("PENDING", child_detail(0, "RUNNING"), child_detail(1, "RUNNING"))
        status(scene, step="encode", percent=40, seconds_left=312)
    killed = child_detail(0, "FAILED", exit_code=137, reason="Host EC2 (i-1) terminated.")
    scene.array("PENDING", killed, child_detail(1, "RUNNING"))
    status(scene, 0, step="publish", percent=100)
    assert scene.follow() == 0
    shown = capsys.readouterr().out
    for line in (
        "PENDING\n",
        "  machine 1  RUNNABLE\n",
        "  machine 2  RUNNING, encoding, 7 segments\n",
        "  … encode 40 %, about 5 min left\n",
        "  machine 1  FAILED, 7 segments, exit status 137, Host EC2 (i-1) terminated.\n",
        "outcome    published, exit status 0 (from status.json",
    ):
        assert shown.count(line) == 1, line


def test_a_status_json_of_the_job_before_is_no_end(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.time.interrupt_at = 1
    scene.array("PENDING", child_detail(0, "STARTING"), child_detail(1, "STARTING"))
    status(scene, 0, team="before", job_id="before:0")
    assert scene.follow() == 130
    assert f"scripts/jobs {JOB_ID} --terminate" in capsys.readouterr().out


def test_where_all_machines_are_lost_the_children_explain_it(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = {"reason": "Host EC2 (instance i-1) terminated."}
    scene.array("FAILED", child_detail(0, "FAILED", **lost), child_detail(1, "FAILED", **lost))
    status(scene)
    assert scene.follow() == 70
    assert "the instance was terminated" in capsys.readouterr().out


def test_what_one_machine_does_alone_is_said_once(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    for exit_status in (None, 0):
        scene.array("PENDING", child_detail(0, "RUNNING"), child_detail(1, "SUCCEEDED"))
        status(scene, exit_status, alone="keyframes are 20 s apart")
    assert scene.follow() == 0
    shown = capsys.readouterr().out
    assert shown.count("without the others: keyframes are 20 s apart") == 1


def test_machines_that_wait_for_long_are_explained(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.time.interrupt_at = 190
    for at_s in range(0, 190, 5):
        scene.array("PENDING", child_detail(0, "RUNNING"), child_detail(1, "RUNNABLE"))
        if at_s >= 180:
            queue = queue_detail(state="DISABLED")
            scene.batch.add_response("describe_job_queues", {"jobQueues": [queue]})
            scene.batch.add_response("describe_compute_environments", {"computeEnvironments": []})
        scene.s3.add_client_error("get_object", "NoSuchKey")
    assert scene.follow() == 130
    shown = capsys.readouterr().out
    assert shown.count("1 of 2 machines RUNNABLE for 3 min") == 1
    assert "the queue academy-video-batch-queue is DISABLED" in shown


def test_for_programs_a_machine_is_an_object_of_its_own(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.array("PENDING", child_detail(0, "RUNNING"), child_detail(1, "RUNNING"))
    status(scene, 0)
    assert scene.follow(as_json=True) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["job_id"] for event in events} == {JOB_ID}
    machines = [event["machine"] for event in events if event["event"] == "machine"]
    assert [(m["number"], m["state"], m["segments"]) for m in machines] == [
        (1, "encoding", 7),
        (2, "encoding", 7),
    ]
    assert events[-1]["exit_status"] == 0
