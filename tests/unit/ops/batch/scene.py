"""A job followed through stubbed clients: what AWS answers, one call after the other."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from ops.aws import Aws
from ops.batch.follow import JobFollower
from tests.unit.batch_shapes import GROUP, JOB_ID, job_detail

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef


class FakeTime:
    """A clock that only sleeping moves; it may be interrupted."""

    def __init__(self) -> None:
        self.now = 0.0
        self.interrupt_at: float | None = None

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.interrupt_at is not None and self.now >= self.interrupt_at:
            raise KeyboardInterrupt


class Scene:
    """Stubbed clients of one account."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = Aws(region="ap-northeast-2", profile=None, endpoint_url=None)
        self.batch = Stubber(self.aws.batch)
        self.logs = Stubber(self.aws.logs)
        s3 = self.aws.s3()
        self.s3 = Stubber(s3)
        monkeypatch.setattr(self.aws, "s3", lambda **_: s3)
        self.time = FakeTime()
        for stub in (self.batch, self.logs, self.s3):
            stub.activate()

    def job(self, status: str, **fields: Any) -> None:
        self.batch.add_response("describe_jobs", {"jobs": [job_detail(status, **fields)]})

    def array(self, status: str, *children: JobDetailTypeDef, size: int | None = None) -> None:
        """An array job and its children, which are asked for together."""
        size = len(children) if size is None else size
        self.job(status, arrayProperties={"size": size, "statusSummary": {}})
        asked = {"jobs": [f"{JOB_ID}:{index}" for index in range(size)]}
        self.batch.add_response("describe_jobs", {"jobs": list(children)}, asked)

    def no_log(self) -> None:
        self.logs.add_client_error("get_log_events", "ResourceNotFoundException")

    def lines(self, *lines: str, stream: str) -> None:
        """One page of lines, and the end of the stream."""
        token = "t1"
        events = [{"timestamp": 1_700_000_300_000, "message": line} for line in lines]
        self.logs.add_response(
            "get_log_events",
            {"events": events, "nextForwardToken": token},
            {"logGroupName": GROUP, "logStreamName": stream, "startFromHead": True},
        )
        self.logs.add_response(
            "get_log_events",
            {"events": [], "nextForwardToken": token},
            {
                "logGroupName": GROUP,
                "logStreamName": stream,
                "startFromHead": True,
                "nextToken": token,
            },
        )

    def status_json(self, **fields: Any) -> None:
        times = {"started_at": "", "updated_at": ""}
        data = json.dumps({"job_id": JOB_ID, **times, **fields}).encode()
        body = StreamingBody(io.BytesIO(data), len(data))
        self.s3.add_response("get_object", {"Body": body})

    def follow(self, *, as_json: bool = False) -> int:
        return JobFollower(
            aws=self.aws,
            job_id=JOB_ID,
            as_json=as_json,
            clock=self.time.clock,
            sleep=self.time.sleep,
        ).follow()
