"""What the template says of a stack with every option, and that each type of it has a reader."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from ops import names
from ops.verify.expected import Stack, expect
from ops.verify.readers.registry import KINDS
from ops.verify.report import READERS
from ops.verify.resource import Resource
from ops.verify.template import parse_template
from tests.unit.batch_shapes import ARN
from tests.unit.ops.template import read_template

if TYPE_CHECKING:
    from ops.aws import Aws

TEMPLATE = parse_template(names.TEMPLATE.read_text())
# Each condition of the template holds with these.
PARAMETERS = {
    "ImageUri": "repository@sha256:" + "a" * 64,
    "SourceBucket": "uploads",
    "DestinationBucket": "videos",
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
    "SpotFirst": "true",
    "WatchUploads": "true",
    "KeeperSchedule": "rate(10 minutes)",
    "KeeperDeleteRunsAfter": "7",
    "KeeperDeleteUploadsAfter": "30",
    "AlertEmail": "a@b",
    "GitHubRepository": "academy/worker",
    "EventsUrl": "https://api.example/events",
    **{
        name: f"arn:aws:secretsmanager:ap-northeast-2:1:secret:{name}"
        for name in TEMPLATE.parameters
        if name.endswith("Secret")
    },
}
STACK = Stack(
    arn="arn:aws:cloudformation:ap-northeast-2:123456789012:stack/academy-video-worker/1-2",
    parameters=PARAMETERS,
    ids={
        **{name: f"id-of-{name}" for name in TEMPLATE.resources},
        "JobDefinition": f"{ARN}job-definition/d:7",
        "JobQueue": f"{ARN}job-queue/q",
    },
)


def asked() -> Aws:
    """An AWS with one version of the launch template, as the template has it."""
    data = read_template()["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    version = {
        "VersionNumber": 7,
        "LaunchTemplateData": {
            **data,
            "BlockDeviceMappings": [
                {
                    "DeviceName": "/dev/xvda",
                    "Ebs": {
                        "VolumeSize": 200,
                        "VolumeType": "gp3",
                        "Encrypted": True,
                        "DeleteOnTermination": True,
                    },
                }
            ],
            "UserData": data["UserData"]["Fn::Base64"],
            "MetadataOptions": {**data["MetadataOptions"], "State": "applied"},
        },
    }
    pages = [{"LaunchTemplateVersions": [version, {"VersionNumber": 8, "LaunchTemplateData": {}}]}]
    ec2 = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: pages))
    events = SimpleNamespace(
        describe_connection=lambda **_: {"ConnectionArn": "arn:connection"},
        describe_api_destination=lambda **_: {"ApiDestinationArn": "arn:destination"},
    )
    return cast("Aws", SimpleNamespace(ec2=ec2, events=events))


def expected(stack: Stack = STACK) -> dict[str, Any]:
    return {each.name: each for each in expect(asked(), TEMPLATE, stack)}


def test_each_type_of_the_template_has_a_reader() -> None:
    """Or else scripts/verify would say nothing of its resources."""
    assert READERS
    types = {resource["Type"] for resource in TEMPLATE.resources.values()}
    assert types - set(KINDS) == set()


def test_every_resource_of_a_stack_with_all_options_is_resolved() -> None:
    found = expected()
    assert set(found) == set(TEMPLATE.resources)
    assert [each for each in found.values() if not isinstance(each, Resource)] == []


def test_what_no_option_asks_for_is_not_expected() -> None:
    options = ("SpotFirst", "WatchUploads", "AlertEmail", "GitHubRepository", "EventsUrl")
    kept = {
        n: v
        for n, v in PARAMETERS.items()
        if n not in options and not re.search("Secret|Keeper", n)
    }
    stack = Stack(arn=STACK.arn, parameters=kept, ids=STACK.ids)
    conditions = {n for n, each in TEMPLATE.resources.items() if "Condition" in each}
    assert conditions - set(expected(stack)) == conditions - {"SchedulingPolicy"}


def test_a_resource_that_the_stack_lacks_is_missing() -> None:
    ids = {name: each for name, each in STACK.ids.items() if name != "Dashboard"}
    found = expected(Stack(arn=STACK.arn, parameters=PARAMETERS, ids=ids))["Dashboard"]
    assert found.is_missing


def test_attributes_are_those_of_cloudformation() -> None:
    found = expected()
    container = found["JobDefinition"].properties["ContainerProperties"]
    assert container["JobRoleArn"] == "arn:aws:iam::123456789012:role/id-of-JobRole"
    assert container["Image"] == PARAMETERS["ImageUri"]
    resources = found["ComputeEnvironment"].properties["ComputeResources"]
    # Not 8, which someone made by hand.
    assert resources["LaunchTemplate"]["Version"] == "7"
    assert resources["Subnets"] == ["subnet-1", "subnet-2"]
    (target,) = found["EventsRule"].properties["Targets"]
    assert target["Arn"] == "arn:destination"


def test_a_role_has_the_managed_policies_that_name_it() -> None:
    secrets = ("StoreSecret", "SourceStoreSecret", "KeySecret", "NotifySecret")
    attached = expected()["ExecutionRole"].properties["ManagedPolicyArns"]
    assert attached == [f"id-of-{name}Policy" for name in secrets]
