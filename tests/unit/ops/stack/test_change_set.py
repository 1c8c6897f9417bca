"""Change sets: what is asked of CloudFormation, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from ops.aws import Aws, explain
from ops.console import Answer
from ops.errors import DeploymentError, LaterError
from ops.stack.change_set import (
    ChangeSet,
    check_state,
    execute,
    merge_parameters,
    propose,
    show_changes,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeTypeDef

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHANGE_SET = ChangeSet(stack="s", id="arn:change", creates=False, changes=())


@pytest.fixture
def cloudformation(aws: Aws) -> Iterator[Stubber]:
    with Stubber(aws.cloudformation) as stub:
        yield stub
        stub.assert_no_pending_responses()


def stack(status: str) -> dict[str, Any]:
    return {"Stacks": [{"StackName": "s", "CreationTime": NOW, "StackStatus": status}]}


def events(*reported: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "StackEvents": [
            {
                "StackId": "s",
                "StackName": "s",
                "EventId": f"{name}-{status}",
                "Timestamp": NOW,
                "LogicalResourceId": name,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
            for name, status, reason in reported
        ]
    }


def test_what_is_not_given_keeps_its_value_and_what_is_new_its_default() -> None:
    assert merge_parameters({"A": "1"}, known=["A", "B", "C"], current=["A", "B", "Old"]) == [
        {"ParameterKey": "A", "ParameterValue": "1"},
        {"ParameterKey": "B", "UsePreviousValue": True},
    ]


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        ("ROLLBACK_COMPLETE", DeploymentError, "delete-stack --stack-name s"),
        ("UPDATE_ROLLBACK_FAILED", DeploymentError, "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", LaterError, "being changed"),
        ("DELETE_FAILED", DeploymentError, "accepts no change"),
    ],
)
def test_a_stack_that_takes_no_change_says_what_to_do(
    status: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        check_state("s", status)


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]
)
def test_a_stack_at_rest_takes_a_change(status: str) -> None:
    check_state("s", status)


def test_a_replacement_is_seen_in_the_changes(capsys: pytest.CaptureFixture[str]) -> None:
    change: ResourceChangeTypeDef = {
        "Action": "Modify",
        "LogicalResourceId": "JobQueue",
        "ResourceType": "AWS::Batch::JobQueue",
        "Replacement": "True",
        "Details": [{"Target": {"Attribute": "Properties", "Name": "JobQueueName"}}],
    }
    show_changes([change])
    text = "Modify (replace)   JobQueue (AWS::Batch::JobQueue): JobQueueName\n"
    assert capsys.readouterr().out == text
    show_changes([change], Answer(as_json=True))
    assert json.loads(capsys.readouterr().out) == {
        "event": "change",
        "action": "Modify",
        "replacement": "True",
        "resource": "JobQueue",
        "type": "AWS::Batch::JobQueue",
        "properties": ["JobQueueName"],
    }


def test_no_change_is_no_failure(aws: Aws, cloudformation: Stubber) -> None:
    cloudformation.add_response("create_change_set", {"Id": "arn:change"})
    reason = "The submitted information didn't contain changes. Submit different information"
    failed = {"Status": "FAILED", "StatusReason": reason}
    cloudformation.add_response("describe_change_set", failed)
    cloudformation.add_response("delete_change_set", {})
    cloudformation.add_response("describe_stacks", stack("CREATE_COMPLETE"))
    assert propose(aws, "s", template="t", parameters=[], creates=False) is None


def test_a_change_set_takes_over_what_a_former_stack_left(
    aws: Aws, cloudformation: Stubber
) -> None:
    asked = {
        "StackName": "s",
        "ChangeSetName": ANY,
        "ChangeSetType": "CREATE",
        "TemplateBody": "t",
        "Parameters": [],
        "Capabilities": ["CAPABILITY_IAM"],
        "ImportExistingResources": True,
    }
    cloudformation.add_response("create_change_set", {"Id": "arn:change"}, asked)
    change = {"ResourceChange": {"Action": "Add", "LogicalResourceId": "LogGroup"}}
    cloudformation.add_response("describe_change_set", {"Status": "CREATE_COMPLETE"})
    page = {"Changes": [change], "NextToken": "more"}
    cloudformation.add_response("describe_change_set", page)
    cloudformation.add_response("describe_change_set", {"Changes": [change]})
    made = propose(aws, "s", template="t", parameters=[], creates=True)
    assert made is not None
    assert len(made.changes) == 2


def test_a_refused_change_says_why(aws: Aws, cloudformation: Stubber) -> None:
    cloudformation.add_response("create_change_set", {"Id": "arn:change"})
    failed = {"Status": "FAILED", "StatusReason": "Resource Queue already exists"}
    cloudformation.add_response("describe_change_set", failed)
    cloudformation.add_response("delete_change_set", {})
    cloudformation.add_response("describe_stacks", stack("REVIEW_IN_PROGRESS"))
    cloudformation.add_response("delete_stack", {})
    with pytest.raises(DeploymentError, match="Queue already exists"):
        propose(aws, "s", template="t", parameters=[], creates=True)


def test_a_change_set_that_is_not_computed_in_time_is_reported(
    aws: Aws, cloudformation: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.stack.change_set._CHANGE_SET_WAIT", {"Delay": 0, "MaxAttempts": 2})
    cloudformation.add_response("create_change_set", {"Id": "arn:change"})
    for _ in range(2):
        cloudformation.add_response("describe_change_set", {"Status": "CREATE_IN_PROGRESS"})
    with pytest.raises(LaterError, match="still computing the change set of s"):
        propose(aws, "s", template="t", parameters=[], creates=True)


def test_a_refused_question_about_a_change_set_keeps_its_reason(
    aws: Aws, cloudformation: Stubber
) -> None:
    cloudformation.add_response("create_change_set", {"Id": "arn:change"})
    cloudformation.add_client_error("describe_change_set", "AccessDenied", "not yours", 403)
    with pytest.raises(ClientError) as caught:
        propose(aws, "s", template="t", parameters=[], creates=True)
    assert "permission the one for DescribeChangeSet is missing" in str(explain(caught.value))


def test_events_of_several_pages_are_shown_oldest_first_and_once(
    aws: Aws, cloudformation: Stubber, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = (
        ("Old", "CREATE_COMPLETE", ""),
        [(f"New{n}", "CREATE_COMPLETE", "") for n in range(3)],
    )
    cloudformation.add_response("describe_stack_events", events(old))
    cloudformation.add_response("execute_change_set", {})
    cloudformation.add_response("describe_stacks", stack("UPDATE_IN_PROGRESS"))
    cloudformation.add_response("describe_stack_events", events(new[0], old))
    cloudformation.add_response("describe_stacks", stack("UPDATE_COMPLETE"))
    page = {**events(new[2]), "NextToken": "more"}
    cloudformation.add_response("describe_stack_events", page)
    cloudformation.add_response("describe_stack_events", events(new[1], new[0], old))
    execute(aws, CHANGE_SET, wait_s=60, sleep=lambda _: None)
    shown = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["New0", "New1", "New2"]


def test_a_failed_deployment_names_the_first_causes(aws: Aws, cloudformation: Stubber) -> None:
    before = ("Old", "CREATE_FAILED", "long ago")
    cause = ("JobQueue", "UPDATE_FAILED", "compute environment is INVALID")
    called_off = ("LogGroup", "UPDATE_FAILED", "Resource update cancelled")
    cloudformation.add_response("describe_stack_events", events(before))
    cloudformation.add_response("execute_change_set", {})
    cloudformation.add_response("describe_stacks", stack("UPDATE_ROLLBACK_IN_PROGRESS"))
    cloudformation.add_response("describe_stack_events", events(called_off, cause, before))
    cloudformation.add_response("describe_stacks", stack("UPDATE_ROLLBACK_COMPLETE"))
    cloudformation.add_response("describe_stack_events", events(called_off, cause, before))
    with pytest.raises(DeploymentError) as caught:
        execute(aws, CHANGE_SET, wait_s=60, sleep=lambda _: None)
    assert "UPDATE_ROLLBACK_COMPLETE: JobQueue: compute environment is INVALID" in str(caught.value)
    assert "cancelled" not in str(caught.value)
    assert "long ago" not in str(caught.value)


def test_a_deployment_is_waited_for_no_longer_than_asked(aws: Aws, cloudformation: Stubber) -> None:
    cloudformation.add_response("describe_stack_events", events())
    cloudformation.add_response("execute_change_set", {})
    cloudformation.add_response("describe_stacks", stack("UPDATE_IN_PROGRESS"))
    cloudformation.add_response("describe_stack_events", events())
    with pytest.raises(LaterError, match="still UPDATE_IN_PROGRESS"):
        execute(aws, CHANGE_SET, wait_s=-1, sleep=lambda _: None)
