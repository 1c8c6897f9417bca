"""Compute environments, queues, scheduling policies and job definitions of AWS Batch."""

from __future__ import annotations

import re

from ops.aws import Aws
from ops.verify.readers.registry import Properties, kind, pick
from ops.verify.readers.shape import spelled
from ops.verify.resource import Resource

# Graviton: a letter or two, the generation, `g` (c6g, m7gd, x2gd); a1 is the first one.
_ARM64 = re.compile(r"^([a-z]+\d+g[a-z]*|a1)(\..+)?$")


def architecture(instance_types: list[str]) -> str:
    """Return `arm64` where all types are Graviton's, or else which are not."""
    others = [name for name in instance_types if not _ARM64.match(name)]
    return f"not arm64: {', '.join(others)}" if others or not instance_types else "arm64"


@kind(
    "AWS::Batch::ComputeEnvironment",
    defaults={
        "ContainerOrchestrationType": "ECS",
        "State": "ENABLED",
        "ComputeResources.BidPercentage": "100",
        "UpdatePolicy.JobExecutionTimeoutMinutes": "30",
    },
    # Of CloudFormation's update alone.
    unread=("ReplaceComputeEnvironment", "ComputeResources.UpdateToLatestImageVersion"),
    states={"status": "VALID", "architecture": "arm64"},
)
def compute_environment(aws: Aws, resource: Resource) -> Properties | None:
    """Read a compute environment."""
    answer = aws.batch.describe_compute_environments(computeEnvironments=[resource.id])
    if not answer["computeEnvironments"]:
        return None
    (there,) = answer["computeEnvironments"]
    found = pick(
        spelled(aws.batch, "ComputeEnvironmentDetail", there),
        *("ComputeEnvironmentName", "Type", "State", "UnmanagedvCpus", "ServiceRole"),
        *("ComputeResources", "EksConfiguration", "ContainerOrchestrationType", "UpdatePolicy"),
        "Context",
    )
    resources = dict(found.get("ComputeResources", {}))
    # Batch's own: as many as its jobs need.
    resources.pop("DesiredvCpus", None)
    return {
        **found,
        "ComputeResources": resources,
        "status": there.get("status"),
        "architecture": architecture(resources.get("InstanceTypes", [])),
    }


@kind(
    "AWS::Batch::JobQueue",
    defaults={"State": "ENABLED", "JobQueueType": "ECS"},
    states={"status": "VALID"},
)
def job_queue(aws: Aws, resource: Resource) -> Properties | None:
    """Read a job queue."""
    queues = aws.batch.describe_job_queues(jobQueues=[resource.id])["jobQueues"]
    if not queues:
        return None
    (there,) = queues
    found = pick(
        spelled(aws.batch, "JobQueueDetail", there),
        *("JobQueueName", "State", "Priority", "SchedulingPolicyArn", "ComputeEnvironmentOrder"),
        *("JobStateTimeLimitActions", "JobQueueType", "ServiceEnvironmentOrder"),
    )
    return {**found, "status": there.get("status")}


@kind("AWS::Batch::SchedulingPolicy")
def scheduling_policy(aws: Aws, resource: Resource) -> Properties | None:
    """Read a scheduling policy."""
    there = aws.batch.describe_scheduling_policies(arns=[resource.id])["schedulingPolicies"]
    if not there:
        return None
    found = spelled(aws.batch, "SchedulingPolicyDetail", there[0])
    return pick(found, "Name", "FairsharePolicy", "QuotaSharePolicy")


@kind(
    "AWS::Batch::JobDefinition",
    defaults={
        "ContainerOrchestrationType": "ECS",
        "PlatformCapabilities": '["EC2"]',
        "RetryStrategy.Attempts": "1",
    },
    unread=("Tags",),
    # Jobs that name no revision get the newest, whoever registered it.
    states={"newest revision": lambda resource: resource.short_id},
)
def job_definition(aws: Aws, resource: Resource) -> Properties | None:
    """Read the newest active revision of a job definition, every field of it."""
    name = resource.short_id.partition(":")[0]
    pages = aws.batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName=name, status="ACTIVE"
    )
    active = [definition for page in pages for definition in page["jobDefinitions"]]
    if not active:
        return None
    newest = max(active, key=lambda definition: definition["revision"])
    found = spelled(aws.batch, "JobDefinition", newest)
    for batchs_own in ("JobDefinitionArn", "Revision", "Status", "Tags"):
        found.pop(batchs_own, None)
    container = dict(found.get("ContainerProperties", {}))
    if container.get("ResourceRequirements"):
        # The former form of the same, which they replace.
        container.pop("Vcpus", None)
        container.pop("Memory", None)
    return {
        **found,
        "ContainerProperties": container,
        "newest revision": f"{newest['jobDefinitionName']}:{newest['revision']}",
    }
