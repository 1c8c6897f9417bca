"""Which ends of jobs are alerted: the template's rule, applied to events as Batch sends them."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops import names
from ops.aws import Aws
from ops.verify.expected import Stack, resolver
from ops.verify.template import parse_template

TEMPLATE = parse_template(names.TEMPLATE.read_text())
QUEUES = {"JobQueue": "arn:videos", "KeeperQueue": "arn:keeper"}
BY_A_PERSON = "terminated with scripts/jobs"


def matches(detail: dict[str, Any], **parameters: str) -> bool:
    """Whether the rule of a stack with these parameters matches an event of a job."""
    stack = Stack(arn="arn:aws:cloudformation:x:1:stack/x/1", parameters=parameters, ids=QUEUES)
    rule = TEMPLATE.resources["FailedJobRule"]["Properties"]
    pattern = resolver(cast("Aws", SimpleNamespace()), TEMPLATE, stack).value(rule["EventPattern"])
    event = {
        "source": "aws.batch",
        "detail-type": "Batch Job State Change",
        "detail": {"jobQueue": "arn:videos", "status": "FAILED", **detail},
    }
    # By import_module, as other parts of it have no types.
    return bool(
        import_module("moto.events.models").EventPattern(None, pattern).matches_event(event)
    )


@pytest.mark.parametrize("exit_code", [1, 64, 66, 69, 70, 71, 73, 75, 76, 78, 124, 137])
def test_a_fault_is_alerted(exit_code: int) -> None:
    assert matches({"container": {"exitCode": exit_code}, "statusReason": "Essential container"})


@pytest.mark.parametrize("exit_code", [65, 143])
def test_a_refused_upload_and_a_stopped_job_are_not(exit_code: int) -> None:
    assert not matches({"container": {"exitCode": exit_code}, "statusReason": BY_A_PERSON})


@pytest.mark.parametrize(
    "reason",
    ["Host EC2 (instance i-0123) terminated.", "Job attempt duration exceeded timeout"],
)
def test_a_job_that_batch_or_ec2_stopped_is_alerted(reason: str) -> None:
    assert matches({"container": {"exitCode": 143}, "statusReason": reason})


@pytest.mark.parametrize("container", [{}, {"container": {}}, {"container": {"image": "x"}}])
def test_a_job_that_never_ran_is_alerted(container: dict[str, Any]) -> None:
    assert matches({**container, "statusReason": "CannotPullContainerError"})


def test_a_job_that_succeeded_or_is_of_another_queue_is_not() -> None:
    failed = {"container": {"exitCode": 70}}
    assert not matches({**failed, "status": "SUCCEEDED"})
    assert not matches({**failed, "jobQueue": "arn:another"})


def test_an_array_job_is_alerted_and_none_of_its_machines() -> None:
    """The others may publish the video; if none does, the array's own event says so."""
    lost = {"statusReason": "Host EC2 (instance i-0123) terminated."}
    assert not matches({**lost, "arrayProperties": {"index": 2}})
    assert matches({**lost, "arrayProperties": {"size": 4}})


def test_a_keeper_that_failed_is_alerted_where_there_is_one() -> None:
    failed = {"jobQueue": "arn:keeper", "container": {"exitCode": 69}}
    assert matches(failed, KeeperSchedule="rate(10 minutes)")
    assert not matches(failed)
