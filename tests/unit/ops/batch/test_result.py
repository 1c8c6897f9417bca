"""How a job ended: the container's word first, then status.json's, then the log's."""

from __future__ import annotations

from typing import Any

import pytest

from ops.batch.job import read_job
from ops.batch.result import KILLED, UNKNOWN, judge
from tests.unit.batch_shapes import JOB_ID, job_detail
from worker.errors import WorkerError

EXITED = "Essential container in task exited"


def status_json(exit_status: int = 65, **fields: Any) -> dict[str, Any]:
    outcome = {
        "exit_status": exit_status,
        "name": "bad_source",
        "message": "no video stream",
        "resubmit": "no",
    }
    return {"job_id": JOB_ID, "state": "ended", "outcome": outcome, **fields}


def finished(exit_status: int = 66) -> dict[str, Any]:
    return {
        "event": "job_finished",
        "exit_status": exit_status,
        "outcome": "no_source",
        "message": "gone",
        "resubmit": "after_fix",
    }


def test_the_containers_exit_code_is_the_jobs() -> None:
    job = read_job(job_detail("FAILED", exit_code=65, reason=EXITED))
    ending = judge(job, status_json(65), finished(66))
    assert (ending.exit_status, ending.told_by) == (65, "the container")
    assert ending.message == "no video stream"
    assert ending.advice == "resubmit: no"


def test_the_exit_code_of_the_last_attempt_counts_where_the_container_has_none() -> None:
    detail = job_detail("FAILED", exit_code=66)
    del detail["container"]["exitCode"]
    assert judge(read_job(detail), None, None).exit_status == 66


def test_words_that_tell_another_status_than_the_container_are_not_used() -> None:
    job = read_job(job_detail("FAILED", exit_code=143, reason=EXITED))
    ending = judge(job, status_json(65), finished(66))
    assert ending.exit_status == 143
    assert ending.outcome == "terminated"
    assert "no video stream" not in ending.message


def test_status_json_tells_where_the_container_does_not() -> None:
    ending = judge(read_job(job_detail("FAILED")), status_json(65), finished(66))
    assert (ending.exit_status, ending.told_by) == (65, "status.json")


@pytest.mark.parametrize("other", [{"job_id": "another"}, {"state": "running"}, {"outcome": None}])
def test_a_status_json_that_does_not_tell_of_this_jobs_end_is_not_used(
    other: dict[str, Any],
) -> None:
    ending = judge(read_job(job_detail("FAILED")), status_json(65, **other), finished(66))
    assert (ending.exit_status, ending.told_by) == (66, "the log")
    assert ending.outcome == "no_source"


def test_where_nobody_tells_it_is_70_and_said_so() -> None:
    ending = judge(read_job(job_detail("FAILED", reason="odd")), None, None)
    assert (ending.exit_status, ending.told_by) == (UNKNOWN, "nobody")
    assert "odd" in ending.message
    assert ending.outcome == "not known"


def test_a_failed_job_never_ends_with_0() -> None:
    job = read_job(job_detail("FAILED", exit_code=0, reason="Host EC2 (instance i-1) terminated."))
    assert judge(job, status_json(0), finished(0)).exit_status == UNKNOWN


def test_a_succeeded_job_ends_with_0() -> None:
    assert judge(read_job(job_detail("SUCCEEDED", exit_code=0)), None, None).exit_status == 0


@pytest.mark.parametrize(
    ("reason", "container_reason", "words"),
    [
        ("Job attempt duration exceeded timeout", None, "time limit"),
        (EXITED, "OutOfMemoryError: Container killed due to memory usage", "more memory"),
        (
            "Host EC2 (instance i-0123456789abcdef0) terminated.",
            None,
            "goes on from its checkpoint",
        ),
        (
            "Task failed to start",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s)",
            "digest is in ECR",
        ),
        (EXITED, "exec /app/entrypoint.sh: exec format error", "arm64"),
    ],
)
@pytest.mark.parametrize("exit_code", [None, KILLED])
def test_what_only_batch_knows_is_explained(
    reason: str, container_reason: str | None, words: str, exit_code: int | None
) -> None:
    detail = job_detail(
        "FAILED", exit_code=exit_code, reason=reason, container_reason=container_reason
    )
    ending = judge(read_job(detail), None, None)
    assert ending.exit_status == (exit_code or UNKNOWN)
    assert words in ending.message + ending.advice
    assert reason in ending.message


def test_137_alone_is_explained() -> None:
    ending = judge(read_job(job_detail("FAILED", exit_code=137, reason=EXITED)), None, None)
    assert ending.exit_status == 137
    assert "out of memory" in ending.message
    assert "larger job" in ending.advice


@pytest.mark.parametrize("kind", WorkerError.__subclasses__())
def test_each_exit_status_of_the_worker_has_its_advice(kind: type[WorkerError]) -> None:
    job = read_job(job_detail("FAILED", exit_code=kind.exit_status, reason=EXITED))
    ending = judge(job, None, None)
    assert ending.outcome == kind.outcome
    assert ending.advice == f"resubmit: {kind.resubmit}"
