"""A job is submitted exactly once, whatever becomes of the answer."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from ops.aws import Aws
from ops.batch.once import SETTLE_S, Submitter
from ops.errors import LaterError, UnexpectedError, UnreachableError


class Batch:
    """Gives SubmitJob the answers that it was made with, and keeps what it has taken."""

    def __init__(self, *answers: Exception | str) -> None:
        self._answers = iter((*answers, "ok"))
        self.jobs: list[str] = []

    def submit_job(self, **_request: Any) -> dict[str, str]:
        answer = next(self._answers)
        if answer in {"ok", "lost"}:
            self.jobs.append(f"job-{len(self.jobs)}")
        if answer == "lost":
            raise ReadTimeoutError(endpoint_url="https://batch")
        if isinstance(answer, Exception):
            raise answer
        return {"jobId": self.jobs[-1]}

    def find(self) -> str | None:
        return self.jobs[-1] if self.jobs else None


def refusal(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "SubmitJob",
    )


def submit(batch: Batch) -> tuple[str, list[float]]:
    aws = Aws(region="ap-northeast-2", profile=None, endpoint_url=None)
    vars(aws)["batch_once"] = batch
    slept: list[float] = []
    # The time is what was slept.
    submitter = Submitter(aws=aws, clock=lambda: sum(slept), sleep=slept.append)
    request: Any = {}
    return submitter.submit(request, batch.find), slept


def test_a_lost_answer_is_not_a_second_job() -> None:
    batch = Batch("lost")
    job_id, slept = submit(batch)
    assert batch.jobs == [job_id]
    assert slept[0] >= SETTLE_S


@pytest.mark.parametrize(
    "fault",
    [
        EndpointConnectionError(endpoint_url="https://batch"),
        refusal("ServerException", 500),
        refusal("TooManyRequestsException", 429),
    ],
)
def test_a_call_that_did_nothing_is_made_again(fault: Exception) -> None:
    batch = Batch(fault, fault)
    job_id, slept = submit(batch)
    assert batch.jobs == [job_id]
    assert len(slept) == 2
    assert min(slept) >= SETTLE_S


def test_a_refusal_is_not_repeated() -> None:
    batch = Batch(refusal("ClientException", 400))
    with pytest.raises(UnexpectedError):
        submit(batch)
    assert batch.jobs == []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (refusal("TooManyRequestsException", 429), LaterError),
        (EndpointConnectionError(endpoint_url="https://batch"), UnreachableError),
    ],
)
def test_it_gives_up_at_last(fault: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        submit(Batch(*[fault] * 10))


def test_calls_keep_their_pace() -> None:
    batch = Batch("ok", "ok")
    aws = Aws(region="ap-northeast-2", profile=None, endpoint_url=None)
    vars(aws)["batch_once"] = batch
    slept: list[float] = []
    submitter = Submitter(aws=aws, clock=lambda: 0.0, sleep=slept.append)
    request: Any = {}
    for _ in range(3):
        submitter.submit(request, batch.find)
    assert [round(s, 3) for s in slept] == [0.025, 0.05]
