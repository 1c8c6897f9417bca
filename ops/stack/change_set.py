"""Creates and updates the stack through change sets, which are shown before they are made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws import Aws, code_of
from ops.console import say
from ops.errors import DeploymentError, LaterError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackTypeDef

_POLL_S = 5.0
_CHANGE_SET_S = 300.0
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_EMPTY = "REVIEW_IN_PROGRESS"
_STABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
    }
)
DEPLOYED = frozenset({"CREATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeSet:
    """A change that CloudFormation has worked out but not made."""

    stack: str
    id: str
    creates: bool
    changes: tuple[Mapping[str, Any], ...]


def find_stack(aws: Aws, name: str) -> StackTypeDef | None:
    """Describe a stack; None where there is none."""
    try:
        return aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if code_of(error) == "ValidationError":
            return None
        raise


def parameters_of(stack: StackTypeDef) -> dict[str, str]:
    """Return a stack's parameters by name."""
    return {p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", ())}


def check_state(name: str, status: str) -> None:
    """Refuse a stack that takes no change set, and say how it gets out of its state.

    Raises:
        LaterError: something else is under way.
        DeploymentError: a person must act first.

    """
    if status in _STABLE or status == _EMPTY:
        return
    if status == "ROLLBACK_COMPLETE":
        raise DeploymentError(
            f"the stack {name} failed to be created and was undone ({status}): it can only be"
            f" deleted. `aws cloudformation delete-stack --stack-name {name}`, then deploy again."
            " Its log group and repository stay, and are taken over"
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        raise DeploymentError(
            f"the stack {name} failed to be updated, and could not be set back ({status}): mend"
            " what its events name, then `aws cloudformation continue-update-rollback"
            f" --stack-name {name}`, then deploy again"
        )
    if status.endswith("_IN_PROGRESS"):
        raise LaterError(f"the stack {name} is being changed ({status}); try again when it is done")
    raise DeploymentError(
        f"the stack {name} is {status}: it takes no change. See its events in the console; most"
        f" often it must be deleted (`aws cloudformation delete-stack --stack-name {name}`)"
    )


def merge_parameters(
    given: Mapping[str, str], known: Iterable[str], current: Iterable[str]
) -> list[ParameterTypeDef]:
    """Build a change set's parameters: what is given, and the rest as it is.

    `known`: the template's; `current`: the stack's. A parameter in neither `given` nor `current`
    gets the template's default.
    """
    values: list[ParameterTypeDef] = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in given.items()
    ]
    kept: list[ParameterTypeDef] = [
        {"ParameterKey": name, "UsePreviousValue": True}
        for name in known
        if name in set(current) - set(given)
    ]
    return values + kept


def propose(
    aws: Aws, name: str, *, template: str, parameters: Sequence[ParameterTypeDef], creates: bool
) -> ChangeSet | None:
    """Have CloudFormation work out the changes; None where there are none.

    Raises:
        DeploymentError: CloudFormation refuses the template or the parameters.
        LaterError: it takes too long.

    """
    made = aws.cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=datetime.now(UTC).strftime("deploy-%Y%m%d-%H%M%S"),
        ChangeSetType="CREATE" if creates else "UPDATE",
        TemplateBody=template,
        Parameters=parameters,
        Capabilities=["CAPABILITY_IAM"],
        # A log group or repository that a former stack left, or that was made by hand.
        ImportExistingResources=True,
    )
    proposal = ChangeSet(stack=name, id=made["Id"], creates=creates, changes=())
    deadline = time.monotonic() + _CHANGE_SET_S
    while True:
        answer = aws.cloudformation.describe_change_set(ChangeSetName=made["Id"], StackName=name)
        if answer["Status"] == "CREATE_COMPLETE":
            changes = tuple(c["ResourceChange"] for c in _all_changes(aws, made["Id"], name))
            return ChangeSet(stack=name, id=made["Id"], creates=creates, changes=changes)
        if answer["Status"] == "FAILED":
            withdraw(aws, proposal)
            reason = answer.get("StatusReason", "no reason given")
            if any(words in reason for words in _NOTHING):
                return None
            raise DeploymentError(f"CloudFormation refuses the change: {reason}")
        if time.monotonic() > deadline:
            raise LaterError(f"CloudFormation is still working on the change set of {name}")
        time.sleep(1)


