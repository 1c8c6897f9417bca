"""A stack of a moto server completed: what moto's CloudFormation passes over is made by calls.

Its properties are those that `ops.verify` works out from the template.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from ops import names
from ops.aws import Aws
from ops.verify.expected import Stack, resolver
from ops.verify.template import parse_template
from tests.functional.conftest import Server

Properties = Mapping[str, Any]


@dataclass(kw_only=True)
class DeployedStack:
    """The stack's parameters as they were given, and its resources' physical ids."""

    server: Server
    parameters: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    def complete(self) -> None:
        """Make what is missing, in the template's order of need; each again does no harm."""
        cloudformation = self.server.client("cloudformation")
        (stack,) = cloudformation.describe_stacks(StackName=names.STACK)["Stacks"]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=names.STACK)
        in_moto = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if each.get("PhysicalResourceId")
        }
        self.ids = {**in_moto, **self.ids}
        template = parse_template(names.TEMPLATE.read_text())
        # What the resolver asks AWS.
        clients = {name: self.server.client(name) for name in ("ec2", "events")}
        aws = cast("Aws", SimpleNamespace(**clients))
        waiting = dict(template.resources)
        while waiting:
            made = resolver(
                aws, template, Stack(arn=stack["StackId"], parameters=self.parameters, ids=self.ids)
            )
            done = [name for name, each in waiting.items() if self._make(made, name, each)]
            assert done, f"moto: {sorted(waiting)} cannot be made"
            for name in done:
                del waiting[name]

    def _make(self, made: Any, name: str, each: Mapping[str, Any]) -> bool:  # noqa: ANN401
        if not made.exists(each):
            return True
        try:
            properties = made.value(each.get("Properties", {}))
        except Exception:  # noqa: BLE001 (what it needs is not made yet)
            return False
        maker = MAKERS.get(each["Type"])
        if maker is not None:
            self.ids[name] = maker(self.server, self.ids.get(name, ""), properties)
        assert name in self.ids, f"moto: {name} has no id"
        return True


def alarm(server: Server, _: str, properties: Properties) -> str:
    server.client("cloudwatch").put_metric_alarm(**properties)
    return str(properties["AlarmName"])


def dashboard(server: Server, _: str, properties: Properties) -> str:
    server.client("cloudwatch").put_dashboard(**properties)
    return str(properties["DashboardName"])


def job_queue(server: Server, found: str, properties: Properties) -> str:
    batch = server.client("batch")
    order = [
        {"order": each["Order"], "computeEnvironment": each["ComputeEnvironment"]}
        for each in properties["ComputeEnvironmentOrder"]
    ]
    if not found:
        made = batch.create_job_queue(
            jobQueueName=properties["JobQueueName"],
            state=properties["State"],
            priority=properties["Priority"],
            computeEnvironmentOrder=order,
        )
        return str(made["jobQueueArn"])
    if arn := properties.get("SchedulingPolicyArn"):
        batch.update_job_queue(
            jobQueue=found, schedulingPolicyArn=arn, computeEnvironmentOrder=order
        )
    return found


def state_machine(server: Server, found: str, properties: Properties) -> str:
    states, definition = server.client("stepfunctions"), json.dumps(properties["Definition"])
    if found:
        role = properties["RoleArn"]
        states.update_state_machine(stateMachineArn=found, definition=definition, roleArn=role)
        return found
    made = states.create_state_machine(
        name=properties["StateMachineName"], roleArn=properties["RoleArn"], definition=definition
    )
    return str(made["stateMachineArn"])


def metric_filter(server: Server, _: str, properties: Properties) -> str:
    logs = server.client("logs")
    group, name = properties["LogGroupName"], properties["FilterName"]
    # moto would add a second one of the name.
    if logs.describe_metric_filters(logGroupName=group, filterNamePrefix=name)["metricFilters"]:
        return str(name)
    logs.put_metric_filter(
        logGroupName=group,
        filterName=name,
        filterPattern=properties["FilterPattern"],
        metricTransformations=[
            {k[0].lower() + k[1:]: v for k, v in each.items()}
            for each in properties["MetricTransformations"]
        ],
    )
    return str(name)


def topic_policy(server: Server, _: str, properties: Properties) -> str:
    (topic,) = properties["Topics"]
    server.client("sns").set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=json.dumps(properties["PolicyDocument"]),
    )
    return "topic-policy"


def subscription(server: Server, _: str, properties: Properties) -> str:
    return str(server.client("sns").subscribe(**properties)["SubscriptionArn"])


def queue(server: Server, found: str, properties: Properties) -> str:
    if found:
        return found
    wanted = ("MessageRetentionPeriod", "SqsManagedSseEnabled")
    attributes = {n: str(properties[n]).lower() for n in wanted if n in properties}
    made = server.client("sqs").create_queue(
        QueueName=properties["QueueName"], Attributes=attributes
    )
    return str(made["QueueUrl"])


def queue_policy(server: Server, _: str, properties: Properties) -> str:
    (url,) = properties["Queues"]
    policy = json.dumps(properties["PolicyDocument"])
    server.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return "queue-policy"


