"""CloudFormation's own drift detection, which knows the stack's resources from their handlers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ops.aws import Aws
from ops.verify.compare import Comparison
from ops.verify.report import Line, Unknown

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceDriftTypeDef

_POLL_S = 5.0
_NAME = "CloudFormation"


def detect(
    aws: Aws, stack: str, *, wait_s: float, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Line]:
    """Have CloudFormation compare the stack, for `wait_s` at most, and yield what differs.

    It compares only what its handlers read of each type: no answer of it means that all is as the
    template says.
    """
    detection = aws.cloudformation.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
    deadline = time.monotonic() + wait_s
    while True:
        answer = aws.cloudformation.describe_stack_drift_detection_status(
            StackDriftDetectionId=detection
        )
        status = answer["DetectionStatus"]
        if status != "DETECTION_IN_PROGRESS":
            break
        if time.monotonic() > deadline:
            reason = f"drift detection did not end within {wait_s:.0f} s; try again later"
            yield Unknown(name=_NAME, reason=reason)
            return
        sleep(_POLL_S)
    drifts = [line for drift in _drifts(aws, stack) for line in _lines(drift)]
    yield from drifts
    if status != "DETECTION_COMPLETE":
        # What it did find out is above.
        reason = answer.get("DetectionStatusReason", "no reason given")
        yield Unknown(name=_NAME, reason=f"{status}: {reason}")
    elif not drifts:
        yield Comparison(name=_NAME, expected="IN_SYNC", found=answer.get("StackDriftStatus", "?"))


def _drifts(aws: Aws, stack: str) -> Iterator[StackResourceDriftTypeDef]:
    page: dict[str, Any] = {}
    while True:
        answer = aws.cloudformation.describe_stack_resource_drifts(
            StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"], **page
        )
        yield from answer["StackResourceDrifts"]
        if "NextToken" not in answer:
            return
        page = {"NextToken": answer["NextToken"]}


def _lines(drift: StackResourceDriftTypeDef) -> Iterator[Line]:
    name = f"{_NAME} {drift['LogicalResourceId']}"
    differences = drift.get("PropertyDifferences", ())
    for each in differences:
        path = each["PropertyPath"].strip("/").replace("/", ".")
        expected, found = each["ExpectedValue"], each["ActualValue"]
        yield Comparison(name=f"{name} {path}", expected=expected, found=found)
    if not differences:
        status = drift["StackResourceDriftStatus"]
        yield Comparison(name=name, expected="IN_SYNC", found=status)
