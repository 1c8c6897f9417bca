"""Creates and updates the stack through change sets, which are shown before they are executed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from ops.aws import Aws, code_of
from ops.console import FOR_PEOPLE, Answer
from ops.errors import DeploymentError, LaterError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import (
        ParameterTypeDef,
        ResourceChangeTypeDef,
        StackEventTypeDef,
        StackTypeDef,
        WaiterConfigTypeDef,
    )

_POLL_S = 5.0
# A change set is asked after once a second, for five minutes.
_CHANGE_SET_WAIT: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": 300}
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
_REPLACEMENTS = {"True": " (replace)", "Conditional": " (may replace)"}
DEPLOYED = frozenset({"CREATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeSet:
    """A change that CloudFormation has computed but not executed."""

    stack: str
    id: str
    creates: bool
    changes: tuple[ResourceChangeTypeDef, ...]


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
    """Refuse a stack that takes no change set, and report how it leaves its state.

    Raises:
        LaterError: something else is under way.
        DeploymentError: a person must act first.

    """
    if status in _STABLE or status == _EMPTY:
        return
    if status == "ROLLBACK_COMPLETE":
        raise DeploymentError(
            f"the stack {name} could not be created and was rolled back ({status}): it can only be"
            f" deleted. `aws cloudformation delete-stack --stack-name {name}`, then deploy again."
            " Its log group and repository are kept, and taken over"
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        raise DeploymentError(
            f"the stack {name} could not be updated, and not be rolled back ({status}): fix"
            " what its events name, then `aws cloudformation continue-update-rollback"
            f" --stack-name {name}`, then deploy again"
        )
    if status.endswith("_IN_PROGRESS"):
        raise LaterError(f"the stack {name} is being changed ({status}); try again when it is done")
    raise DeploymentError(
        f"the stack {name} is {status}: it accepts no change. See its events in the console;"
        f" in most cases it must be deleted (`aws cloudformation delete-stack --stack-name {name}`)"
    )


def is_being_updated(status: str) -> bool:
    """Whether a stack that exists takes no change now, or not before a person acted."""
    return status.startswith("UPDATE_") and status not in _STABLE


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
    """Have CloudFormation compute the changes; None where there are none.

    Raises:
        DeploymentError: CloudFormation refuses the template or the parameters.
        LaterError: it takes too long.

    """
    created = aws.cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=datetime.now(UTC).strftime("deploy-%Y%m%d-%H%M%S"),
        ChangeSetType="CREATE" if creates else "UPDATE",
        TemplateBody=template,
        Parameters=parameters,
        Capabilities=["CAPABILITY_IAM"],
        # A log group or repository that a former stack left, or that was made by hand.
        ImportExistingResources=True,
    )
    refused = _wait(aws, stack=name, change_set=created["Id"])
    if refused is None:
        changes = _changes(aws, stack=name, change_set=created["Id"])
        return ChangeSet(stack=name, id=created["Id"], creates=creates, changes=changes)
    withdraw(aws, ChangeSet(stack=name, id=created["Id"], creates=creates, changes=()))
    if any(words in refused for words in _NOTHING):
        return None
    raise DeploymentError(f"CloudFormation refuses the change: {refused}")


def _wait(aws: Aws, *, stack: str, change_set: str) -> str | None:
    """Wait until a change set is computed; return CloudFormation's reason where it failed."""
    waiter = aws.cloudformation.get_waiter("change_set_create_complete")
    try:
        waiter.wait(ChangeSetName=change_set, StackName=stack, WaiterConfig=_CHANGE_SET_WAIT)
    except WaiterError as error:
        answer = error.last_response
        if "Error" in answer:
            # AWS's refusal of the call, which has its own explanation.
            raise ClientError(answer, "DescribeChangeSet") from error
        if answer.get("Status") == "FAILED":
            return str(answer.get("StatusReason", "no reason given"))
        raise LaterError(
            f"CloudFormation is still computing the change set of {stack}; try again later"
        ) from error
    return None


def _changes(aws: Aws, *, stack: str, change_set: str) -> tuple[ResourceChangeTypeDef, ...]:
    pages = aws.cloudformation.get_paginator("describe_change_set").paginate(
        ChangeSetName=change_set, StackName=stack
    )
    found = [change for page in pages for change in page.get("Changes", ())]
    return tuple(c["ResourceChange"] for c in found if "ResourceChange" in c)


