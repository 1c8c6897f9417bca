"""Jobs of a deployed system on a real moto server: followed, explained, listed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ops import names
from tests.functional.conftest import Server
from tests.functional.operating import (
    FIRST,
    LOCATIONS,
    NO_LAST_LINES,
    batch_server,
    ops,
    prepare_account,
)
from worker.errors import Resubmit, SourceFault
from worker.messages import TEACHER_MESSAGES
from worker.records.job import MessageRecord, Outcome
from worker.records.status import StatusRecord

SENTENCE = TEACHER_MESSAGES[SourceFault.NO_VIDEO]
OUTCOME = Outcome(
    exit_status=65,
    name="bad_source",
    code=SourceFault.NO_VIDEO,
    message="talk.mp4 holds no video stream",
    resubmit=Resubmit.NO,
    teacher_message=MessageRecord(en=SENTENCE.en, ko=SENTENCE.ko),
)


@pytest.fixture(scope="module")
def failing() -> Iterator[Server]:
    """Another system, whose jobs fail."""
    with batch_server(jobs_fail=True) as server:
        account = prepare_account(server)
        done = ops(server, "deploy", "--image", FIRST, *account.parameters())
        assert done.returncode == 0, done.stderr
        yield server


def test_a_failed_job_without_an_exit_status_ends_with_70(failing: Server) -> None:
    done = ops(failing, "submit", *LOCATIONS, before=NO_LAST_LINES)
    assert done.returncode == 70
    assert "exit status 70 (not reported by the job" in done.stdout


def test_a_failed_job_is_explained_by_its_status_and_log(failing: Server) -> None:
    signed = "https://uploads.example/talk.mp4?X-Amz-Signature=secret"
    job_id = ops(failing, "submit", signed, LOCATIONS[1], "--detach").stdout.strip()
    now = "2026-01-01T00:00:00+00:00"
    status = StatusRecord(
        job_id=job_id, state="ended", outcome=OUTCOME, started_at=now, updated_at=now
    )
    failing.client("s3").put_object(
        Bucket="videos", Key="hls/talk/status.json", Body=status.to_json()
    )
    write_log(failing, job_id, [{"event": "step_started", "level": "info", "step": "probe"}])
    followed = ops(failing, "jobs", job_id, "--follow", before=NO_LAST_LINES)
    assert followed.returncode == 65
    shown = ops(failing, "jobs", job_id)
    assert shown.returncode == 0, shown.stderr
    for answer in (followed.stdout, shown.stdout):
        assert "bad_source, exit status 65 (from status.json" in answer
        assert "talk.mp4 holds no video stream" in answer
        assert "what to do do not resubmit" in answer
        assert "code       no_video" in answer
        assert f"teacher ko {SENTENCE.ko}" in answer
        assert "step_started step=probe" in answer
    assert "parameter  source = https://uploads.example/talk.mp4?…" in shown.stdout
    assert "secret" not in shown.stdout + followed.stdout


def test_the_exit_status_is_from_the_log_where_status_json_is_of_another_job(
    failing: Server,
) -> None:
    job_id = ops(failing, "submit", *LOCATIONS, "--detach").stdout.strip()
    last = {"event": "job_finished", "level": "error", "outcome": "no_source", "exit_status": 66}
    write_log(failing, job_id, [{**last, "message": "gone", "resubmit": "after_fix"}])
    done = ops(failing, "jobs", job_id, "--follow", "--poll", "0.1")
    assert done.returncode == 66
    assert "no_source, exit status 66 (from the log" in done.stdout


def test_jobs_are_listed_newest_first(failing: Server) -> None:
    old = ops(failing, "submit", *LOCATIONS, "--detach", "--name", "older").stdout.strip()
    time.sleep(0.01)
    new = ops(failing, "submit", *LOCATIONS, "--detach", "--name", "newer").stdout.strip()
    done = ops(failing, "jobs")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["created", "(UTC)", "status"]
    assert new in lines[1]
    assert "FAILED" in lines[1]
    assert old in lines[2]
    shorter = ops(failing, "jobs", "--status", "FAILED", "--limit", "1")
    assert new in shorter.stdout
    assert old not in shorter.stdout
    assert ops(failing, "jobs", "--status", "RUNNING").stdout.startswith("There are no jobs")


def test_a_job_that_has_ended_is_not_terminated(failing: Server) -> None:
    job_id = ops(failing, "submit", *LOCATIONS, "--detach").stdout.strip()
    done = ops(failing, "jobs", job_id, "--terminate")
    assert done.returncode == 0
    assert "has ended already" in done.stdout


def test_a_job_that_is_not_there_is_named(failing: Server) -> None:
    done = ops(failing, "jobs", "4c7599ae")
    assert done.returncode == 66
    assert "there is no job 4c7599ae in ap-northeast-2" in done.stderr


def test_an_aws_that_does_not_answer_is_said_so() -> None:
    done = ops(Server("nothing", "http://127.0.0.1:1"), "jobs", before=_IMPATIENT)
    assert done.returncode == 69
    assert "AWS does not answer" in done.stderr


# One attempt: the waits between six take half a minute.
_IMPATIENT = """
import ops.aws
original = ops.aws.Config
ops.aws.Config = lambda **options: original(**{**options, "retries": {"total_max_attempts": 1}})
"""


def write_log(server: Server, job_id: str, events: list[dict[str, Any]]) -> None:
    logs = server.client("logs")
    logs.create_log_stream(logGroupName=names.LOG_GROUP, logStreamName=job_id)
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=names.LOG_GROUP,
        logStreamName=job_id,
        logEvents=[{"timestamp": now, "message": json.dumps(event)} for event in events],
    )
