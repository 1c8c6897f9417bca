"""What AWS Batch answers, in the shapes that it really has where moto's differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from ops.batch.log import FinishedLine
from worker.errors import Resubmit, SourceFault
from worker.messages import TEACHER_MESSAGES
from worker.records.job import MessageRecord, Outcome
from worker.records.status import StatusRecord
from worker.records.team import MachineSummary

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentDetailTypeDef,
        JobDetailTypeDef,
        JobQueueDetailTypeDef,
    )

JOB_ID = "4c7599ae-0a82-49aa-ba5a-4727fcce14a8"
ARN = "arn:aws:batch:ap-northeast-2:123456789012:"
STREAM = "container/default/0123456789abcdef0123456789abcdef"
GROUP = "/aws/batch/academy-video-worker"
CREATED_MS, STARTED_MS, STOPPED_MS = 1_700_000_000_000, 1_700_000_240_000, 1_700_000_600_000


def job_detail(
    status: str,
    *,
    exit_code: int | None = None,
    reason: str | None = None,
    container_reason: str | None = None,
    **fields: Any,
) -> JobDetailTypeDef:
    """An element of DescribeJobs' answer."""
    container: dict[str, Any] = {
        "image": "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/academy-video-worker@sha256:"
        + "a" * 64,
        "command": ["--source", "Ref::source", "--destination", "Ref::destination"],
        "environment": [{"name": "WORKER_LOG_GROUP", "value": GROUP}],
        "resourceRequirements": [
            {"type": "VCPU", "value": "2"},
            {"type": "MEMORY", "value": "3072"},
        ],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": GROUP}},
    }
    detail: dict[str, Any] = {
        "jobId": JOB_ID,
        "jobArn": f"{ARN}job/{JOB_ID}",
        "jobName": "video-talk",
        "jobQueue": f"{ARN}job-queue/academy-video-batch-queue",
        "jobDefinition": f"{ARN}job-definition/academy-video-batch-jobdef:7",
        "status": status,
        "createdAt": CREATED_MS,
        # The field is always there.
        "startedAt": 0,
        "parameters": {"source": "s3://uploads/talk.mp4", "destination": "s3://videos/hls/talk"},
        "timeout": {"attemptDurationSeconds": 14400},
        "container": container,
        "attempts": [],
    }
    if status in {"RUNNING", "SUCCEEDED", "FAILED"}:
        detail["startedAt"] = STARTED_MS
        container["logStreamName"] = STREAM
    if status in {"SUCCEEDED", "FAILED"}:
        detail["stoppedAt"] = STOPPED_MS
        attempt: dict[str, Any] = {"logStreamName": STREAM}
        if exit_code is not None:
            container["exitCode"] = attempt["exitCode"] = exit_code
        if container_reason:
            container["reason"] = attempt["reason"] = container_reason
        detail["attempts"] = [
            {"container": attempt, "startedAt": STARTED_MS, "stoppedAt": STOPPED_MS}
        ]
    if reason:
        detail["statusReason"] = reason
    return cast("JobDetailTypeDef", {**detail, **fields})


def child_detail(index: int, status: str, **fields: Any) -> JobDetailTypeDef:
    """A child of an array job, as DescribeJobs has it."""
    own = {"jobId": f"{JOB_ID}:{index}", "arrayProperties": {"index": index, "statusSummary": {}}}
    return job_detail(status, **{**own, **fields})


def team_status(exit_status: int | None = None, **fields: Any) -> StatusRecord:
    """status.json of an array job of two machines, the second of which leads; None: it goes on."""
    name = "published" if exit_status == 0 else "storage_unavailable"
    resubmit = Resubmit.NOT_NEEDED if exit_status == 0 else Resubmit.YES
    outcome = exit_status is not None and Outcome(
        exit_status=exit_status, name=name, message="it ended", resubmit=resubmit
    )
    machines = tuple(
        MachineSummary(number=index + 1, job_id=f"{JOB_ID}:{index}", state="encoding", segments=7)
        for index in range(2)
    )
    known = {
        "job_id": f"{JOB_ID}:1",
        "team": JOB_ID,
        "state": "ended" if outcome else "running",
        "outcome": outcome or None,
        "machines": machines,
        "started_at": "2023-11-14T22:17:20+00:00",
        "updated_at": "2023-11-14T22:23:20+00:00",
    }
    return StatusRecord(**{**known, **fields})


def queue_detail(**fields: Any) -> JobQueueDetailTypeDef:
    """An element of DescribeJobQueues' answer."""
    detail = {
        "jobQueueName": "academy-video-batch-queue",
        "jobQueueArn": f"{ARN}job-queue/academy-video-batch-queue",
        "state": "ENABLED",
        "status": "VALID",
        "priority": 1,
        "computeEnvironmentOrder": [
            {
                "order": 1,
                "computeEnvironment": f"{ARN}compute-environment/academy-video-batch-ce-v3",
            }
        ],
        **fields,
    }
    return cast("JobQueueDetailTypeDef", detail)


def environment_detail(**resources: Any) -> ComputeEnvironmentDetailTypeDef:
    """An element of DescribeComputeEnvironments' answer."""
    detail = {
        "computeEnvironmentName": "academy-video-batch-ce-v3",
        "computeEnvironmentArn": f"{ARN}compute-environment/academy-video-batch-ce-v3",
        "type": "MANAGED",
        "state": "ENABLED",
        "status": "VALID",
        "statusReason": "ComputeEnvironment Healthy",
        "serviceRole": "arn:aws:iam::123456789012:role/aws-service-role/batch.amazonaws.com/"
        "AWSServiceRoleForBatch",
        "computeResources": {
            "type": "EC2",
            "allocationStrategy": "BEST_FIT_PROGRESSIVE",
            "minvCpus": 0,
            "maxvCpus": 64,
            "desiredvCpus": 0,
            "instanceTypes": ["c7g", "c6g"],
            "subnets": ["subnet-2", "subnet-1"],
            "securityGroupIds": ["sg-1"],
            "ec2Configuration": [{"imageType": "ECS_AL2023"}],
            **resources,
        },
    }
    return cast("ComputeEnvironmentDetailTypeDef", detail)


def status_record(exit_status: int = 65) -> StatusRecord:
    """status.json of the job, ended because of its source."""
    sentence = TEACHER_MESSAGES[SourceFault.NO_VIDEO]
    return StatusRecord(
        job_id=JOB_ID,
        state="ended",
        started_at="2023-11-14T22:17:20+00:00",
        updated_at="2023-11-14T22:23:20+00:00",
        outcome=Outcome(
            exit_status=exit_status,
            name="bad_source",
            code=SourceFault.NO_VIDEO,
            message="no video stream",
            resubmit=Resubmit.NO,
            teacher_message=MessageRecord(en=sentence.en, ko=sentence.ko),
        ),
    )


def finished_line(exit_status: int = 66) -> FinishedLine:
    """The worker's last log line, of a job whose source is missing."""
    fields = {
        "event": "job_finished",
        "exit_status": exit_status,
        "outcome": "no_source",
        "message": "gone",
        "resubmit": "after_fix",
    }
    return FinishedLine.from_json(json.dumps(fields).encode())
