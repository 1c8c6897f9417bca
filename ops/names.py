"""Names and fixed values of the running system, and of the one before it."""

from __future__ import annotations

from pathlib import Path

REGION = "ap-northeast-2"
STACK = "academy-video-worker"
TEMPLATE = Path(__file__).resolve().parents[1] / "scripts" / "aws" / "template.yaml"

QUEUE = "academy-video-batch-queue"
JOB_DEFINITION = "academy-video-batch-jobdef"
LOG_GROUP = "/aws/batch/academy-video-worker"
REPOSITORY = "academy-video-worker"
SERVICE_ROLE = "AWSServiceRoleForBatch"
BATCH_SERVICE = "batch.amazonaws.com"
FAILED_RULE = "academy-video-job-failed"
BLOCKED_RULE = "academy-video-queue-blocked"
FAILED_ALARM = "academy-video-jobs-failing"
NEAR_DEADLINE_ALARM = "academy-video-job-near-deadline"
BLOCKED_ALARM = "academy-video-queue-blocked"
NEAR_DEADLINE_FILTER = "near-deadline"

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
STORE_PARAMETERS = {
    "s3_endpoint": "StoreEndpoint",
    "s3_region": "StoreRegion",
    "source_s3_endpoint": "SourceStoreEndpoint",
    "source_s3_region": "SourceStoreRegion",
}
# By what their options begin with, the parameters that name the secrets of stores.
STORE_SECRETS = {"s3_": "StoreSecret", "source_s3_": "SourceStoreSecret"}
# By option, the stack's parameter from which the job definition has its default.
DEFAULT_PARAMETERS = {"time_limit": "TimeLimitSeconds", "audio": "AudioLayout"}
# By secret option, the parameter that names its secret; its key there is the option's field.
SECRETS = {"key_secret": "KeySecret"}
