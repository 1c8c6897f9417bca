"""Why a job stays RUNNABLE: what Batch reports of it, its queue and its compute environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ops.aws import Aws
from ops.batch.job import BatchJob

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentDetailTypeDef,
        JobQueueDetailTypeDef,
    )

# By the codes that Batch puts into a job's status reason.
_MEANINGS = {
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": "AWS has no such instances available now; Batch"
    " retries. More InstanceTypes or SubnetIds help",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": "MaxVcpus of the compute environment is"
    " less than the job needs",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": "no instance type of the compute environment is"
    " large enough for the job's vCPUs and memory",
    "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS": "Batch's service role lacks a permission",
    "ACTION_REQUIRED": "no instance of the compute environment joined its cluster, or none fits:"
    " check that the subnets reach ECS, and the instance role",
}


def why_waiting(aws: Aws, job: BatchJob) -> tuple[str, ...]:
    """Return the reasons, the likeliest first; at least one."""
    queues = aws.batch.describe_job_queues(jobQueues=[job.queue])["jobQueues"]
    names = [c["computeEnvironment"] for q in queues for c in q["computeEnvironmentOrder"]]
    environments = aws.batch.describe_compute_environments(computeEnvironments=names)
    return explain_waiting(job, queues, environments["computeEnvironments"])


def explain_waiting(
    job: BatchJob,
    queues: Sequence[JobQueueDetailTypeDef],
    environments: Sequence[ComputeEnvironmentDetailTypeDef],
) -> tuple[str, ...]:
    """Put the reasons together from what Batch reports."""
    reasons = []
    if job.reason:
        meaning = next((m for code, m in _MEANINGS.items() if code in job.reason), None)
        reasons.append(f"reason in Batch: {job.reason}" + (f" ({meaning})" if meaning else ""))
    for queue in queues:
        reasons += _faults("queue", queue["jobQueueName"], queue)
    for environment in environments:
        name = environment["computeEnvironmentName"]
        reasons += _faults("compute environment", name, environment)
        if resources := environment.get("computeResources"):
            wanted, most = resources.get("desiredvCpus", 0), resources.get("maxvCpus", 0)
            if most and wanted >= most:
                reasons.append(f"{name} is full: {wanted} of {most} vCPUs are in use (MaxVcpus)")
    return tuple(reasons) or (
        (
            "no reason in Batch: it is starting an instance, or jobs before this one in the queue"
            " wait too (scripts/jobs)"
        ),
    )


def _faults(
    kind: str, name: str, described: JobQueueDetailTypeDef | ComputeEnvironmentDetailTypeDef
) -> list[str]:
    faults = []
    if described.get("state") != "ENABLED":
        faults.append(f"the {kind} {name} is {described.get('state')}: enable it")
    status = described.get("status", "VALID")
    if status not in {"VALID", "UPDATING"}:
        why = described.get("statusReason", "no reason given")
        faults.append(f"the {kind} {name} is {status}: {why}")
    return faults
