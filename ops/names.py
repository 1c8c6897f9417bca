"""Names and fixed values of the running system, and of the one before it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

REGION = "ap-northeast-2"
STACK = "academy-video-worker"
TEMPLATE = Path(__file__).resolve().parents[1] / "scripts" / "aws" / "template.yaml"

# The start of all names below; of another stack (staging), its parameter `Prefix` is another one.
PREFIX = "academy-video"
QUEUE = "academy-video-batch-queue"
JOB_DEFINITION = "academy-video-batch-jobdef"
LOG_GROUP = "/aws/batch/academy-video-worker"
REPOSITORY = "academy-video-worker"
SERVICE_ROLE = "AWSServiceRoleForBatch"
BATCH_SERVICE = "batch.amazonaws.com"
FAILED_RULE = "academy-video-job-failed"
BLOCKED_RULE = "academy-video-queue-blocked"
# The rule, its API destination and the connection.
EVENTS = "academy-video-events"
FAILED_ALARM = "academy-video-jobs-failing"
NEAR_DEADLINE_ALARM = "academy-video-job-near-deadline"
BLOCKED_ALARM = "academy-video-queue-blocked"
NEAR_DEADLINE_FILTER = "near-deadline"

# The share of a fair-share queue that jobs count for which name no academy.
DEFAULT_SHARE = "default"

# Where Batch writes when a job definition names no group.
DEFAULT_LOG_GROUP = "/aws/batch/job"

LEGACY_QUEUE = "academy-video-jobs"
LEGACY_DEAD_LETTERS = "academy-video-jobs-dlq"
# By Lambda function, its switch for videos and the rule that calls it each minute. Both serve other
# workers, too.
LEGACY_LAMBDAS = {
    "academy-worker-queue-depth-metric": (
        "ENABLE_VIDEO_METRICS",
        "academy-worker-queue-depth-rate",
    ),
    "academy-worker-autoscale": ("ENABLE_VIDEO_WAKE", "academy-worker-autoscale-rate"),
}
LEGACY_METRIC_LAMBDA = "academy-worker-queue-depth-metric"
LEGACY_GROUP = "academy-video-worker-asg"
LEGACY_POLICY = "video-backlogcount-tt"
LEGACY_NAMESPACE = "Academy/VideoProcessing"
LEGACY_METRIC = "VideoQueueDepthTotal"


def queue_of(parameters: Mapping[str, str]) -> str:
    """Return the name of a stack's queue."""
    return parameters.get("JobQueueName") or f"{_prefix(parameters)}-batch-queue"


def definition_of(parameters: Mapping[str, str]) -> str:
    """Return the name of a stack's job definition."""
    return f"{_prefix(parameters)}-batch-jobdef"


def repository_of(parameters: Mapping[str, str]) -> str:
    """Return the name of a stack's repository."""
    return f"{_prefix(parameters)}-worker"


def log_group_of(parameters: Mapping[str, str]) -> str:
    """Return the name of a stack's log group."""
    return f"/aws/batch/{_prefix(parameters)}-worker"


def _prefix(parameters: Mapping[str, str]) -> str:
    return parameters.get("Prefix", PREFIX)
