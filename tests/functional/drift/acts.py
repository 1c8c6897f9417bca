"""How someone changes a deployed stack by hand, and how it is put back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ops import names
from ops.aws import Aws
from tests.functional.conftest import Server
from tests.functional.deployed_stack import DeployedStack
from tests.functional.operating import push_image, revise_definition

ANYONE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The stack, and how it is verified: in this process, with one set of clients."""

    server: Server
    stack: DeployedStack
    aws: Aws

    def id(self, name: str) -> str:
        return self.stack.ids[name]


Act: TypeAlias = Callable[[Deployed], object]
# The change, its opposite, and what scripts/verify then says of it.
Changes: TypeAlias = Mapping[str, tuple[Act, Act, list[str]]]


def call(client: str, operation: str, /, **arguments: Any) -> Act:
    """Call AWS; a text such as `{JobRole}` in an argument is that resource's id."""

    def filled(value: object, ids: Mapping[str, str]) -> object:
        if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
            return ids.get(value[1:-1], value)
        return value

    def act(deployed: Deployed) -> None:
        ids = deployed.stack.ids
        given = {name: filled(value, ids) for name, value in arguments.items()}
        getattr(deployed.server.client(client), operation)(**given)

    return act


def revise(also: Mapping[str, str] | None = None, **container: Any) -> Act:
    """Register a revision by hand, with another variable and other fields."""

    def act(deployed: Deployed) -> None:
        (own,) = deployed.server.client("batch").describe_job_definitions(
            jobDefinitions=[deployed.id("JobDefinition")]
        )["jobDefinitions"]
        variables = own["containerProperties"]["environment"]
        changed = {**container, "environment": [*variables, also]} if also else container
        revise_definition(deployed.server, container=changed)

    return act


def deregister(deployed: Deployed) -> None:
    """Deregister whatever is newer than the stack's own revision."""
    batch = deployed.server.client("batch")
    for each in batch.describe_job_definitions(jobDefinitionName=names.JOB_DEFINITION)[
        "jobDefinitions"
    ]:
        if each["revision"] > int(deployed.id("JobDefinition").rpartition(":")[2]):
            batch.deregister_job_definition(jobDefinition=each["jobDefinitionArn"])


def complete(deployed: Deployed) -> None:
    """Make again what the template has."""
    deployed.stack.complete()


def pushed(deployed: Deployed) -> None:
    push_image(deployed.server)


def repository_gone(deployed: Deployed) -> None:
    deployed.server.client("ecr").delete_repository(repositoryName=names.REPOSITORY, force=True)


def repository_made(deployed: Deployed) -> None:
    deployed.server.client("ecr").create_repository(
        repositoryName=names.REPOSITORY, imageTagMutability="IMMUTABLE"
    )
    complete(deployed)
    pushed(deployed)


def unsubscribe(deployed: Deployed) -> None:
    deployed.server.client("sns").unsubscribe(SubscriptionArn=deployed.id("AlertSubscription"))


def other_order(deployed: Deployed) -> None:
    order = [
        {"order": number, "computeEnvironment": deployed.id(name)}
        for number, name in enumerate(("ComputeEnvironment", "SpotComputeEnvironment"), start=1)
    ]
    deployed.server.client("batch").update_job_queue(**QUEUE, computeEnvironmentOrder=order)


def schedule_again(deployed: Deployed) -> None:
    deployed.server.client("scheduler").delete_schedule(Name=deployed.id("KeeperTimer"))
    complete(deployed)


def extra_target(deployed: Deployed) -> None:
    target = {"Id": "mine", "Arn": "arn:aws:sqs:ap-northeast-2:123456789012:mine"}
    deployed.server.client("events").put_targets(Rule=names.FAILED_RULE, Targets=[target])


def open_topic(deployed: Deployed) -> None:
    topic = deployed.id("AlertTopic")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": topic}
    deployed.server.client("sns").set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def two_alarms_off(deployed: Deployed) -> None:
    cloudwatch = deployed.server.client("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=[names.FAILED_ALARM])
    cloudwatch.delete_alarms(AlarmNames=[names.NEAR_DEADLINE_ALARM])


def other_threshold(deployed: Deployed) -> None:
    cloudwatch = deployed.server.client("cloudwatch")
    (there,) = cloudwatch.describe_alarms(AlarmNames=[names.BLOCKED_ALARM])["MetricAlarms"]
    kept = (
        *("AlarmName", "Namespace", "MetricName", "Dimensions", "Statistic", "Period"),
        *("EvaluationPeriods", "ComparisonOperator", "TreatMissingData", "AlarmDescription"),
    )
    cloudwatch.put_metric_alarm(
        **{name: there[name] for name in kept}, Threshold=100.0, AlarmActions=[]
    )


QUEUE = {"jobQueue": names.QUEUE}
