"""Values read from AWS's answers: equal to the expected ones where nothing was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from ops.options import container_command, definition_parameters
from ops.stack.actual import (
    read_alarm,
    read_definition,
    read_environment,
    read_pattern,
    read_target,
)
from ops.stack.expected import expect
from tests.unit.batch_shapes import environment_detail
from tests.unit.ops.stack.parameters import PARAMETERS, under

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef
    from mypy_boto3_events.type_defs import TargetOutputTypeDef

DEFINITION: dict[str, Any] = {
    "parameters": definition_parameters(),
    "retryStrategy": {"attempts": 1, "evaluateOnExit": []},
    "timeout": {"attemptDurationSeconds": 14400},
    "containerProperties": {
        "image": PARAMETERS["ImageUri"],
        "command": container_command(),
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


def test_a_compute_environment_as_it_should_be_is_no_drift() -> None:
    expected = under("compute environment academy-video-batch-ce-v3 ")
    assert read_environment(environment_detail()) == expected


def test_a_job_definition_as_it_should_be_is_no_drift() -> None:
    assert read_definition(cast("JobDefinitionTypeDef", DEFINITION)) == under(
        "job definition academy-video-batch-jobdef "
    )


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"timeout": {}}, "time limit"),
        ({"retryStrategy": {"attempts": 2}}, "attempts"),
        ({"parameters": {"ladder": "720"}}, "parameter ladder"),
        ({"containerProperties": {}}, "read-only root"),
        ({"containerProperties": {"secrets": [{"name": "A", "valueFrom": "arn"}]}}, "secrets"),
        (
            {
                "containerProperties": {
                    "environment": [{"name": "WORKER_S3_ENDPOINT", "value": "https://elsewhere"}]
                }
            },
            "variable WORKER_S3_ENDPOINT",
        ),
    ],
)
def test_a_job_definition_that_lacks_something_is_drift(change: dict[str, Any], name: str) -> None:
    found = read_definition(cast("JobDefinitionTypeDef", {**DEFINITION, **change}))
    assert found[name] != under("job definition academy-video-batch-jobdef ")[name]


def test_a_rule_of_any_queue_is_drift() -> None:
    assert read_pattern('{"detail-type": ["Batch Job State Change"]}').endswith("of any queue")
    assert read_pattern("") == "any event of any queue"


def test_an_alarm_that_is_sent_nowhere_is_drift() -> None:
    alarm: MetricAlarmTypeDef = {
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


def test_an_api_destination_without_a_dead_letter_queue_is_drift() -> None:
    target: TargetOutputTypeDef = {
        "Id": "backend",
        "Arn": "arn:aws:events:ap-northeast-2:1:api-destination/academy-video-events/1-2",
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:ap-northeast-2:1:dead"},
    }
    url = "https://api.example/"
    expected = expect({**PARAMETERS, "EventsUrl": url})["rule academy-video-events target"]
    assert read_target(target) == expected
    assert read_target({**target, "DeadLetterConfig": {}}) != expected
    assert read_target({**target, "Arn": "arn:aws:sqs:ap-northeast-2:1:other"}) == "something else"
