"""An array job by its machines: how it ended, whatever Batch calls it."""

from __future__ import annotations

from typing import Any

import pytest

from ops.batch.array import find_array_result, machine_seconds, machines_of
from ops.batch.job import BatchJob, read_job
from ops.batch.result import Origin, find_result
from ops.batch.status import is_of
from tests.unit.batch_shapes import (
    JOB_ID,
    STOPPED_MS,
    child_detail,
    job_detail,
    status_record,
    team_status,
)

LOST = "Host EC2 (instance i-1) terminated."


def array(status: str = "PENDING", size: int = 2) -> BatchJob:
    return read_job(job_detail(status, arrayProperties={"size": size, "statusSummary": {}}))


def child(index: int, status: str, **fields: Any) -> BatchJob:
    return read_job(child_detail(index, status, **fields))


def test_an_array_job_has_a_size_and_its_children_have_none() -> None:
    assert array().array_size == 2
    assert child(0, "RUNNING").array_size is None
    assert child(0, "RUNNING").is_child
    assert read_job(job_detail("RUNNING")).array_size is None


def test_a_status_json_of_the_team_is_the_arrays_and_each_childs() -> None:
    record = team_status()
    assert all(is_of(record, job_id) for job_id in (JOB_ID, f"{JOB_ID}:0", f"{JOB_ID}:1"))
    assert not is_of(record, "another")
    assert not is_of(record, "another:1")
    # Of a plain job only its own.
    assert not is_of(status_record(), f"{JOB_ID}:0")


@pytest.mark.parametrize("status", ["PENDING", "FAILED"])
def test_an_array_that_published_ends_with_0_though_a_child_was_killed(status: str) -> None:
    children = [child(0, "FAILED", exit_code=137), child(1, "SUCCEEDED", exit_code=0)]
    result = find_array_result(array(status), team_status(0), children)
    assert result is not None
    assert (result.exit_status, result.origin) == (0, Origin.STATUS)
    assert find_result(array("FAILED"), team_status(0), None).exit_status == 0


def test_a_child_that_was_killed_is_explained_as_killed_though_the_others_published() -> None:
    result = find_result(child(0, "FAILED", exit_code=137), team_status(0), None)
    assert (result.exit_status, result.outcome) == (137, "killed")


def test_while_a_child_is_left_and_status_json_has_no_end_the_array_goes_on() -> None:
    children = [child(0, "FAILED", exit_code=137), child(1, "RUNNING")]
    assert find_array_result(array(), team_status(), children) is None
    assert find_array_result(array(), None, children) is None
    # Batch has not made the second one yet.
    assert find_array_result(array(), None, children[:1]) is None


def test_without_an_end_in_status_json_the_children_say_how_it_ended() -> None:
    """The worker's own exit status before a SIGKILL, and the last one of several."""
    children = [
        child(0, "FAILED", exit_code=143, stoppedAt=STOPPED_MS - 9000),
        child(1, "FAILED", exit_code=69, stoppedAt=STOPPED_MS - 5000),
        child(2, "FAILED", exit_code=137, container_reason="OutOfMemoryError"),
        child(3, "FAILED", reason=LOST),
    ]
    result = find_array_result(array(size=4), None, children)
    assert result is not None
    assert (result.exit_status, result.origin) == (69, Origin.CONTAINER)
    result = find_array_result(array("FAILED"), team_status(), children[2:4])
    assert result is not None
    assert "more memory than the job has" in result.message


def test_an_array_whose_hosts_were_all_lost_says_so() -> None:
    children = [child(0, "FAILED", reason=LOST), child(1, "FAILED", reason=LOST)]
    result = find_array_result(array("FAILED"), team_status(), children)
    assert result is not None
    assert (result.exit_status, result.origin) == (70, Origin.NOTHING)
    assert "the instance was terminated" in result.message


def test_an_array_whose_children_all_left_with_0_has_published() -> None:
    """Its status.json may be a later job's by now, or not be readable."""
    children = [child(0, "SUCCEEDED", exit_code=0), child(1, "SUCCEEDED", exit_code=0)]
    result = find_array_result(array(), None, children)
    assert result is not None
    assert result.exit_status == 0


def test_a_status_json_of_another_job_is_not_used() -> None:
    children = [child(0, "FAILED", exit_code=143), child(1, "SUCCEEDED", exit_code=0)]
    other = team_status(0, team="another", job_id="another:0")
    result = find_result(array("FAILED"), other, None)
    assert result.exit_status == 70
    result_of_children = find_array_result(array("FAILED"), None, children)
    assert result_of_children is not None
    assert result_of_children.exit_status == 143


def test_a_machine_is_shown_with_what_batch_and_status_json_report() -> None:
    children = [child(0, "FAILED", reason=LOST), child(1, "RUNNING")]
    lost, running = machines_of(children, team_status())
    assert lost.text == f"machine 1  FAILED, 7 segments, {LOST}"
    assert running.text == "machine 2  RUNNING, encoding, 7 segments"
    assert running.record["job_id"] == f"{JOB_ID}:1"
    assert machines_of([child(1, "RUNNABLE")], None)[0].text == "machine 2  RUNNABLE"


def test_an_array_ran_as_long_as_its_machines_together() -> None:
    children = [child(0, "SUCCEEDED"), child(1, "SUCCEEDED"), child(2, "RUNNING")]
    assert machine_seconds(array(size=3), children) == 720
    assert machine_seconds(read_job(job_detail("SUCCEEDED")), ()) == 360
