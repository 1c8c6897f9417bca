"""Deployments: which image and parameters are accepted."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.__main__ import build_parser
from ops.aws import Aws
from ops.commands.deploy import check_parameters, read_parameters, run
from ops.errors import UsageError
from ops.stack.image import check_pinned


@pytest.mark.parametrize(
    "image", ["repository:latest", "repository", "repository@sha256:abc", f"x y@sha256:{'a' * 64}"]
)
def test_an_image_that_is_not_pinned_is_refused(image: str) -> None:
    with pytest.raises(UsageError, match="not pinned by digest"):
        check_pinned(image)
    with pytest.raises(UsageError, match="not pinned by digest"):
        read_parameters([f"ImageUri={image}"])


def test_unknown_and_missing_parameters_are_reported_together() -> None:
    known = {"ImageUri": None, "SourceBucket": None, "MaxVcpus": "64", "SourcePrefix": ""}
    with pytest.raises(UsageError, match=r"Sauce.*--image.*SourceBucket="):
        check_parameters({"Sauce": "1"}, known, {})
    check_parameters({}, known, {"ImageUri": "x", "SourceBucket": "y"})


ROLE = {
    "Path": "/",
    "RoleName": "AWSServiceRoleForBatch",
    "RoleId": "AROA1234567890123456",
    "Arn": "arn:aws:iam::123456789012:role/x",
    "CreateDate": 0,
}
A, B = (f"repository@sha256:{letter * 64}" for letter in "ab")
# As the template was before: no queue with shares, families of instances, a small disk.
OLD = {
    "ImageUri": B,
    "JobQueueName": "academy-video-batch-queue",
    "InstanceTypes": "c6g,c7g",
    "DiskGiB": "100",
    "JobVcpus": "2",
}
KNOWN = {
    **dict.fromkeys(OLD, ""),
    "FairShare": "true",
    "Prefix": "academy-video",
    "LargestUploadGiB": "32",
    "RetentionDays": "90",
}


def parse(*words: str) -> argparse.Namespace:
    return build_parser().parse_args(["deploy", *words])


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def answer_stack(cloudformation: Stubber, status: str) -> None:
    """What every run asks first: the stack, and the template's parameters."""
    pairs = [{"ParameterKey": n, "ParameterValue": v} for n, v in OLD.items()]
    stack = {
        "StackName": "academy-video-worker",
        "CreationTime": 0,
        "StackStatus": status,
        "Parameters": pairs,
    }
    cloudformation.add_response("describe_stacks", {"Stacks": [stack]})
    known = [{"ParameterKey": n, "DefaultValue": v} for n, v in KNOWN.items()]
    cloudformation.add_response("get_template_summary", {"Parameters": known})


def test_a_stack_from_before_keeps_its_queue_and_is_warned_of_its_disk(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stubber(aws.cloudformation) as cloudformation, Stubber(aws.iam) as iam:
        answer_stack(cloudformation, "UPDATE_COMPLETE")
        iam.add_response("get_role", {"Role": ROLE})
        # Refused here, so that what it is asked for is all that counts.
        cloudformation.add_client_error("create_change_set", "AccessDenied")
        with pytest.raises(Exception, match="AccessDenied"):
            run(parse(), aws)
    shown = capsys.readouterr()
    assert "FairShare=false: the queue academy-video-batch-queue was made first in" in shown.out
    assert "deploy: DiskGiB=100 is too small" in shown.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("FairShare=true",), "JobQueueName=academy-video-batch-queue-2"),
        (("JobVcpus=4",), "DiskGiB=100 is too small"),
        (("Prefix=staging-video",), "add --stack NAME"),
    ],
)
def test_what_does_not_fit_is_refused_before_cloudformation_is_asked(
    aws: Aws, words: tuple[str, ...], message: str
) -> None:
    given = [word for pair in words for word in ("--parameter", pair)]
    with Stubber(aws.cloudformation) as cloudformation:
        answer_stack(cloudformation, "UPDATE_COMPLETE")
        with pytest.raises(UsageError, match=message):
            run(parse(*given), aws)


@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_a_rollback_works_while_the_stack_is_being_updated(
    aws: Aws, capsys: pytest.CaptureFixture[str], mode: tuple[str, ...]
) -> None:
    revisions = [
        {
            "jobDefinitionName": "academy-video-batch-jobdef",
            "jobDefinitionArn": f"arn:{number}",
            "type": "container",
            "revision": number,
            "status": "ACTIVE",
            "containerProperties": {"image": image},
        }
        for number, image in enumerate((A, B), start=1)
    ]
    asked = {"jobDefinitionName": "academy-video-batch-jobdef"}
    made: dict[str, Any] = {**asked, "jobDefinitionArn": "arn:3", "revision": 3}
    expected = {
        **asked,
        "type": "container",
        "parameters": {},
        "containerProperties": {"image": A},
    }
    with Stubber(aws.cloudformation) as cloudformation, Stubber(aws.batch) as batch:
        for words in (("--rollback", "--dry-run"), ("--rollback",)):
            answer_stack(cloudformation, "UPDATE_IN_PROGRESS")
            batch.add_response("describe_job_definitions", {"jobDefinitions": revisions}, asked)
            if "--dry-run" not in words:
                batch.add_response("describe_job_definitions", {"jobDefinitions": revisions}, asked)
                batch.add_response("register_job_definition", made, expected)
            assert run(parse(*words, *mode), aws) == 0
        batch.assert_no_pending_responses()
    shown = capsys.readouterr().out
    if mode:
        assert [each["event"] for each in records(shown)] == [
            *("rollback", "note"),
            *("rollback", "registered"),
        ]
        return
    assert "New jobs run it from now on: academy-video-batch-jobdef:3" in shown
    assert f"scripts/deploy --stack academy-video-worker --image {A}" in shown
