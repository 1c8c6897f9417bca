"""Why a job stays RUNNABLE: what Batch says of it, its queue and its machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.aws import Aws
from ops.batch.job import BatchJob

_MEANINGS = {
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": "AWS has no such instances free at the moment;"
    " Batch goes on trying. More InstanceTypes or SubnetIds help",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": "MaxVcpus of the compute environment is"
    " less than the job needs",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": "no instance type of the compute environment is"
    " large enough for the job's vCPUs and memory",
    "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS": "Batch's service role lacks a permission",
    "ACTION_REQUIRED": "no instance of the compute environment joined its cluster, or none fits:"
    " check the subnets' way out and the instance role",
}


def why_waiting(aws: Aws, job: BatchJob) -> tuple[str, ...]:
    """Return the reasons, the likeliest first; at least one."""
    queues = aws.batch.describe_job_queues(jobQueues=[job.queue])["jobQueues"]
    names = [c["computeEnvironment"] for q in queues for c in q["computeEnvironmentOrder"]]
    environments = aws.batch.describe_compute_environments(computeEnvironments=names)
    return explain_waiting(job, queues, environments["computeEnvironments"])


def explain_waiting(
    job: BatchJob,
    queues: Sequence[Mapping[str, Any]],
    environments: Sequence[Mapping[str, Any]],
) -> tuple[str, ...]:
    """Put the reasons together from what Batch says."""
    reasons = []
    if job.reason:
        meaning = next((m for code, m in _MEANINGS.items() if code in job.reason), None)
        reasons.append(f"Batch says: {job.reason}" + (f" ({meaning})" if meaning else ""))
    for queue in queues:
        reasons += _faults("queue", queue["jobQueueName"], queue)
    for environment in environments:
        name = environment["computeEnvironmentName"]
        reasons += _faults("compute environment", name, environment)
        resources = environment.get("computeResources", {})
        wanted, most = resources.get("desiredvCpus", 0), resources.get("maxvCpus", 0)
        if most and wanted >= most:
            reasons.append(f"{name} is full: {wanted} of {most} vCPUs are in use (MaxVcpus)")
    return tuple(reasons) or (
        (
            "Batch gives no reason; it is starting an instance, or jobs before"
            " this one in the queue wait too (scripts/jobs)"
        ),
    )


def _faults(kind: str, name: str, described: Mapping[str, Any]) -> list[str]:
    faults = []
    if described.get("state") != "ENABLED":
        faults.append(f"the {kind} {name} is {described.get('state')}: enable it")
    if described.get("status") not in {"VALID", "UPDATING", None}:
        why = described.get("statusReason", "no reason given")
        faults.append(f"the {kind} {name} is {described['status']}: {why}")
    return faults
