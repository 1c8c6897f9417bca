"""What the keeper decides about a video, from its attempts and its two records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.keeper.attempt import ATTEMPT_TAG, CAUSES_TAG, Video, group
from ops.keeper.claim import KeeperRecord
from ops.keeper.decide import (
    CLAIM_S,
    LIVE_S,
    Decision,
    Nothing,
    Person,
    Resubmission,
    Settings,
    State,
    decide,
)
from tests.unit.batch_shapes import (
    JOB_ID,
    STOPPED_MS,
    child_detail,
    job_detail,
    status_record,
)
from worker.records.status import StatusRecord

ENDED = datetime.fromtimestamp(STOPPED_MS / 1000, UTC)
LATER = ENDED + timedelta(hours=1)
EXITED = "Essential container in task exited"


def failed(exit_code: int | None, reason: str = EXITED, **fields: Any) -> dict[str, Any]:
    return dict(job_detail("FAILED", exit_code=exit_code, reason=reason, **fields))


def tags(number: int, causes: str) -> dict[str, str]:
    return {ATTEMPT_TAG: str(number), CAUSES_TAG: causes}


def video(*details: Any) -> Video:
    (only,) = group(details)
    return only


def decided(*details: Any, now: datetime = LATER, **records: Any) -> Decision:
    given: dict[str, Any] = {"status": None, "claim": None, "settings": Settings(), **records}
    return decide(video(*details), now=now, **given)


def running(written: datetime) -> StatusRecord:
    return StatusRecord(
        job_id="another", started_at=ENDED.isoformat(), updated_at=written.isoformat()
    )


@pytest.mark.parametrize("exit_code", [69, 75, 76, 124, 143])
def test_what_says_so_is_resubmitted_as_it_was(exit_code: int) -> None:
    decision = decided(failed(exit_code))
    assert isinstance(decision, Resubmission)
    assert (decision.number, decision.memory_mib) == (1, None)
    assert decision.rule.is_reported == (exit_code == 76)


@pytest.mark.parametrize("exit_code", [71, 137])
def test_what_lacked_memory_gets_half_as_much_again(exit_code: int) -> None:
    decision = decided(failed(exit_code))
    assert isinstance(decision, Resubmission)
    assert decision.memory_mib == 4608


@pytest.mark.parametrize(
    ("reason", "container_reason", "memory_mib"),
    [
        ("Host EC2 (instance i-0123456789abcdef0) terminated.", None, None),
        ("Job attempt duration exceeded timeout", None, None),
        ("Task failed to start", "CannotPullContainerError: pull image manifest", None),
        (EXITED, "OutOfMemoryError: Container killed due to memory usage", 4608),
    ],
)
@pytest.mark.parametrize("exit_code", [None, 137])
def test_what_batch_reports_counts_where_the_worker_could_not(
    exit_code: int | None, reason: str, container_reason: str | None, memory_mib: int | None
) -> None:
    decision = decided(failed(exit_code, reason, container_reason=container_reason))
    assert isinstance(decision, Resubmission)
    assert decision.memory_mib == memory_mib


@pytest.mark.parametrize("exit_code", [64, 65, 66, 70, 73, 78, 1, None])
def test_everything_else_is_for_a_person(exit_code: int | None) -> None:
    decision = decided(failed(exit_code))
    assert isinstance(decision, Person)
    assert decision.advice


def test_without_an_exit_code_the_workers_own_record_counts() -> None:
    assert isinstance(decided(failed(None), status=status_record(69)), Resubmission)
    assert isinstance(decided(failed(None), status=status_record(65)), Person)


@pytest.mark.parametrize("flag", ["isTerminated", "isCancelled"])
def test_what_somebody_stopped_is_not_started_again(flag: str) -> None:
    decision = decided(failed(143, "wrong upload", **{flag: True}))
    assert isinstance(decision, Person)
    assert "somebody stopped" in decision.advice
    canceled = failed(None, "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", **{flag: True})
    decision = decided(canceled)
    assert isinstance(decision, Person)
    assert "InstanceTypes" in decision.advice
    lost = failed(143, "Host EC2 (instance i-1) terminated.", **{flag: True})
    assert isinstance(decided(lost), Resubmission)


@pytest.mark.parametrize(("number", "pause_s"), [(0, 60), (1, 300), (2, 1200)])
def test_pauses_grow_and_count_from_the_end_of_the_last_attempt(number: int, pause_s: int) -> None:
    detail = failed(69, tags=tags(number, "storage_unavailable " * number))
    before = decided(detail, now=ENDED + timedelta(seconds=pause_s - 1))
    assert before == Nothing(state=State.PAUSED, not_before=ENDED + timedelta(seconds=pause_s))
    after = decided(detail, now=ENDED + timedelta(seconds=pause_s))
    assert isinstance(after, Resubmission)
    assert after.number == number + 1


def test_after_the_last_resubmission_a_person_is_asked() -> None:
    decision = decided(failed(69, tags=tags(3, "storage_unavailable " * 3)))
    assert isinstance(decision, Person)
    assert decision.advice.startswith("it was resubmitted 3 times already; resubmit")
    assert isinstance(decided(failed(69), settings=Settings(attempts=0)), Person)


def test_a_count_begins_anew_with_a_submission_that_is_no_double() -> None:
    last = failed(69, tags=tags(3, "storage_unavailable " * 3))
    minute_ms = 60_000
    double = failed(69, jobId="double", createdAt=STOPPED_MS - 1)
    soon = failed(69, jobId="soon", createdAt=STOPPED_MS + minute_ms)
    anew = failed(69, jobId="anew", createdAt=STOPPED_MS + 10 * minute_ms)
    for detail in (double, soon, anew):
        detail["stoppedAt"] = detail["createdAt"] + minute_ms
    assert isinstance(decided(last, double), Person)
    assert isinstance(decided(last, soon), Person)
    decision = decided(last, anew)
    assert isinstance(decision, Resubmission)
    assert (decision.attempt.job.id, decision.number) == ("anew", 1)


@pytest.mark.parametrize(
    ("detail", "cause"),
    [
        (failed(76), "output_failed_verification"),
        (failed(None, "x", container_reason="CannotPullContainerError: x"), "cannot_pull"),
    ],
)
def test_what_is_resubmitted_once_is_not_twice(detail: dict[str, Any], cause: str) -> None:
    assert isinstance(decided(detail), Resubmission)
    again = decided({**detail, "tags": tags(2, f"{cause} host_lost")})
    assert isinstance(again, Person)
    assert "did not help" in again.advice


def test_memory_has_a_limit() -> None:
    decision = decided(failed(71), settings=Settings(max_memory_mib=4000))
    assert isinstance(decision, Resubmission)
    assert decision.memory_mib == 4000
    at_limit = decided(failed(71), settings=Settings(max_memory_mib=3072))
    assert isinstance(at_limit, Person)
    assert "more memory than 3072 MiB" in at_limit.advice


def test_nothing_is_done_while_a_job_waits_or_runs() -> None:
    waits = job_detail("RUNNABLE", jobId="second", createdAt=STOPPED_MS + 1)
    assert decided(failed(69), waits) == Nothing(state=State.ACTIVE)


def test_nothing_is_done_while_a_heartbeat_moves() -> None:
    beat = LATER - timedelta(seconds=LIVE_S - 1)
    assert decided(failed(69), status=running(beat)) == Nothing(state=State.ACTIVE)
    still = LATER - timedelta(seconds=LIVE_S)
    assert isinstance(decided(failed(69), status=running(still)), Resubmission)


def test_what_was_published_since_is_published() -> None:
    since = status_record(0).model_copy(
        update={"job_id": "another", "updated_at": LATER.isoformat()}
    )
    assert decided(failed(69), status=since) == Nothing(state=State.PUBLISHED)
    before = since.model_copy(update={"updated_at": "2023-01-01T00:00:00+00:00"})
    assert isinstance(decided(failed(69), status=before), Resubmission)
    done = job_detail("SUCCEEDED", exit_code=0, jobId="second", createdAt=STOPPED_MS + 1)
    assert decided(failed(69), done) == Nothing(state=State.PUBLISHED)


def test_a_claim_without_a_job_holds_until_it_is_old() -> None:
    claim = KeeperRecord(claimed_at=LATER.isoformat(), failed_job=JOB_ID)
    pending = Nothing(state=State.RESUBMITTED)
    assert decided(failed(69), claim=claim) == pending
    old = LATER + timedelta(seconds=CLAIM_S)
    assert isinstance(decided(failed(69), claim=claim, now=old), Resubmission)


def test_a_job_that_was_submitted_and_is_not_listed_yet_is_waited_for() -> None:
    claim = KeeperRecord(claimed_at=ENDED.isoformat(), failed_job=JOB_ID, job="second")
    assert decided(failed(69), claim=claim) == Nothing(state=State.RESUBMITTED)
    second = failed(69, jobId="second", createdAt=STOPPED_MS + 1, tags=tags(1, "host_lost"))
    decision = decided(failed(69), second, claim=claim)
    assert isinstance(decision, Resubmission)
    assert (decision.attempt.job.id, decision.number) == ("second", 2)


def test_a_claim_of_a_job_that_batch_forgot_holds_nothing_up() -> None:
    """Months ago the video was resubmitted; now another job for it has failed."""
    claim = KeeperRecord(claimed_at="2023-01-01T00:00:00+00:00", failed_job="first", job="second")
    assert isinstance(decided(failed(69), claim=claim), Resubmission)


def test_a_duplicate_that_found_the_destination_taken_decides_nothing() -> None:
    twin = failed(75, jobId="twin", createdAt=STOPPED_MS - 1)
    assert isinstance(decided(failed(65), twin), Person)
    # Another upload for the same destination has yet to be made.
    other = {**twin, "parameters": {**twin["parameters"], "source": "s3://uploads/new.mp4"}}
    decision = decided(failed(65), other)
    assert isinstance(decision, Resubmission)
    assert decision.attempt.job.id == "twin"


def test_a_job_without_a_destination_is_for_a_person() -> None:
    assert isinstance(decided(failed(69, parameters={})), Person)


def test_children_and_jobs_of_several_nodes_are_left_out_and_doubles_count_once() -> None:
    array: Any = failed(None, arrayProperties={"size": 2})
    child: Any = child_detail(0, "FAILED", exit_code=69)
    nodes: Any = failed(69, jobId="nodes", nodeProperties={})
    (only,) = group([array, child, array, nodes])
    assert [attempt.job.id for attempt in only.attempts] == [JOB_ID]
