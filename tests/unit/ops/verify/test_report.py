"""Resources verified by AWS's answers, in the shapes that moto does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.aws import Aws
from ops.verify.expected import Unresolved
from ops.verify.report import Unknown, guarded, verify
from ops.verify.resource import Resource
from tests.unit.batch_shapes import ARN, environment_detail, queue_detail

TOPIC = "arn:aws:sns:ap-northeast-2:1:alerts"
QUEUE_TYPE, ROLE_TYPE = "AWS::Batch::JobQueue", "AWS::IAM::Role"


def resource(kind: str, identity: str, **properties: Any) -> Resource:
    return Resource(name="It", type=kind, id=identity, properties=properties)


def drifts(aws: Aws, each: Resource) -> list[str]:
    found = [str(line) for line in verify(aws, each)]
    assert found
    return [line for line in found if not line.startswith("ok ")]


def environment() -> Resource:
    return resource(
        "AWS::Batch::ComputeEnvironment",
        f"{ARN}compute-environment/academy-video-batch-ce-v3",
        ComputeEnvironmentName="academy-video-batch-ce-v3",
        Type="MANAGED",
        State="ENABLED",
        ReplaceComputeEnvironment=False,
        ServiceRole=environment_detail()["serviceRole"],
        UpdatePolicy={"TerminateJobsOnUpdate": False, "JobExecutionTimeoutMinutes": 240},
        ComputeResources={
            "Type": "EC2",
            "AllocationStrategy": "BEST_FIT_PROGRESSIVE",
            "MinvCpus": 0,
            "MaxvCpus": "64",
            "InstanceTypes": ["c6g", "c7g"],
            "Ec2Configuration": [{"ImageType": "ECS_AL2023"}],
            "UpdateToLatestImageVersion": True,
            "Subnets": ["subnet-1", "subnet-2"],
            "SecurityGroupIds": ["sg-1"],
        },
    )


@pytest.mark.parametrize(
    ("fields", "resources", "lines"),
    [
        ({}, {}, []),
        (
            {"updatePolicy": {"jobExecutionTimeoutMinutes": 30}},
            {},
            ["UpdatePolicy.JobExecutionTimeoutMinutes: expected 240, found 30"],
        ),
        ({"status": "INVALID"}, {}, ["status: expected VALID, found INVALID"]),
        ({}, {"maxvCpus": 16}, ["ComputeResources.MaxvCpus: expected 64, found 16"]),
        ({}, {"desiredvCpus": 48}, []),
        (
            {},
            {"instanceTypes": ["c5"]},
            [
                'ComputeResources.InstanceTypes: expected ["c6g", "c7g"], found ["c5"]',
                "architecture: expected arm64, found not arm64: c5",
            ],
        ),
        (
            {},
            {"ec2KeyPair": "mine", "type": "SPOT"},
            [
                "ComputeResources.Ec2KeyPair: expected nothing, found mine",
                "ComputeResources.Type: expected EC2, found SPOT",
            ],
        ),
    ],
)
def test_a_compute_environment_is_compared_in_full(
    aws: Aws, fields: Mapping[str, Any], resources: Mapping[str, Any], lines: list[str]
) -> None:
    policy = {"terminateJobsOnUpdate": False, "jobExecutionTimeoutMinutes": 240}
    detail = {**environment_detail(**resources), "updatePolicy": policy, **fields}
    with Stubber(aws.batch) as batch:
        batch.add_response("describe_compute_environments", {"computeEnvironments": [detail]})
        found = drifts(aws, environment())
    assert found == [f"DRIFT It (academy-video-batch-ce-v3) {line}" for line in lines]


ACTION = {
    "Reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "State": "RUNNABLE",
    "MaxTimeSeconds": 86400,
    "Action": "CANCEL",
}


def test_what_a_queue_does_with_jobs_that_cannot_start_is_compared(aws: Aws) -> None:
    queue = resource(
        QUEUE_TYPE,
        f"{ARN}job-queue/q",
        JobQueueName="academy-video-batch-queue",
        Priority=1,
        ComputeEnvironmentOrder=[
            {
                "Order": 1,
                "ComputeEnvironment": f"{ARN}compute-environment/academy-video-batch-ce-v3",
            }
        ],
        JobStateTimeLimitActions=[ACTION],
    )
    action = {name[0].lower() + name[1:]: value for name, value in ACTION.items()}
    with Stubber(aws.batch) as batch:
        detail = queue_detail(jobStateTimeLimitActions=[action])
        batch.add_response("describe_job_queues", {"jobQueues": [detail]})
        assert drifts(aws, queue) == []
        detail = queue_detail(jobStateTimeLimitActions=[{**action, "maxTimeSeconds": 600}])
        batch.add_response("describe_job_queues", {"jobQueues": [detail]})
        (line,) = drifts(aws, queue)
        assert line.startswith("DRIFT It (q) JobStateTimeLimitActions: expected")
        batch.add_response("describe_job_queues", {"jobQueues": []})
        assert drifts(aws, queue) == ["DRIFT It (q): expected a resource, found nothing"]


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({}, []),
        ({"schedulingPriority": 1}, ["SchedulingPriority: expected 100, found 1"]),
        ({"retryStrategy": {"attempts": 3}}, ["RetryStrategy.Attempts: expected 1, found 3"]),
        ({"timeout": {}}, ["Timeout.AttemptDurationSeconds: expected 60, found nothing"]),
        ({"parameters": {"ladder": "720"}}, ["Parameters.ladder: expected auto, found 720"]),
        ({"revision": 8}, ["newest revision: expected d:7, found d:8"]),
    ],
)
def test_a_job_definition_is_compared_in_full(
    aws: Aws, change: Mapping[str, Any], lines: list[str]
) -> None:
    definition = resource(
        "AWS::Batch::JobDefinition",
        f"{ARN}job-definition/d:7",
        JobDefinitionName="d",
        Type="container",
        PlatformCapabilities=["EC2"],
        SchedulingPriority=100,
        RetryStrategy={"Attempts": 1},
        Timeout={"AttemptDurationSeconds": "60"},
        Parameters={"ladder": "auto"},
        ContainerProperties={
            "Image": "i",
            "ResourceRequirements": [{"Type": "VCPU", "Value": "2"}],
            "Environment": [{"Name": "WORKER_S3_ENDPOINT", "Value": ""}],
            "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "g"}},
        },
    )
    # With all that Batch answers beside what was registered.
    answer: dict[str, Any] = {
        "jobDefinitionName": "d",
        "jobDefinitionArn": f"{ARN}job-definition/d:7",
        "revision": 7,
        "status": "ACTIVE",
        "type": "container",
        "schedulingPriority": 100,
        "parameters": {"ladder": "auto"},
        "retryStrategy": {"attempts": 1, "evaluateOnExit": []},
        "containerProperties": {
            "image": "i",
            "command": [],
            "volumes": [],
            "environment": [],
            "mountPoints": [],
            "ulimits": [],
            "resourceRequirements": [{"value": "2", "type": "VCPU"}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "g"},
                "secretOptions": [],
            },
            "secrets": [],
        },
        "timeout": {"attemptDurationSeconds": 60},
        "tags": {"aws:cloudformation:stack-name": "s"},
        "platformCapabilities": ["EC2"],
        "containerOrchestrationType": "ECS",
        **change,
    }
    with Stubber(aws.batch) as batch:
        batch.add_response("describe_job_definitions", {"jobDefinitions": [answer]})
        assert drifts(aws, definition) == [f"DRIFT It (d:7) {line}" for line in lines]


def subscribed(arn: str) -> dict[str, Any]:
    found = {"SubscriptionArn": arn, "TopicArn": TOPIC, "Protocol": "email", "Endpoint": "a@b"}
    return {"Subscriptions": [found]}


def test_a_subscription_that_nobody_confirmed_is_drift(aws: Aws) -> None:
    wanted = resource(
        "AWS::SNS::Subscription", f"{TOPIC}:1", TopicArn=TOPIC, Protocol="email", Endpoint="a@b"
    )
    with Stubber(aws.sns) as sns:
        sns.add_response("list_subscriptions_by_topic", subscribed("PendingConfirmation"))
        (line,) = drifts(aws, wanted)
        assert line.startswith("DRIFT It (1) confirmed: expected true, found false: its owner has")
        sns.add_response("list_subscriptions_by_topic", subscribed(f"{TOPIC}:1"))
        attributes = {"FilterPolicy": '{"a": ["b"]}', "RawMessageDelivery": "false"}
        sns.add_response("get_subscription_attributes", {"Attributes": attributes})
        (line,) = drifts(aws, wanted)
        assert line == 'DRIFT It (1) FilterPolicy.a: expected nothing, found ["b"]'


def test_what_one_answer_refuses_hides_nothing_of_the_others(aws: Aws) -> None:
    trust = {"Version": "2012-10-17", "Statement": []}
    wanted = resource(ROLE_TYPE, "r", AssumeRolePolicyDocument=trust, ManagedPolicyArns=["arn:a"])
    role = {
        "Path": "/",
        "RoleName": "r",
        "RoleId": "A" * 20,
        "Arn": "arn:aws:iam::1:role/r",
        "CreateDate": "2026-01-01",
        "AssumeRolePolicyDocument": "%7B%22Version%22%3A%222012-10-17%22%7D",
    }
    attached = {"AttachedPolicies": [{"PolicyName": "a", "PolicyArn": "arn:" + "b" * 20}]}
    with Stubber(aws.iam) as iam:
        iam.add_response("get_role", {"Role": role})
        iam.add_client_error("list_role_policies", "AccessDenied", "not yours", 403)
        iam.add_response("list_attached_role_policies", attached)
        unknown, drift = drifts(aws, wanted)
    assert unknown.startswith("UNKNOWN It (r) Policies: permission the one for ListRolePolicies")
    assert drift.startswith('DRIFT It (r) ManagedPolicyArns: expected ["arn:a"], found')


def test_an_answer_that_lacks_what_it_must_have_is_unknown(aws: Aws) -> None:
    with Stubber(aws.ecr) as ecr:
        ecr.add_response("describe_repositories", {"repositories": []})
        ecr.add_client_error("get_lifecycle_policy", "LifecyclePolicyNotFoundException")
        ecr.add_client_error("get_repository_policy", "RepositoryPolicyNotFoundException")
        (line,) = drifts(aws, resource("AWS::ECR::Repository", "repo", RepositoryName="repo"))
    assert line.startswith("UNKNOWN It (repo): AWS's answer cannot be read: IndexError")


def test_what_cannot_be_verified_is_unknown(aws: Aws) -> None:
    (line,) = verify(aws, resource("AWS::S3::Bucket", "b"))
    assert str(line) == "UNKNOWN It: AWS::S3::Bucket has no reader in ops/verify/readers"
    (line,) = verify(aws, Unresolved(name="It", reason="Ref Gone: not there"))
    assert str(line) == "UNKNOWN It: Ref Gone: not there"
    (line,) = verify(aws, Unresolved(name="It", reason="", is_missing=True))
    assert str(line) == "DRIFT It: expected a resource, found nothing"


def test_an_error_of_any_kind_is_one_line() -> None:
    def fail() -> list[Unknown]:
        raise KeyError("statement")

    (line,) = guarded("it", fail)
    assert str(line) == "UNKNOWN it: AWS's answer cannot be read: KeyError: 'statement'"
