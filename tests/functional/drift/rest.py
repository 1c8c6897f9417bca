"""Changes of alerts, rules, queues and what they call."""

from __future__ import annotations

import json

from ops import names
from tests.functional.drift.acts import (
    ANYONE,
    QUEUE,
    Changes,
    call,
    complete,
    extra_target,
    open_topic,
    other_order,
    other_threshold,
    schedule_again,
    two_alarms_off,
    unsubscribe,
)

LOGS = {"logGroupName": names.LOG_GROUP}
REST: Changes = {
    "nobody is subscribed": (
        unsubscribe,
        complete,
        ["AlertSubscription: expected a resource, found nothing"],
    ),
    "anyone may publish alerts": (
        open_topic,
        complete,
        ["AlertTopicPolicy PolicyDocument.Statement: expected"] * 2,
    ),
    "another target": (
        extra_target,
        call("events", "remove_targets", Rule=names.FAILED_RULE, Ids=["mine"]),
        ["FailedJobRule Targets[mine]: expected nothing, found"],
    ),
    "no target": (
        call("events", "remove_targets", Rule=names.BLOCKED_RULE, Ids=["alert"]),
        complete,
        ["QueueBlockedRule Targets[alert]: expected"],
    ),
    "a rule is off": (
        call("events", "disable_rule", Name=names.FAILED_RULE),
        call("events", "enable_rule", Name=names.FAILED_RULE),
        ["FailedJobRule State: expected ENABLED, found DISABLED"],
    ),
    "logs are kept for a day": (
        call("logs", "put_retention_policy", **LOGS, retentionInDays=1),
        call("logs", "put_retention_policy", **LOGS, retentionInDays=90),
        ["LogGroup RetentionInDays: expected 90, found 1"],
    ),
    "no metric filter": (
        call("logs", "delete_metric_filter", **LOGS, filterName=names.NEAR_DEADLINE_FILTER),
        complete,
        ["NearDeadlineFilter: expected a resource, found nothing"],
    ),
    "another dashboard": (
        call(
            "cloudwatch",
            "put_dashboard",
            DashboardName="{Dashboard}",
            DashboardBody=json.dumps({"widgets": []}),
        ),
        complete,
        ["Dashboard DashboardBody.widgets: expected"] * 9,
    ),
    "shares of another weight": (
        call(
            "batch",
            "update_scheduling_policy",
            arn="{SchedulingPolicy}",
            fairsharePolicy={"shareDecaySeconds": 60, "shareDistribution": []},
        ),
        call(
            "batch",
            "update_scheduling_policy",
            arn="{SchedulingPolicy}",
            fairsharePolicy={
                "shareDecaySeconds": 86400,
                "computeReservation": 0,
                "shareDistribution": [{"shareIdentifier": "default", "weightFactor": 1}],
            },
        ),
        [
            "SchedulingPolicy FairsharePolicy.ComputeReservation: expected 0, found nothing",
            "SchedulingPolicy FairsharePolicy.ShareDecaySeconds: expected 86400, found 60",
            "SchedulingPolicy FairsharePolicy.ShareDistribution[default]: expected",
        ],
    ),
    "uploads start something else": (
        call(
            "stepfunctions",
            "update_state_machine",
            stateMachineArn="{WatchMachine}",
            roleArn="arn:aws:iam::123456789012:role/mine",
        ),
        complete,
        ["WatchMachine RoleArn: expected"],
    ),
    "a keeper that no longer runs": (
        call(
            "scheduler",
            "update_schedule",
            Name="academy-video-keeper",
            ScheduleExpression="rate(10 days)",
            State="DISABLED",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:scheduler:::aws-sdk:batch:submitJob", "RoleArn": "arn:mine"},
        ),
        schedule_again,
        [
            "KeeperTimer Description: expected resubmits failed video jobs, found",
            "KeeperTimer ScheduleExpression: expected rate(10 minutes), found rate(10 days)",
            "KeeperTimer State: expected ENABLED, found DISABLED",
            "KeeperTimer Target.Input",
            "KeeperTimer Target.Input",
            "KeeperTimer Target.Input",
            "KeeperTimer Target.RetryPolicy.MaximumEventAgeInSeconds: expected 300",
            "KeeperTimer Target.RetryPolicy.MaximumRetryAttempts: expected 2",
            "KeeperTimer Target.RoleArn: expected",
        ],
    ),
    "a queue of another order": (
        other_order,
        complete,
        [
            "JobQueue ComputeEnvironmentOrder[1].ComputeEnvironment: expected",
            "JobQueue ComputeEnvironmentOrder[2].ComputeEnvironment: expected",
        ],
    ),
    "a queue of another priority": (
        call("batch", "update_job_queue", **QUEUE, priority=9),
        call("batch", "update_job_queue", **QUEUE, priority=1),
        ["JobQueue Priority: expected 1, found 9"],
    ),
    "a queue that is off": (
        call("batch", "update_job_queue", **QUEUE, state="DISABLED"),
        call("batch", "update_job_queue", **QUEUE, state="ENABLED"),
        ["JobQueue State: expected ENABLED, found DISABLED"],
    ),
    "an environment that is off": (
        call(
            "batch",
            "update_compute_environment",
            computeEnvironment="{ComputeEnvironment}",
            state="DISABLED",
        ),
        call(
            "batch",
            "update_compute_environment",
            computeEnvironment="{ComputeEnvironment}",
            state="ENABLED",
        ),
        ["ComputeEnvironment State: expected ENABLED, found DISABLED"],
    ),
    "alarms that nobody hears": (
        two_alarms_off,
        complete,
        [
            "FailedJobsAlarm ActionsEnabled: expected nothing, found false",
            "NearDeadlineAlarm: expected a resource, found nothing",
        ],
    ),
    "an alarm of another threshold": (
        other_threshold,
        complete,
        [
            "QueueBlockedAlarm AlarmActions: expected",
            "QueueBlockedAlarm Threshold: expected 1, found 100",
        ],
    ),
    "a queue of lost events that anyone may fill": (
        call(
            "sqs",
            "set_queue_attributes",
            QueueUrl="{EventsDeadLetters}",
            Attributes={"Policy": json.dumps({**ANYONE, "Version": "2012-10-17"})},
        ),
        complete,
        ["EventsDeadLettersPolicy PolicyDocument.Statement: expected"],
    ),
    "events that call another URL": (
        call(
            "events",
            "update_api_destination",
            Name=names.EVENTS,
            InvocationEndpoint="https://elsewhere.example/",
        ),
        call(
            "events",
            "update_api_destination",
            Name=names.EVENTS,
            InvocationEndpoint="https://api.example/events",
        ),
        ["EventsDestination InvocationEndpoint: expected https://api.example/events, found"],
    ),
}
