"""How a job ended: by the container first, then by status.json, then by the log."""

from __future__ import annotations

from typing import Any

import pytest

from ops.batch.job import read_job
from ops.batch.result import ADVICE, KILLED, UNKNOWN, Origin, describe_result, find_result
from tests.unit.batch_shapes import finished_line, job_detail, status_record
from worker.errors import Resubmit, SourceFault, WorkerError
from worker.messages import TEACHER_MESSAGES

EXITED = "Essential container in task exited"
SENTENCE = TEACHER_MESSAGES[SourceFault.NO_VIDEO]


def test_the_containers_exit_code_is_the_jobs() -> None:
    job = read_job(job_detail("FAILED", exit_code=65, reason=EXITED))
    result = find_result(job, status_record(65), finished_line(66))
    assert (result.exit_status, result.origin) == (65, Origin.CONTAINER)
    assert result.message == "no video stream"
    assert result.advice == ADVICE[Resubmit.NO]


def test_the_exit_code_of_the_last_attempt_counts_where_the_container_has_none() -> None:
    detail = job_detail("FAILED", exit_code=66)
    del detail["container"]["exitCode"]
    assert find_result(read_job(detail), None, None).exit_status == 66


def test_a_report_of_another_status_than_the_containers_is_not_used() -> None:
    job = read_job(job_detail("FAILED", exit_code=143, reason=EXITED))
    result = find_result(job, status_record(65), finished_line(66))
    assert result.exit_status == 143
    assert result.outcome == "terminated"
    assert result.code is None
    assert "no video stream" not in result.message


def test_status_json_counts_where_the_container_has_no_exit_status() -> None:
    result = find_result(read_job(job_detail("FAILED")), status_record(65), finished_line(66))
    assert (result.exit_status, result.origin) == (65, Origin.STATUS)


@pytest.mark.parametrize("other", [{"job_id": "another"}, {"state": "running"}, {"outcome": None}])
def test_a_status_json_that_is_not_of_this_jobs_end_is_not_used(other: dict[str, Any]) -> None:
    status = status_record(65).model_copy(update=other)
    result = find_result(read_job(job_detail("FAILED")), status, finished_line(66))
    assert (result.exit_status, result.origin) == (66, Origin.LOG)
    assert result.outcome == "no_source"


def test_where_nothing_reports_the_status_it_is_70_and_said_so() -> None:
    job = read_job(job_detail("FAILED", reason="odd"))
    result = find_result(job, None, None)
    assert (result.exit_status, result.origin) == (UNKNOWN, Origin.NOTHING)
    assert "odd" in result.message
    assert result.outcome == "not known"
    assert "exit status 70 (not reported by the job, ran 6 min)" in describe_result(job, result)[0]


def test_a_failed_job_never_ends_with_0() -> None:
    job = read_job(job_detail("FAILED", exit_code=0, reason="Host EC2 (instance i-1) terminated."))
    assert find_result(job, status_record(0), finished_line(0)).exit_status == UNKNOWN


def test_a_succeeded_job_ends_with_0() -> None:
    job = read_job(job_detail("SUCCEEDED", exit_code=0))
    result = find_result(job, None, None)
    assert result.exit_status == 0
    assert not [line for line in describe_result(job, result) if line.startswith("what to do")]


def test_a_bad_source_is_shown_with_its_code_and_the_teachers_sentence() -> None:
    job = read_job(job_detail("FAILED", exit_code=65, reason=EXITED))
    assert describe_result(job, find_result(job, status_record(65), None)) == [
        "outcome    bad_source, exit status 65 (from the container, ran 6 min)",
        "code       no_video",
        "message    no video stream",
        f"teacher en {SENTENCE.en}",
        f"teacher ko {SENTENCE.ko}",
        f"what to do {ADVICE[Resubmit.NO]}",
    ]


def test_each_resubmit_code_has_its_advice() -> None:
    assert set(ADVICE) == set(Resubmit)
    assert len(set(ADVICE.values())) == len(ADVICE)


@pytest.mark.parametrize(
    ("reason", "container_reason", "words"),
    [
        ("Job attempt duration exceeded timeout", None, "time limit"),
        (EXITED, "OutOfMemoryError: Container killed due to memory usage", "more memory"),
        (
            "Host EC2 (instance i-0123456789abcdef0) terminated.",
            None,
            "continues from its checkpoint",
        ),
        (
            "Task failed to start",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s)",
            "digest is in ECR",
        ),
        (EXITED, "exec /app/entrypoint.sh: exec format error", "arm64"),
        ("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - canceled", None, "InstanceTypes"),
    ],
)
@pytest.mark.parametrize("exit_code", [None, KILLED])
def test_what_only_batch_reports_is_explained(
    reason: str, container_reason: str | None, words: str, exit_code: int | None
) -> None:
    detail = job_detail(
        "FAILED", exit_code=exit_code, reason=reason, container_reason=container_reason
    )
    result = find_result(read_job(detail), None, None)
    assert result.exit_status == (exit_code or UNKNOWN)
    assert words in result.message + result.advice
    assert reason in result.message


def test_137_alone_is_explained() -> None:
    result = find_result(read_job(job_detail("FAILED", exit_code=137, reason=EXITED)), None, None)
    assert result.exit_status == 137
    assert "out of memory" in result.message
    assert "more memory" in result.advice


@pytest.mark.parametrize("kind", WorkerError.__subclasses__())
def test_each_exit_status_of_the_worker_has_its_advice(kind: type[WorkerError]) -> None:
    job = read_job(job_detail("FAILED", exit_code=kind.exit_status, reason=EXITED))
    result = find_result(job, None, None)
    assert result.outcome == kind.outcome
    assert result.advice == ADVICE[kind.resubmit]
