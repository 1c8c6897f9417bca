"""A resubmission: what the submission itself gave, no secret, and the count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.batch.job import read_job
from ops.batch.request import name_for
from ops.batch.result import find_result
from ops.keeper.attempt import ATTEMPT_TAG, CAUSES_TAG, FAILED_JOB_TAG, read_attempt
from ops.keeper.decide import Resubmission
from ops.keeper.request import build_resubmission
from ops.keeper.rules import Rule
from tests.unit.batch_shapes import GROUP, JOB_ID, job_detail
from worker.config.sources import join_sources

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

DEFINITION: Any = {
    "parameters": {"ladder": "auto", "preset": "auto"},
    "timeout": {"attemptDurationSeconds": 14400},
    "containerProperties": {
        "environment": [{"name": "WORKER_LOG_GROUP", "value": GROUP}],
        "resourceRequirements": [
            {"type": "VCPU", "value": "2"},
            {"type": "MEMORY", "value": "3072"},
        ],
    },
}
LOCATIONS = {"source": "s3://uploads/talk.mp4", "destination": "s3://videos/hls/talk"}


def resubmission(detail: JobDetailTypeDef, memory_mib: int | None = None) -> Resubmission:
    attempt = read_attempt(detail)
    return Resubmission(
        attempt=attempt,
        number=attempt.number + 1,
        rule=Rule(cause="host_lost"),
        result=find_result(read_job(detail), None, None),
        memory_mib=memory_mib,
    )


def test_what_the_definition_has_is_left_to_its_newest_revision() -> None:
    detail = job_detail("FAILED", exit_code=143)
    detail["parameters"] = {**LOCATIONS, "ladder": "auto", "preset": "auto"}
    assert build_resubmission(resubmission(detail), DEFINITION) == {
        "jobName": name_for(LOCATIONS["destination"]),
        "jobQueue": "academy-video-batch-queue",
        "jobDefinition": "academy-video-batch-jobdef",
        "parameters": LOCATIONS,
        "tags": {ATTEMPT_TAG: "1", CAUSES_TAG: "host_lost", FAILED_JOB_TAG: JOB_ID},
    }


def test_what_the_submission_gave_is_given_again() -> None:
    detail: Any = job_detail("FAILED", exit_code=143)
    detail["parameters"] = {**LOCATIONS, "ladder": "720", "preset": "auto"}
    detail["timeout"] = {"attemptDurationSeconds": 600}
    detail["shareIdentifier"], detail["schedulingPriority"] = "academy7", 9
    detail["tags"] = {"course": "7", "aws:x": "y", ATTEMPT_TAG: "1", CAUSES_TAG: "killed"}
    detail["container"]["environment"] += [
        {"name": "WORKER_NOTIFY", "value": "https://api.example/hook"},
        {"name": "WORKER_S3_SECRET_ACCESS_KEY", "value": "secret"},
        {"name": "AWS_BATCH_JOB_ID", "value": JOB_ID},
    ]
    detail["container"]["resourceRequirements"][0]["value"] = "4"
    request = build_resubmission(resubmission(detail), DEFINITION)
    assert request["parameters"] == {**LOCATIONS, "ladder": "720"}
    assert request["timeout"] == {"attemptDurationSeconds": 600}
    assert (request["shareIdentifier"], request["schedulingPriorityOverride"]) == ("academy7", 9)
    assert request["tags"] == {
        "course": "7",
        ATTEMPT_TAG: "2",
        CAUSES_TAG: "killed host_lost",
        FAILED_JOB_TAG: JOB_ID,
    }
    assert request["containerOverrides"] == {
        "environment": [{"name": "WORKER_NOTIFY", "value": "https://api.example/hook"}],
        "resourceRequirements": [{"type": "VCPU", "value": "4"}],
    }


def test_parts_and_clip_are_given_again() -> None:
    detail: Any = job_detail("FAILED", exit_code=143)
    parts = join_sources(["s3://uploads/a, 1.mp4", "s3://uploads/b.mp4"])
    detail["parameters"] = {**LOCATIONS, "source": parts}
    clip = [{"name": "WORKER_FROM", "value": "1:00"}, {"name": "WORKER_TO", "value": "2:00"}]
    detail["container"]["environment"] += clip
    request = build_resubmission(resubmission(detail), DEFINITION)
    assert request["parameters"] == {**LOCATIONS, "source": parts}
    assert request["containerOverrides"]["environment"] == clip


def test_more_memory_is_an_override() -> None:
    request = build_resubmission(resubmission(job_detail("FAILED", exit_code=71), 4608), DEFINITION)
    assert request["containerOverrides"] == {
        "resourceRequirements": [{"type": "MEMORY", "value": "4608"}]
    }


def test_of_a_definition_that_is_gone_everything_is_given() -> None:
    request = build_resubmission(resubmission(job_detail("FAILED", exit_code=143)), None)
    assert request["timeout"] == {"attemptDurationSeconds": 14400}
    assert request["containerOverrides"]["resourceRequirements"] == [
        {"type": "VCPU", "value": "2"},
        {"type": "MEMORY", "value": "3072"},
    ]
