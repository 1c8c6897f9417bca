"""The Batch system deployed from the template to a real moto server, and used."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.batch.request import name_for
from ops.stack.body import template_body
from tests.functional.conftest import Server
from tests.functional.deployed_stack import DeployedStack
from tests.functional.operating import (
    FIRST,
    LOCATIONS,
    NO_LAST_LINES,
    SECOND,
    Account,
    batch_server,
    ops,
    prepare_account,
    push_image,
)


@pytest.fixture(scope="module")
def aws() -> Iterator[Server]:
    with batch_server() as server:
        yield server


@pytest.fixture(scope="module")
def account(aws: Server) -> Account:
    return prepare_account(aws)


@pytest.fixture(scope="module")
def deployed(aws: Server, account: Account) -> Server:
    """The system, deployed once for the tests that only read it."""
    first = ops(aws, "deploy", "--image", FIRST, *account.parameters())
    assert first.returncode == 0, first.stderr
    parameters = {**account.values(), "ImageUri": FIRST}
    DeployedStack(server=aws, parameters=parameters).complete()
    push_image(aws)
    return aws


def test_the_template_is_clean(tmp_path: Path) -> None:
    """No rule is ignored; linted is what is sent, of which CloudFormation limits the size."""
    linter = str(Path(sys.executable).with_name("cfn-lint"))
    body = tmp_path / "template.yaml"
    body.write_text(template_body())
    command = [linter, str(body)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


def test_a_dry_run_shows_the_changes_and_leaves_nothing(aws: Server, account: Account) -> None:
    words = ("deploy", "--stack", "tried", "--image", FIRST, *account.parameters(), "--dry-run")
    done = ops(aws, *words)
    assert done.returncode == 0, done.stderr
    assert "Add                ComputeEnvironment (AWS::Batch::ComputeEnvironment)" in done.stdout
    assert aws.client("batch").describe_compute_environments()["computeEnvironments"] == []
    stacks = aws.client("cloudformation").list_stacks()["StackSummaries"]
    assert [s["StackStatus"] for s in stacks if s["StackName"] == "tried"] in (
        [],
        ["DELETE_COMPLETE"],
    )


def test_a_first_deployment_asks_for_all_that_is_missing(aws: Server) -> None:
    done = ops(aws, "deploy", "--stack", "other", "--parameter", "Sauce=1")
    assert done.returncode == 64
    for word in ("--parameter Sauce", "--image is needed", "--parameter SourceBucket= is needed"):
        assert word in done.stderr


def test_an_image_that_was_not_pushed_is_refused(deployed: Server, account: Account) -> None:
    missing = FIRST.replace("a" * 64, "c" * 64)
    words = (*account.parameters(), "--parameter", "RetentionDays=60")
    done = ops(deployed, "deploy", "--image", missing, *words)
    assert done.returncode == 66, done.stderr
    assert "has no image sha256:c" in done.stderr


def test_a_second_deployment_is_an_update_and_a_rollback_proposes_the_image_before(
    deployed: Server, account: Account
) -> None:
    alone = ops(deployed, "deploy", "--rollback", "--dry-run")
    assert alone.returncode == 66
    assert "no revision" in alone.stderr
    push_image(deployed, SECOND)
    second = ops(deployed, "deploy", "--image", SECOND, *account.parameters())
    assert second.returncode == 0, second.stderr
    assert "The stack academy-video-worker is UPDATE_COMPLETE" in second.stdout
    done = ops(deployed, "deploy", "--rollback", "--dry-run", *account.parameters())
    assert f"rolling back to {FIRST}" in done.stdout
    assert done.returncode == 0, done.stderr


def test_a_stack_that_is_not_there_is_named(aws: Server) -> None:
    done = ops(aws, "verify", "--stack", "nowhere")
    assert done.returncode == 66
    assert "there is no stack nowhere in ap-northeast-2" in done.stderr


def test_a_job_that_succeeds_ends_with_0(deployed: Server) -> None:
    options = ("--preset", "fast", "--copy-top", "always", "--report")
    # Without the secret that signs: it is the job definition's.
    callbacks = ("--notify", "https://api.example/hook", "--tag", "a=1, 2", "--tag", "b=3")
    done = ops(deployed, "submit", *LOCATIONS, *options, *callbacks, before=NO_LAST_LINES)
    assert done.returncode == 0, done.stderr
    assert "SUCCEEDED" in done.stdout
    assert "exit status 0" in done.stdout
    job_id = done.stdout.split()[1]
    (job,) = deployed.client("batch").describe_jobs(jobs=[job_id])["jobs"]
    assert job["jobName"] == name_for(LOCATIONS[1])
    assert job["parameters"]["preset"] == "fast"
    assert job["parameters"]["ladder"] == "auto"
    assert job["parameters"]["time_limit"] == "14400"
    variables = {e["name"]: e["value"] for e in job["container"]["environment"]}
    assert variables["WORKER_COPY_TOP"] == "always"
    assert variables["WORKER_REPORT"] == "true"
    assert variables["WORKER_NOTIFY"] == "https://api.example/hook"
    assert variables["WORKER_TAG"] == "a=1, 2\nb=3"


def test_parts_are_one_parameter_of_the_job(deployed: Server) -> None:
    parts = ("s3://uploads/a, 1.mp4", "s3://uploads/b.mp4")
    words = (*parts, "s3://videos/hls/parts", "--from", "1:00", "--detach")
    done = ops(deployed, "submit", *words)
    assert done.returncode == 0, done.stderr
    (job,) = deployed.client("batch").describe_jobs(jobs=[done.stdout.strip()])["jobs"]
    assert json.loads(job["parameters"]["source"]) == list(parts)
    variables = {e["name"]: e["value"] for e in job["container"]["environment"]}
    assert variables["WORKER_FROM"] == "1:00"


def test_a_faulty_job_is_refused_before_it_costs_anything(deployed: Server) -> None:
    for words in (
        ("talk.mp4", LOCATIONS[1]),
        ("s3://uploads", LOCATIONS[1]),
        (LOCATIONS[0], "https://videos/x"),
        (*LOCATIONS, "--ladder", "1"),
        (LOCATIONS[0], "s3://uploads", LOCATIONS[1]),
        (*LOCATIONS, "--from", "0:05", "--to", "5"),
    ):
        done = ops(deployed, "submit", *words)
        assert done.returncode == 64, words
        assert done.stderr.startswith("submit: ")
