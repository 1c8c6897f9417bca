"""How the job of a row ended: also one of several machines."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from ops.batch.job import read_job
from ops.bulk.follow import is_running, read_end
from tests.unit.batch_shapes import child_detail, job_detail, team_status

if TYPE_CHECKING:
    from ops.aws import Aws


@pytest.mark.parametrize(("exit_status", "state"), [(0, "published"), (69, "failed")])
def test_an_array_ends_as_its_video_and_took_what_its_machines_took(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, exit_status: int, state: str
) -> None:
    job = read_job(job_detail("FAILED", arrayProperties={"size": 2}))
    killed = child_detail(0, "FAILED", exit_code=137)
    left = child_detail(1, "FAILED" if exit_status else "SUCCEEDED", exit_code=exit_status)
    data = team_status(exit_status).to_json()
    s3 = aws.s3()
    monkeypatch.setattr(aws, "s3", lambda **_: s3)
    with Stubber(aws.batch) as batch, Stubber(s3) as store:
        batch.add_response("describe_jobs", {"jobs": [killed, left]})
        body = StreamingBody(io.BytesIO(data), len(data))
        store.add_response("get_object", {"Body": body})
        end = read_end(aws, job)
    assert (end.state, end.exit_status) == (state, exit_status)
    # Each ran six minutes on two vCPUs.
    assert (end.seconds, end.vcpus) == (720, 2)


def test_an_array_counts_as_running_from_the_first_machine_on() -> None:
    """Batch has it PENDING until the last one has ended."""
    assert is_running(read_job(job_detail("PENDING", arrayProperties={"size": 2})))
    assert not is_running(read_job(job_detail("SUBMITTED", arrayProperties={"size": 2})))
    assert not is_running(read_job(job_detail("PENDING")))
