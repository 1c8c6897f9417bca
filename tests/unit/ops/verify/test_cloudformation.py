"""CloudFormation's own drift detection: waited for within a limit, and shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.aws import Aws
from ops.verify.cloudformation import detect

STARTED = {"StackDriftDetectionId": "1"}
AT = "2026-01-01"


@pytest.fixture
def stub(aws: Aws) -> Iterator[Stubber]:
    with Stubber(aws.cloudformation) as stub:
        stub.add_response("detect_stack_drift", STARTED, {"StackName": "s"})
        yield stub
        stub.assert_no_pending_responses()


def status(name: str, **fields: str) -> dict[str, Any]:
    found = {"StackId": "arn:s", "StackDriftDetectionId": "1", "DetectionStatus": name}
    return {**found, "Timestamp": AT, **fields}


def drift(name: str, state: str, *differences: dict[str, str]) -> dict[str, Any]:
    return {
        "StackId": "arn:s",
        "LogicalResourceId": name,
        "ResourceType": "AWS::Batch::JobQueue",
        "StackResourceDriftStatus": state,
        "PropertyDifferences": list(differences),
        "Timestamp": AT,
    }


def found(aws: Aws, waits: list[float] | None = None, wait_s: float = 60) -> list[str]:
    sleep = (waits if waits is not None else []).append
    return [str(line) for line in detect(aws, "s", wait_s=wait_s, sleep=sleep)]


def test_what_differs_is_a_line_for_each_property(aws: Aws, stub: Stubber) -> None:
    difference = {
        "PropertyPath": "/ComputeEnvironmentOrder/0/Order",
        "ExpectedValue": "1",
        "ActualValue": "2",
        "DifferenceType": "NOT_EQUAL",
    }
    stub.add_response("describe_stack_drift_detection_status", status("DETECTION_IN_PROGRESS"))
    stub.add_response("describe_stack_drift_detection_status", status("DETECTION_COMPLETE"))
    page = {"StackResourceDrifts": [drift("Queue", "MODIFIED", difference)], "NextToken": "more"}
    stub.add_response("describe_stack_resource_drifts", page)
    page = {"StackResourceDrifts": [drift("Topic", "DELETED")]}
    stub.add_response("describe_stack_resource_drifts", page)
    waits: list[float] = []
    assert found(aws, waits) == [
        "DRIFT CloudFormation Queue ComputeEnvironmentOrder.0.Order: expected 1, found 2",
        "DRIFT CloudFormation Topic: expected IN_SYNC, found DELETED",
    ]
    assert len(waits) == 1


def test_nothing_that_differs_is_one_line(aws: Aws, stub: Stubber) -> None:
    answer = status("DETECTION_COMPLETE", StackDriftStatus="IN_SYNC")
    stub.add_response("describe_stack_drift_detection_status", answer)
    stub.add_response("describe_stack_resource_drifts", {"StackResourceDrifts": []})
    assert found(aws) == ["ok    CloudFormation: IN_SYNC"]


def test_a_detection_that_failed_shows_what_it_found_and_is_unknown(
    aws: Aws, stub: Stubber
) -> None:
    answer = status("DETECTION_FAILED", DetectionStatusReason="no permission for Role")
    stub.add_response("describe_stack_drift_detection_status", answer)
    page = {"StackResourceDrifts": [drift("Topic", "DELETED")]}
    stub.add_response("describe_stack_resource_drifts", page)
    assert found(aws) == [
        "DRIFT CloudFormation Topic: expected IN_SYNC, found DELETED",
        "UNKNOWN CloudFormation: DETECTION_FAILED: no permission for Role",
    ]


def test_it_is_waited_for_no_longer_than_asked(aws: Aws, stub: Stubber) -> None:
    stub.add_response("describe_stack_drift_detection_status", status("DETECTION_IN_PROGRESS"))
    (line,) = found(aws, wait_s=-1)
    assert line.startswith("UNKNOWN CloudFormation: drift detection did not end within")
