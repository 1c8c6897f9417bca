"""What Fn::GetAtt gives: derived from a resource's physical id, or asked of AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ops.aws import Aws
from ops.verify.compare import compare
from ops.verify.normal import normal
from ops.verify.readers.instances import DEFAULTS, launch_data
from ops.verify.resolve import UnresolvedError
from ops.verify.template import Value

# By type and attribute; `{id}` is the physical id.
_DERIVED = {
    ("AWS::Batch::ComputeEnvironment", "ComputeEnvironmentArn"): "{id}",
    ("AWS::Batch::JobQueue", "JobQueueArn"): "{id}",
    ("AWS::Batch::SchedulingPolicy", "Arn"): "{id}",
    ("AWS::CloudWatch::Alarm", "Arn"): "{arn}:cloudwatch:{region}:{account}:alarm:{id}",
    ("AWS::ECR::Repository", "Arn"): "{arn}:ecr:{region}:{account}:repository/{id}",
    ("AWS::ECR::Repository", "RepositoryUri"): "{account}.dkr.ecr.{region}.{suffix}/{id}",
    ("AWS::Events::Rule", "Arn"): "{arn}:events:{region}:{account}:rule/{id}",
    ("AWS::Events::EventBus", "Arn"): "{arn}:events:{region}:{account}:event-bus/{id}",
    ("AWS::IAM::InstanceProfile", "Arn"): "{arn}:iam::{account}:instance-profile{path}{id}",
    ("AWS::IAM::ManagedPolicy", "PolicyArn"): "{id}",
    ("AWS::IAM::Role", "Arn"): "{arn}:iam::{account}:role{path}{id}",
    ("AWS::Logs::LogGroup", "Arn"): "{arn}:logs:{region}:{account}:log-group:{id}:*",
    ("AWS::SNS::Topic", "TopicArn"): "{id}",
    ("AWS::SNS::Topic", "TopicName"): "{last}",
    ("AWS::SQS::Queue", "Arn"): "{arn}:sqs:{region}:{account}:{last}",
    ("AWS::SQS::Queue", "QueueName"): "{last}",
    ("AWS::SQS::Queue", "QueueUrl"): "{id}",
    (
        "AWS::Scheduler::ScheduleGroup",
        "Arn",
    ): "{arn}:scheduler:{region}:{account}:schedule-group/{last}",
}


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """The attributes of one stack's resources.

    `types`, `ids`, `paths`: of each resource by its logical id. `properties`: works out what a
    resource should have.
    """

    aws: Aws
    pseudo: Mapping[str, str]
    types: Mapping[str, str]
    ids: Mapping[str, str]
    paths: Mapping[str, str] = field(default_factory=dict)
    properties: Callable[[str], Value]

    def get(self, name: str, attribute: str) -> str:
        """Return an attribute of a resource.

        Raises:
            UnresolvedError: it is not known how.
            ClientError: AWS, which was asked, refuses to answer.

        """
        key = (self.types[name], attribute)
        found = self.ids[name]
        if pattern := _DERIVED.get(key):
            return pattern.format(
                arn=f"arn:{self.pseudo['AWS::Partition']}",
                region=self.pseudo["AWS::Region"],
                account=self.pseudo["AWS::AccountId"],
                suffix=self.pseudo["AWS::URLSuffix"],
                id=found,
                last=found.rpartition("/")[2].rpartition(":")[2],
                path=self.paths.get(name, "/"),
            )
        if key == ("AWS::Events::Connection", "Arn"):
            return self.aws.events.describe_connection(Name=found)["ConnectionArn"]
        if key == ("AWS::Events::ApiDestination", "Arn"):
            return self.aws.events.describe_api_destination(Name=found)["ApiDestinationArn"]
        if key == ("AWS::EC2::LaunchTemplate", "LatestVersionNumber"):
            return self._version(name)
        raise UnresolvedError(f"Fn::GetAtt {name}.{attribute}: not known for {key[0]}")

    def _version(self, name: str) -> str:
        """Return the newest version of a launch template that has what the template says.

        One that someone made by hand after it is not what the stack's environment should run.
        """
        expected = normal(self.properties(name))
        pages = self.aws.ec2.get_paginator("describe_launch_template_versions").paginate(
            LaunchTemplateId=self.ids[name]
        )
        versions = [each for page in pages for each in page["LaunchTemplateVersions"]]
        for each in sorted(versions, key=lambda v: v["VersionNumber"], reverse=True):
            data = normal({"LaunchTemplateData": launch_data(each)})
            compared = compare(
                {"LaunchTemplateData": expected["LaunchTemplateData"]}, data, defaults=DEFAULTS
            )
            if not any(comparison.is_drift for comparison in compared):
                return str(each["VersionNumber"])
        raise UnresolvedError(f"no version of {name} has what the template says")
