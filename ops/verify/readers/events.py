"""EventBridge: rules with targets, API destinations, schedules; state machines that they start."""

from __future__ import annotations

import json

from ops.aws import Aws
from ops.verify.readers.registry import Properties, kind, part, pick
from ops.verify.readers.shape import spelled
from ops.verify.resource import Resource

_RULE = "AWS::Events::Rule"
# What EventBridge does where a target says nothing else.
_EVENT_AGE_S, _RETRIES = "86400", "185"


def _rule_name(resource: Resource) -> tuple[str, str]:
    """Return the bus and the name of a rule; the id of one on a bus of its own is `bus|name`."""
    bus, _, name = resource.id.rpartition("|")
    return bus or "default", name


@kind(_RULE, defaults={"EventBusName": "default", "State": "ENABLED"}, unread=("Tags",))
def rule(aws: Aws, resource: Resource) -> Properties:
    """Read a rule."""
    bus, name = _rule_name(resource)
    there = aws.events.describe_rule(Name=name, EventBusName=bus)
    return pick(
        there,
        *("Name", "Description", "State", "EventPattern", "ScheduleExpression", "RoleArn"),
        "EventBusName",
    )


@part(_RULE, "Targets")
def targets(aws: Aws, resource: Resource) -> Properties:
    """Read all targets of a rule, with everything that they are sent."""
    bus, name = _rule_name(resource)
    pages = aws.events.get_paginator("list_targets_by_rule").paginate(Rule=name, EventBusName=bus)
    return {"Targets": [target for page in pages for target in page["Targets"]]}


@kind(
    "AWS::Events::Connection",
    # The secret, which no answer has.
    unread=("AuthParameters.ApiKeyAuthParameters.ApiKeyValue",),
    states={"state": "AUTHORIZED"},
)
def connection(aws: Aws, resource: Resource) -> Properties:
    """Read a connection; not its secret."""
    there = aws.events.describe_connection(Name=resource.id)
    return {
        **pick(there, "Name", "Description", "AuthorizationType", "AuthParameters"),
        "state": there.get("ConnectionState"),
    }


@kind("AWS::Events::ApiDestination", states={"state": "ACTIVE"})
def api_destination(aws: Aws, resource: Resource) -> Properties:
    """Read an API destination."""
    there = aws.events.describe_api_destination(Name=resource.id)
    return {
        **pick(
            there,
            *("Name", "Description", "ConnectionArn", "HttpMethod", "InvocationEndpoint"),
            "InvocationRateLimitPerSecond",
        ),
        "state": there.get("ApiDestinationState"),
    }


@kind("AWS::Events::EventBus")
def event_bus(aws: Aws, resource: Resource) -> Properties:
    """Read an event bus."""
    there = aws.events.describe_event_bus(Name=resource.id)
    return pick(there, "Name", "Description", "KmsKeyIdentifier", "Policy")


@kind(
    "AWS::Scheduler::Schedule",
    defaults={
        "ActionAfterCompletion": "NONE",
        "GroupName": "default",
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "Target.RetryPolicy.MaximumEventAgeInSeconds": _EVENT_AGE_S,
        "Target.RetryPolicy.MaximumRetryAttempts": _RETRIES,
    },
)
def schedule(aws: Aws, resource: Resource) -> Properties:
    """Read a schedule with its target."""
    group = str(resource.properties.get("GroupName", "default"))
    there = aws.scheduler.get_schedule(Name=resource.short_id, GroupName=group)
    return pick(
        there,
        *("Name", "GroupName", "Description", "State", "KmsKeyArn", "StartDate", "EndDate"),
        *("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target"),
        "ActionAfterCompletion",
    )


@kind("AWS::Scheduler::ScheduleGroup", unread=("Tags",), states={"state": "ACTIVE"})
def schedule_group(aws: Aws, resource: Resource) -> Properties:
    """Read a group of schedules."""
    there = aws.scheduler.get_schedule_group(Name=resource.short_id)
    return {**pick(there, "Name"), "state": there.get("State")}


@kind(
    "AWS::StepFunctions::StateMachine",
    defaults={"StateMachineType": "STANDARD", "LoggingConfiguration.Level": "OFF"},
    unread=("Tags",),
    states={"status": "ACTIVE"},
)
def state_machine(aws: Aws, resource: Resource) -> Properties:
    """Read a state machine with its definition."""
    there = aws.stepfunctions.describe_state_machine(stateMachineArn=resource.id)
    return {
        "StateMachineName": there["name"],
        "StateMachineType": there["type"],
        "RoleArn": there["roleArn"],
        "Definition": json.loads(there["definition"]),
        "LoggingConfiguration": spelled(
            aws.stepfunctions, "LoggingConfiguration", there.get("loggingConfiguration", {})
        ),
        "TracingConfiguration": spelled(
            aws.stepfunctions, "TracingConfiguration", there.get("tracingConfiguration", {})
        ),
        "status": there.get("status"),
    }
