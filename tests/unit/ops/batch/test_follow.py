"""A job followed through answers recorded from AWS: status, reasons, lines, progress, ending."""

from __future__ import annotations

import json

import pytest

from ops.errors import DeniedError
from tests.unit.batch_shapes import GROUP, JOB_ID, STREAM, environment_detail, queue_detail
from tests.unit.ops.batch.scene import Scene

DENIED = (
    "User: arn:aws:iam::1:user/x is not authorized to perform: batch:DescribeJobs on resource: *"
)


def last(exit_status: int) -> str:
    return json.dumps(
        {
            "event": "job_finished",
            "level": "error",
            "job_id": JOB_ID,
            "outcome": "bad_source",
            "exit_status": exit_status,
            "message": "no video",
            "resubmit": "no",
        }
    )


def test_a_job_is_shown_from_start_to_end_and_its_exit_status_returned(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.job("STARTING")
    scene.no_log()
    scene.job("RUNNING")
    scene.lines('{"event": "worker_started", "level": "info"}', stream=STREAM)
    scene.no_log()
    scene.status_json(state="running", step="encode", percent=41.5, seconds_left=312)
    scene.job("FAILED", exit_code=65, reason="Essential container in task exited")
    scene.logs.add_response(
        "get_log_events",
        {
            "events": [{"timestamp": 1_700_000_310_000, "message": last(65)}],
            "nextForwardToken": "t2",
        },
        {
            "logGroupName": GROUP,
            "logStreamName": STREAM,
            "startFromHead": True,
            "nextToken": "t1",
        },
    )
    scene.logs.add_response("get_log_events", {"events": [], "nextForwardToken": "t2"})
    scene.no_log()
    scene.status_json(state="ended", outcome=None)
    assert scene.follow() == 65
    shown = capsys.readouterr().out
    for words in (
        "STARTING\n",
        "RUNNING (after 5 s)",
        "22:18:20 info    worker_started",
        "… encode 42 %, about 5 min left",
        "FAILED (after 5 s)",
        "outcome    bad_source, exit status 65 (from the container, ran 6 min)",
        "what to do do not resubmit",
    ):
        assert words in shown
    assert shown.count("worker_started") == 1


def test_a_long_wait_is_explained(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement is too high"
    queue = queue_detail(state="DISABLED")
    environment = environment_detail(desiredvCpus=64)
    scene.time.interrupt_at = 190
    for at_s in range(0, 190, 5):
        scene.job("RUNNABLE", reason=reason)
        if at_s >= 180:
            scene.batch.add_response("describe_job_queues", {"jobQueues": [queue]})
            scene.batch.add_response(
                "describe_compute_environments", {"computeEnvironments": [environment]}
            )
        scene.no_log()
    assert scene.follow() == 130
    shown = capsys.readouterr().out
    assert shown.count("RUNNABLE for 3 min") == 1
    assert "no instance type of the compute environment is large enough" in shown
    assert "the queue academy-video-batch-queue is DISABLED: enable it" in shown
    assert "is full: 64 of 64 vCPUs" in shown


def test_ctrl_c_ends_the_following_and_says_how_to_continue(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.time.interrupt_at = 1
    scene.job("SUBMITTED")
    scene.no_log()
    assert scene.follow() == 130
    shown = capsys.readouterr().out
    assert f"scripts/jobs {JOB_ID} --follow" in shown
    assert f"scripts/jobs {JOB_ID} --terminate" in shown


def test_throttling_does_not_end_the_following(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        scene.batch.add_client_error("describe_jobs", "TooManyRequestsException", "slow down")
    scene.job("SUCCEEDED", exit_code=0)
    scene.lines(last(0), stream=STREAM)
    scene.no_log()
    scene.s3.add_client_error("get_object", "NoSuchKey")
    assert scene.follow() == 0
    assert capsys.readouterr().err.count("AWS throttles DescribeJobs") == 1


def test_a_missing_permission_ends_the_following(scene: Scene) -> None:
    scene.batch.add_client_error("describe_jobs", "AccessDeniedException", DENIED, 403)
    with pytest.raises(DeniedError, match=r"permission batch:DescribeJobs on \* is missing"):
        scene.follow()


@pytest.mark.parametrize(("code", "warnings"), [("NoSuchKey", 0), ("AccessDenied", 1)])
def test_a_missing_status_json_is_normal_and_one_that_cannot_be_read_is_reported_once(
    scene: Scene, capsys: pytest.CaptureFixture[str], code: str, warnings: int
) -> None:
    scene.time.interrupt_at = 10
    for _ in range(2):
        scene.job("RUNNING")
        scene.no_log()
        scene.no_log()
        scene.s3.add_client_error("get_object", code)
    assert scene.follow() == 130
    assert capsys.readouterr().err.count("no progress can be shown") == warnings


def test_a_log_that_may_not_be_read_is_said_once_and_the_rest_goes_on(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.batch.follow._LAST_LINES_S", 0.0)
    denied = "not authorized to perform: logs:GetLogEvents on resource: x"
    for status in ("STARTING", "STARTING"):
        scene.job(status)
        scene.logs.add_client_error("get_log_events", "AccessDeniedException", denied)
    scene.job("FAILED", exit_code=66)
    scene.logs.add_client_error("get_log_events", "AccessDeniedException", denied)
    scene.s3.add_client_error("get_object", "AccessDenied")
    assert scene.follow() == 66
    answer = capsys.readouterr()
    assert answer.err.count("the log cannot be read: permission logs:GetLogEvents") == 1
    assert "no_source, exit status 66" in answer.out
