"""status.json as scripts/jobs and scripts/submit read it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from ops.aws import Aws
from ops.batch.job import read_job
from ops.batch.status import StatusFile, describe_progress, read_status
from tests.unit.batch_shapes import JOB_ID, job_detail, status_record

Plan = Callable[[Stubber], None]


def body(data: bytes) -> Plan:
    answer = {"Body": StreamingBody(io.BytesIO(data), len(data))}
    return lambda stub: stub.add_response(
        "get_object", answer, {"Bucket": "videos", "Key": "hls/talk/status.json"}
    )


def error(code: str) -> Plan:
    return lambda stub: stub.add_client_error("get_object", code)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[[Plan], StatusFile]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")

    def read(plan: Plan) -> StatusFile:
        aws = Aws(region="ap-northeast-2", profile=None, endpoint_url=None)
        client = aws.s3()
        monkeypatch.setattr(aws, "s3", lambda **_: client)
        with Stubber(client) as stub:
            plan(stub)
            return read_status(aws, read_job(job_detail("RUNNING")))

    return read


Read = Callable[[Plan], StatusFile]


def test_a_record_is_read(read: Read) -> None:
    status = read(body(status_record().to_json()))
    assert status.of(JOB_ID) == status_record()
    assert status.of("another") is None
    assert status.problem is None


def test_a_file_that_is_not_there_is_missing_and_no_other_problem_is(read: Read) -> None:
    assert read(error("NoSuchKey")).is_missing
    assert not read(error("AccessDenied")).is_missing
    assert "is missing" in (read(error("AccessDenied")).problem or "")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{", "no record of this version: record: Invalid JSON"),
        (b"[]", "no record of this version"),
        (
            status_record().to_json().replace(b'"schema_version": 2', b'"schema_version": 1'),
            "no record of this version: schema_version",
        ),
    ],
)
def test_what_is_no_record_is_shown_with_its_problem(read: Read, data: bytes, problem: str) -> None:
    status = read(body(data))
    assert status.record is None
    assert status.text == data.decode()
    assert problem in (status.problem or "")
    assert not status.is_missing


def test_progress_is_a_line() -> None:
    record = status_record().model_copy(update={"step": "encode", "percent": 41.5})
    assert describe_progress(record) == "encode 42 %"
    left = record.model_copy(update={"seconds_left": 312})
    assert describe_progress(left) == "encode 42 %, about 5 min left"
