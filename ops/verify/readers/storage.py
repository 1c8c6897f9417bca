"""The repository of images, and the log group with its metric filters."""

from __future__ import annotations

from ops.aws import Aws
from ops.verify.readers.registry import Properties, kind, part, pick
from ops.verify.readers.shape import spelled
from ops.verify.resource import Resource

_REPOSITORY = "AWS::ECR::Repository"


@kind(
    _REPOSITORY,
    defaults={
        "ImageTagMutability": "MUTABLE",
        "EncryptionConfiguration.EncryptionType": "AES256",
    },
    unread=("EmptyOnDelete", "Tags"),
)
def repository(aws: Aws, resource: Resource) -> Properties | None:
    """Read a repository's settings."""
    there = aws.ecr.describe_repositories(repositoryNames=[resource.id])["repositories"]
    found = spelled(aws.ecr, "Repository", there[0])
    return pick(
        found,
        *("RepositoryName", "ImageTagMutability", "ImageTagMutabilityExclusionFilters"),
        *("ImageScanningConfiguration", "EncryptionConfiguration"),
    )


@part(_REPOSITORY, "LifecyclePolicy")
def lifecycle(aws: Aws, resource: Resource) -> Properties:
    """Read which images expire."""
    there = aws.ecr.get_lifecycle_policy(repositoryName=resource.id)
    return {"LifecyclePolicy": {"LifecyclePolicyText": there["lifecyclePolicyText"]}}


@part(_REPOSITORY, "RepositoryPolicyText")
def repository_policy(aws: Aws, resource: Resource) -> Properties:
    """Read who else may pull and push."""
    there = aws.ecr.get_repository_policy(repositoryName=resource.id)
    return {"RepositoryPolicyText": there["policyText"]}


@kind("AWS::Logs::LogGroup", defaults={"LogGroupClass": "STANDARD"}, unread=("Tags",))
def log_group(aws: Aws, resource: Resource) -> Properties | None:
    """Read a log group."""
    pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=resource.id)
    for page in pages:
        for group in page["logGroups"]:
            if group.get("logGroupName") == resource.id:
                found = spelled(aws.logs, "LogGroup", group)
                return pick(found, "LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass")
    return None


@kind("AWS::Logs::MetricFilter")
def metric_filter(aws: Aws, resource: Resource) -> Properties | None:
    """Read a metric filter of a log group."""
    group = str(resource.properties["LogGroupName"])
    pages = aws.logs.get_paginator("describe_metric_filters").paginate(
        logGroupName=group, filterNamePrefix=resource.id
    )
    for page in pages:
        for each in page["metricFilters"]:
            if each.get("filterName") == resource.id:
                found = spelled(aws.logs, "MetricFilter", each)
                names = ("FilterName", "FilterPattern", "MetricTransformations")
                more = ("ApplyOnTransformedLogs",)
                return {**pick(found, *names, *more), "LogGroupName": group}
    return None
