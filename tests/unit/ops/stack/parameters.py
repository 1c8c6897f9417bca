"""A deployed stack's parameters, and what is expected of it under a name."""

from __future__ import annotations

from ops.stack.expected import expect

PARAMETERS = {
    "ComputeEnvironmentName": "academy-video-batch-ce-v3",
    "JobQueueName": "academy-video-batch-queue",
    "ImageUri": "repository@sha256:" + "a" * 64,
    "InstanceTypes": "c6g,c7g",
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
    "MaxVcpus": "64",
    "JobVcpus": "2",
    "JobMemoryMiB": "3072",
    "TimeLimitSeconds": "14400",
    "WallWarningSeconds": "12960",
    "RetentionDays": "90",
    "FailedJobsThreshold": "3",
}


def under(prefix: str) -> dict[str, str]:
    expected = expect(PARAMETERS)
    return {n.removeprefix(prefix): v for n, v in expected.items() if n.startswith(prefix)}