def connection(server: Server, _: str, properties: Properties) -> str:
    events = server.client("events")
    if not events.list_connections(NamePrefix=properties["Name"])["Connections"]:
        events.create_connection(**properties)
    return str(properties["Name"])


def api_destination(server: Server, _: str, properties: Properties) -> str:
    events = server.client("events")
    if not events.list_api_destinations(NamePrefix=properties["Name"])["ApiDestinations"]:
        events.create_api_destination(**properties)
    return str(properties["Name"])


def rule(server: Server, _: str, properties: Properties) -> str:
    """Write it in any case: in moto's own, what is `AWS::NoValue` stays in the pattern."""
    events = server.client("events")
    events.put_rule(
        Name=properties["Name"],
        Description=properties["Description"],
        State=properties["State"],
        EventPattern=json.dumps(properties["EventPattern"]),
    )
    events.put_targets(Rule=properties["Name"], Targets=properties["Targets"])
    return str(properties["Name"])


def role(server: Server, found: str, properties: Properties) -> str:
    iam = server.client("iam")
    if not found:
        found = f"{names.STACK}-role-{len(iam.list_roles()['Roles'])}"
        iam.create_role(
            RoleName=found,
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
        )
    for policy in properties.get("Policies", ()):
        iam.put_role_policy(
            RoleName=found,
            PolicyName=policy["PolicyName"],
            PolicyDocument=json.dumps(policy["PolicyDocument"]),
        )
    for arn in properties.get("ManagedPolicyArns", ()):
        iam.attach_role_policy(RoleName=found, PolicyArn=arn)
    return found


def managed_policy(server: Server, found: str, properties: Properties) -> str:
    """Write it anew, once: moto's log groups have another ARN than CloudFormation gives."""
    iam = server.client("iam")
    if len(iam.list_policy_versions(PolicyArn=found)["Versions"]) == 1:
        document = json.dumps(properties["PolicyDocument"])
        iam.create_policy_version(PolicyArn=found, PolicyDocument=document, SetAsDefault=True)
    return found


def repository(server: Server, found: str, properties: Properties) -> str:
    ecr = server.client("ecr")
    ecr.put_image_scanning_configuration(
        repositoryName=found,
        imageScanningConfiguration={
            "scanOnPush": properties["ImageScanningConfiguration"]["ScanOnPush"]
        },
    )
    ecr.put_lifecycle_policy(
        repositoryName=found,
        lifecyclePolicyText=properties["LifecyclePolicy"]["LifecyclePolicyText"],
    )
    return found


def job_definition(server: Server, found: str, properties: Properties) -> str:
    if found and not found.endswith(f"/{names.JOB_DEFINITION}:1"):
        return found
    # moto's own has an empty list for an empty text, and numbers where Batch has text.
    made = server.client("batch").register_job_definition(**api_names(properties))
    return str(made["jobDefinitionArn"])


def schedule(server: Server, _: str, properties: Properties) -> str:
    scheduler, name = server.client("scheduler"), str(properties["Name"])
    if not scheduler.list_schedules(NamePrefix=name)["Schedules"]:
        scheduler.create_schedule(**properties)
    return name


def scheduling_policy(server: Server, _: str, properties: Properties) -> str:
    batch = server.client("batch")
    for each in batch.list_scheduling_policies()["schedulingPolicies"]:
        if each["arn"].endswith(f"/{properties['Name']}"):
            return str(each["arn"])
    return str(batch.create_scheduling_policy(**api_names(properties))["arn"])


def api_names(value: Any, name: str = "") -> Any:  # noqa: ANN401 (as a template has it)
    """Spell properties as Batch's API does: `JobRoleArn` → `jobRoleArn`."""
    if name == "Command":
        return [str(word) for word in value]
    if isinstance(value, list):
        return [api_names(item) for item in value]
    if not isinstance(value, Mapping):
        return str(value) if name == "Value" else int(value) if name in NUMBERS else value
    if name in {"Parameters", "Options"}:
        return dict(value)
    return {key[0].lower() + key[1:]: api_names(item, key) for key, item in value.items()}


NUMBERS = {"AttemptDurationSeconds", "MaxTimeSeconds", "ShareDecaySeconds", "ComputeReservation"}
MAKERS: dict[str, Callable[[Server, str, Properties], str]] = {
    "AWS::Batch::JobDefinition": job_definition,
    "AWS::Batch::SchedulingPolicy": scheduling_policy,
    "AWS::Batch::JobQueue": job_queue,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::ECR::Repository": repository,
    "AWS::Events::ApiDestination": api_destination,
    "AWS::Events::Connection": connection,
    "AWS::Events::Rule": rule,
    "AWS::IAM::ManagedPolicy": managed_policy,
    "AWS::IAM::Role": role,
    "AWS::Logs::MetricFilter": metric_filter,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::Queue": queue,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::SQS::QueuePolicy": queue_policy,
    "AWS::StepFunctions::StateMachine": state_machine,
}
