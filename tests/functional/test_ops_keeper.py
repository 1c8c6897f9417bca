"""The keeper against a real moto server: its Batch and its S3."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ops import names
from tests.functional.conftest import Server
from tests.functional.operating import FIRST, batch_server, ops, prepare_account
from worker.errors import Resubmit
from worker.layout import KEEPER
from worker.records.job import Outcome
from worker.records.status import StatusRecord

# The pauses are of minutes; a test gives the time instead, an hour from now.
LATER = """
import datetime, ops.commands.keep as keep
class Later(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(hours=1)
keep.datetime = Later
"""


@pytest.fixture(scope="module")
def failing() -> Iterator[Server]:
    """A system whose jobs fail."""
    with batch_server(jobs_fail=True) as server:
        account = prepare_account(server)
        done = ops(server, "deploy", "--image", FIRST, *account.parameters())
        assert done.returncode == 0, done.stderr
        yield server


def fail(server: Server, name: str, exit_status: int) -> str:
    """Submit a job that fails, and write what its worker would have written."""
    destination = f"s3://videos/hls/{name}"
    words = ("submit", f"s3://uploads/{name}.mp4", destination, "--detach", "--ladder", "720")
    job_id = ops(server, *words).stdout.strip()
    outcome = Outcome(
        exit_status=exit_status, name="ended", message="it ended", resubmit=Resubmit.YES
    )
    now = "2026-01-01T00:00:00+00:00"
    status = StatusRecord(
        job_id=job_id, state="ended", outcome=outcome, started_at=now, updated_at=now
    )
    server.client("s3").put_object(
        Bucket="videos", Key=f"hls/{name}/status.json", Body=status.to_json()
    )
    deadline = time.monotonic() + 60
    while _job(server, job_id)["status"] != "FAILED":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return job_id


def keep(server: Server, *words: str) -> dict[str, Any]:
    done = ops(server, "keep", "--json", *words, before=LATER)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_failed_job_is_resubmitted_once_and_the_rest_is_reported(failing: Server) -> None:
    again, person = fail(failing, "again", 71), fail(failing, "person", 65)
    tried = keep(failing, "--dry-run")
    assert {v["video"]: v["is"] for v in tried["videos"]} == {
        "s3://videos/hls/again": "resubmitted",
        "s3://videos/hls/person": "person",
    }
    assert len(_jobs(failing)) == 2
    assert KEEPER not in str(failing.client("s3").list_objects_v2(Bucket="videos"))
    topic = failing.client("sns").list_topics()["Topics"][0]["TopicArn"]
    keep(failing, "--topic", topic)
    (new,) = _jobs(failing) - {again, person}
    job = _job(failing, new)
    assert job["tags"] == {
        "keeper-attempt": "1",
        "keeper-causes": "encoder_killed",
        "keeper-failed-job": again,
    }
    assert job["jobName"] == "video-hls-again"
    assert job["parameters"]["source"] == "s3://uploads/again.mp4"
    assert job["parameters"]["ladder"] == "720"
    stored = failing.client("s3").get_object(Bucket="videos", Key=f"hls/again/{KEEPER}")
    record = json.loads(stored["Body"].read())
    assert (record["failed_job"], record["job"], record["number"]) == (again, new, 1)
    stored = failing.client("s3").get_object(Bucket="videos", Key=f"hls/person/{KEEPER}")
    assert json.loads(stored["Body"].read())["reported_jobs"] == [person]
    # Of the new job nothing says why it failed: its status.json is the old one's.
    last = keep(failing, "--topic", topic)
    assert {v["is"] for v in last["videos"]} <= {"person", "active"}
    assert len(_jobs(failing)) == 3


def test_a_table_for_people_and_a_faulty_command_line(failing: Server) -> None:
    fail(failing, "shown", 65)
    done = ops(failing, "keep", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "message and what to do" in done.stdout.splitlines()[0]
    assert "s3://videos/hls/shown" in done.stdout
    assert "for a person" in done.stdout.splitlines()[-1]
    assert ops(failing, "keep", "--attempts", "-1", "--hours", "0").returncode == 64


def _jobs(server: Server) -> set[str]:
    listed = server.client("batch").list_jobs(
        jobQueue=names.QUEUE, filters=[{"name": "JOB_NAME", "values": ["*"]}]
    )
    return {job["jobId"] for job in listed["jobSummaryList"]}


def _job(server: Server, job_id: str) -> Any:  # noqa: ANN401 (as boto3 has it)
    return server.client("batch").describe_jobs(jobs=[job_id])["jobs"][0]
