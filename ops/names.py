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

# A job is tried once: a failed one has a reason, and a person or the API decides.
ATTEMPTS = 1
# Where Batch writes when a job definition names no group.
DEFAULT_LOG_GROUP = "/aws/batch/job"

LEGACY_QUEUE = "academy-video-jobs"
LEGACY_DEAD_LETTERS = "academy-video-jobs-dlq"
LEGACY_LAMBDA = "academy-worker-queue-depth-metric"
LEGACY_SWITCHES = ("ENABLE_VIDEO_METRICS", "ENABLE_VIDEO_WAKE")
LEGACY_GROUP = "academy-video-worker-asg"
LEGACY_POLICY = "video-backlogcount-tt"
LEGACY_NAMESPACE = "Academy/VideoProcessing"
LEGACY_METRIC = "VideoQueueDepthTotal"

# By option of the worker, the template's parameter for it.
OPTION_PARAMETERS = {
    "s3_endpoint": "StoreEndpoint",
    "s3_region": "StoreRegion",
    "source_s3_endpoint": "SourceStoreEndpoint",
    "source_s3_region": "SourceStoreRegion",
    "notify": "NotifyUrl",
    "max_source_gib": "LargestUploadGiB",
}
# By option of the worker, the parameter that names a secret, and the key of its value there.
SECRET_PARAMETERS = {
    "s3_access_key_id": ("StoreSecret", "access_key_id"),
    "s3_secret_access_key": ("StoreSecret", "secret_access_key"),
    "source_s3_access_key_id": ("SourceStoreSecret", "access_key_id"),
    "source_s3_secret_access_key": ("SourceStoreSecret", "secret_access_key"),
    "key_secret": ("KeySecret", "key_secret"),
    "notify_secret": ("NotifySecret", "notify_secret"),
}
# By option, the stack's parameter from which the job definition has its default.
DEFAULT_PARAMETERS = {"time_limit": "TimeLimitSeconds", "audio": "AudioLayout"}


def environment_of(parameters: Mapping[str, str]) -> str:
    """Return the name of a stack's compute environment."""
    return parameters.get("ComputeEnvironmentName") or f"{_prefix(parameters)}-batch-ce-v3"


def environments_of(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of a queue's compute environments, in its order."""
    name = environment_of(parameters)
    return (f"{name}-spot", name) if parameters.get("SpotFirst") == "true" else (name,)


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