def withdraw(aws: Aws, change_set: ChangeSet) -> None:
    """Delete a change set, and the empty stack that came with it."""
    aws.cloudformation.delete_change_set(ChangeSetName=change_set.id, StackName=change_set.stack)
    stack = find_stack(aws, change_set.stack)
    if change_set.creates and stack is not None and stack["StackStatus"] == _EMPTY:
        aws.cloudformation.delete_stack(StackName=change_set.stack)


def show_changes(changes: Iterable[ResourceChangeTypeDef], answer: Answer = FOR_PEOPLE) -> None:
    """Show what a change set does, a line for each resource."""
    for change in changes:
        replacement = change.get("Replacement", "")
        # A replaced environment or queue loses its jobs: that must be seen.
        action = change["Action"] + _REPLACEMENTS.get(replacement, "")
        resource, kind = change["LogicalResourceId"], change["ResourceType"]
        found = {d.get("Target", {}).get("Name", "") for d in change.get("Details", ())} - {""}
        properties = sorted(found)
        what = f": {', '.join(properties)}" if properties else ""
        answer.show(
            "change",
            f"{action:18} {resource} ({kind}){what}",
            action=change["Action"],
            replacement=replacement or None,
            resource=resource,
            type=kind,
            properties=properties,
        )


def execute(
    aws: Aws,
    change_set: ChangeSet,
    *,
    wait_s: float,
    sleep: Callable[[float], None] = time.sleep,
    answer: Answer = FOR_PEOPLE,
) -> StackTypeDef:
    """Execute the change and wait for its end, showing what CloudFormation reports.

    Raises:
        DeploymentError: it failed and was rolled back.
        LaterError: it continues, but not within `wait_s`.

    """
    # Only what is reported after it is shown.
    newest = _newest_event(aws, change_set.stack)
    aws.cloudformation.execute_change_set(ChangeSetName=change_set.id, StackName=change_set.stack)
    deadline = time.monotonic() + wait_s
    failures: list[str] = []
    while True:
        stack = find_stack(aws, change_set.stack)
        for event in _events_after(aws, change_set.stack, newest):
            newest = event["EventId"]
            failures += _show(event, answer)
        status = stack["StackStatus"] if stack else "DELETED"
        if stack is not None and status in DEPLOYED:
            return stack
        if not status.endswith("_IN_PROGRESS"):
            why = "; ".join(failures[:3]) or "see its events in the console"
            raise DeploymentError(f"the deployment failed, and the stack is {status}: {why}")
        if time.monotonic() > deadline:
            raise LaterError(
                f"the stack {change_set.stack} is still {status} after {wait_s:.0f} s; the"
                " deployment continues without this command. scripts/verify shows when every"
                " value is as expected"
            )
        sleep(_POLL_S)


def _newest_event(aws: Aws, stack: str) -> str | None:
    return next((event["EventId"] for event in _events(aws, stack)), None)


def _events_after(aws: Aws, stack: str, event_id: str | None) -> list[StackEventTypeDef]:
    """Return the events that came after one, oldest first."""
    new = itertools.takewhile(lambda event: event["EventId"] != event_id, _events(aws, stack))
    return list(new)[::-1]


def _events(aws: Aws, stack: str) -> Iterator[StackEventTypeDef]:
    """Yield a stack's events, newest first; a page is asked for when it is needed."""
    pages = aws.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    return (event for page in pages for event in page["StackEvents"])


def _show(event: StackEventTypeDef, answer: Answer) -> list[str]:
    """Show an event; return its reason where it is the cause of a failure."""
    status, name = event.get("ResourceStatus", ""), event.get("LogicalResourceId", "")
    reason = event.get("ResourceStatusReason", "")
    answer.show(
        "progress",
        f"  {status:30} {name}" + (f"  {reason}" if reason else ""),
        resource=name,
        status=status,
        reason=reason or None,
    )
    # A resource that was cancelled because another one failed is no cause.
    if status.endswith("_FAILED") and "cancelled" not in reason:
        return [f"{name}: {reason}"]
    return []