def _all_changes(aws: Aws, change_set: str, stack: str) -> list[Any]:
    changes: list[Any] = []
    token: dict[str, Any] = {}
    while True:
        page = aws.cloudformation.describe_change_set(
            ChangeSetName=change_set, StackName=stack, **token
        )
        changes += [c for c in page.get("Changes", ()) if "ResourceChange" in c]
        if not (next_token := page.get("NextToken")):
            return changes
        token = {"NextToken": next_token}


def withdraw(aws: Aws, change_set: ChangeSet) -> None:
    """Delete a change set, and the empty stack that came with it."""
    aws.cloudformation.delete_change_set(ChangeSetName=change_set.id, StackName=change_set.stack)
    stack = find_stack(aws, change_set.stack)
    if change_set.creates and stack is not None and stack["StackStatus"] == _EMPTY:
        aws.cloudformation.delete_stack(StackName=change_set.stack)


def describe_changes(changes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say what a change set does, a line for each resource."""
    lines = []
    for change in changes:
        action = str(change["Action"])
        # A replaced environment or queue loses its jobs: that must be seen.
        if change.get("Replacement") in {"True", "Conditional"}:
            action += " (replace)" if change["Replacement"] == "True" else " (may replace)"
        names = {d.get("Target", {}).get("Name") for d in change.get("Details", ())} - {None}
        what = f": {', '.join(sorted(map(str, names)))}" if names else ""
        lines.append(f"{action:18} {change['LogicalResourceId']} ({change['ResourceType']}){what}")
    return lines


def execute(
    aws: Aws, change_set: ChangeSet, *, wait_s: float, sleep: Callable[[float], None] = time.sleep
) -> StackTypeDef:
    """Make the change and wait for its end, showing what CloudFormation reports.

    Raises:
        DeploymentError: it failed and was undone.
        LaterError: it goes on, but not within `wait_s`.

    """
    # What was there before is not news.
    seen = {e["EventId"] for e in _events(aws, change_set.stack)}
    aws.cloudformation.execute_change_set(ChangeSetName=change_set.id, StackName=change_set.stack)
    deadline = time.monotonic() + wait_s
    failures: list[str] = []
    while True:
        stack = find_stack(aws, change_set.stack)
        for event in reversed(_events(aws, change_set.stack)):
            if event["EventId"] not in seen:
                seen.add(event["EventId"])
                failures += _show(event)
        status = stack["StackStatus"] if stack else "DELETED"
        if stack is not None and status in DEPLOYED:
            return stack
        if not status.endswith("_IN_PROGRESS"):
            why = "; ".join(failures[:3]) or "see its events in the console"
            raise DeploymentError(f"the deployment failed, and the stack is {status}: {why}")
        if time.monotonic() > deadline:
            raise LaterError(
                f"the stack {change_set.stack} is still {status} after {wait_s:.0f} s; it goes on"
                " by itself. scripts/verify tells when it is as it should be"
            )
        sleep(_POLL_S)


def _events(aws: Aws, stack: str) -> list[Any]:
    """Return the newest events, newest first: one page holds more than come between two looks."""
    return list(aws.cloudformation.describe_stack_events(StackName=stack)["StackEvents"])


def _show(event: Mapping[str, Any]) -> list[str]:
    status, name = event["ResourceStatus"], event["LogicalResourceId"]
    reason = event.get("ResourceStatusReason", "")
    say(f"  {status:30} {name}" + (f"  {reason}" if reason else ""))
    # Those that were only called off because of another one say nothing.
    if status.endswith("_FAILED") and "cancelled" not in reason:
        return [f"{name}: {reason}"]
    return []
