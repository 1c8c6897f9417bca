"""Drift: values read from AWS's answers, held against those that the parameters call for."""

from __future__ import annotations

from typing import Any

import pytest

from ops.commands.verify import compare
from ops.stack.actual import read_alarm, read_definition, read_environment, read_pattern
from ops.stack.expected import COMMAND, architecture, expect, near_wall_pattern, words
from tests.unit.batch_shapes import environment_detail

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
DEFINITION: dict[str, Any] = {
    "parameters": {"time_limit": "14400"},
    "retryStrategy": {"attempts": 1, "evaluateOnExit": []},
    "timeout": {"attemptDurationSeconds": 14400},
    "containerProperties": {
        "image": PARAMETERS["ImageUri"],
        "command": COMMAND.split(),
        "environment": [
            {"name": "WORKER_LOG_GROUP", "value": "/aws/batch/academy-video-worker"},
        ],
        "resourceRequirements": [
            {"type": "VCPU", "value": "2"},
            {"type": "MEMORY", "value": "3072"},
        ],
        "linuxParameters": {"initProcessEnabled": True},
        "readonlyRootFilesystem": True,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "/aws/batch/academy-video-worker"},
        },
    },
}


def under(prefix: str) -> dict[str, str]:
    expected = expect(PARAMETERS)
    return {n.removeprefix(prefix): v for n, v in expected.items() if n.startswith(prefix)}


def test_a_compute_environment_as_it_should_be_is_no_drift() -> None:
    expected = under("compute environment academy-video-batch-ce-v3 ")
    assert read_environment(environment_detail()) == expected


def test_a_job_definition_as_it_should_be_is_no_drift() -> None:
    assert read_definition(DEFINITION) == under("job definition academy-video-batch-jobdef ")


@pytest.mark.parametrize(
    ("change", "drift"),
    [
        ({"maxvCpus": 16}, "vCPUs: expected 0 to 64, found 0 to 16"),
        ({"instanceTypes": ["c5"]}, "architecture: expected arm64, found not arm64: c5"),
        ({"ec2Configuration": []}, "image type: expected ECS_AL2023, found "),
        ({"type": "SPOT"}, "type: expected MANAGED EC2, found MANAGED SPOT"),
    ],
)
def test_each_changed_value_is_named(change: dict[str, Any], drift: str) -> None:
    expected = under("compute environment academy-video-batch-ce-v3 ")
    lines = compare(expected, read_environment(environment_detail(**change)))
    assert f"DRIFT {drift}" in lines


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"timeout": {}}, "time limit"),
        ({"retryStrategy": {"attempts": 2}}, "attempts"),
        ({"parameters": {}}, "time limit told to the worker"),
        ({"containerProperties": {}}, "read-only root"),
    ],
)
def test_a_job_definition_that_lacks_something_is_drift(change: dict[str, Any], name: str) -> None:
    found = read_definition({**DEFINITION, **change})
    assert found[name] != under("job definition academy-video-batch-jobdef ")[name]


def test_what_is_not_there_at_all_is_drift() -> None:
    assert compare({"queue state": "ENABLED"}, {}) == [
        "DRIFT queue state: expected ENABLED, found nothing"
    ]


@pytest.mark.parametrize("name", ["c6g", "c7g.2xlarge", "c7gn", "m8g", "t4g.small", "x2gd", "a1"])
def test_gravitons_are_arm64(name: str) -> None:
    assert architecture([name]) == "arm64"


@pytest.mark.parametrize("name", ["c6i", "g4dn.xlarge", "g5", "c6a", "optimal", "m5"])
def test_others_are_not(name: str) -> None:
    assert architecture(["c6g", name]) == f"not arm64: {name}"


def test_lists_are_compared_in_one_order() -> None:
    assert words("c7g, c6g.large") == "c6g.large, c7g"


def test_the_warning_follows_its_parameter() -> None:
    assert "$.elapsed_s > 12960 " in near_wall_pattern(PARAMETERS)


def test_a_rule_of_any_queue_is_not_taken_for_ours() -> None:
    assert read_pattern('{"detail-type": ["Batch Job State Change"]}').endswith("of any queue")
    assert read_pattern("") == "any event of any queue"


def test_an_alarm_that_tells_nobody_is_seen() -> None:
    alarm = {
        "Namespace": "AWS/Events",
        "MetricName": "MatchedEvents",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 3.0,
        "AlarmActions": ["arn:aws:sns:ap-northeast-2:123456789012:alerts"],
    }
    expected = expect(PARAMETERS)["alarm academy-video-jobs-failing"]
    assert read_alarm(alarm) == expected
    assert read_alarm({**alarm, "ActionsEnabled": False}) != expected
    assert read_alarm({**alarm, "AlarmActions": []}) != expected
