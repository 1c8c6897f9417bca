"""The Batch system deployed from the template to a real moto server, and used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops import names
from ops.stack.body import template_body
from tests.functional.conftest import Server
from tests.functional.operating import (
    FIRST,
    LOCATIONS,
    NO_LAST_LINES,
    SECOND,
    Account,
    batch_server,
    make_what_moto_left_out,
    ops,
    prepare_account,
    push_images,
    revise_definition,
)

Change = Callable[[Server], None]


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
    make_what_moto_left_out(aws)
    push_images(aws)
    return aws


def drifts(answer: str) -> list[str]:
    return [line for line in answer.splitlines() if line.startswith("DRIFT")]


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


def test_the_deployed_system_is_as_the_template_says(deployed: Server) -> None:
    done = ops(deployed, "verify")
    assert drifts(done.stdout) == []
    assert done.returncode == 0
    assert "ok    job definition academy-video-batch-jobdef time limit: 14400 s" in done.stdout
    assert "ok    compute environment academy-video-batch-ce-v3 architecture: arm64" in done.stdout


def test_an_image_that_was_not_pushed_is_refused(deployed: Server, account: Account) -> None:
    missing = FIRST.replace("a" * 64, "c" * 64)
    done = ops(deployed, "deploy", "--image", missing, *account.parameters())
    assert done.returncode == 66
    assert "has no image sha256:c" in done.stderr


def _queue_off(aws: Server) -> None:
    aws.client("batch").update_job_queue(jobQueue=names.QUEUE, state="DISABLED")


def _queue_on(aws: Server) -> None:
    aws.client("batch").update_job_queue(jobQueue=names.QUEUE, state="ENABLED")


def _other_image(aws: Server) -> None:
    revise_definition(aws, image="academy-video-worker:latest", retryStrategy={"attempts": 3})


def _same_image(aws: Server) -> None:
    revise_definition(aws, image=FIRST, retryStrategy={"attempts": 1})


def _short_retention(aws: Server) -> None:
    aws.client("logs").put_retention_policy(logGroupName=names.LOG_GROUP, retentionInDays=1)


def _long_retention(aws: Server) -> None:
    aws.client("logs").put_retention_policy(logGroupName=names.LOG_GROUP, retentionInDays=90)


def _mutable(aws: Server, mutability: str = "MUTABLE") -> None:
    aws.client("ecr").put_image_tag_mutability(
        repositoryName=names.REPOSITORY, imageTagMutability=mutability
    )


def _immutable(aws: Server) -> None:
    _mutable(aws, "IMMUTABLE")


def _rule_off(aws: Server) -> None:
    aws.client("events").disable_rule(Name=names.FAILED_RULE)


def _rule_on(aws: Server) -> None:
    aws.client("events").enable_rule(Name=names.FAILED_RULE)


@pytest.mark.parametrize(
    ("change", "restore", "drift"),
    [
        (
            _queue_off,
            _queue_on,
            ["DRIFT queue academy-video-batch-queue state: expected ENABLED, found DISABLED"],
        ),
        (
            _other_image,
            _same_image,
            [
                (
                    f"DRIFT job definition academy-video-batch-jobdef image: expected {FIRST},"
                    " found academy-video-worker:latest"
                ),
                "DRIFT job definition academy-video-batch-jobdef attempts: expected 1, found 3",
            ],
        ),
        (
            _short_retention,
            _long_retention,
            [
                (
                    "DRIFT log group /aws/batch/academy-video-worker retention:"
                    " expected 90 days, found 1 days"
                )
            ],
        ),
        (
            _mutable,
            _immutable,
            [
                "DRIFT repository academy-video-worker tags: expected IMMUTABLE, found MUTABLE",
            ],
        ),
        (
            _rule_off,
            _rule_on,
            [
                "DRIFT rule academy-video-job-failed state: expected ENABLED, found DISABLED",
            ],
        ),
    ],
    ids=["queue", "job definition", "retention", "tags", "rule"],
)
def test_what_someone_changed_by_hand_is_drift(
    deployed: Server, change: Change, restore: Change, drift: list[str]
) -> None:
    change(deployed)
    done = ops(deployed, "verify")
    restore(deployed)
    assert drifts(done.stdout) == drift
    assert done.returncode == 1


def test_an_alarm_that_is_gone_is_drift(deployed: Server) -> None:
    deployed.client("cloudwatch").delete_alarms(AlarmNames=[names.NEAR_DEADLINE_ALARM])
    done = ops(deployed, "verify")
    make_what_moto_left_out(deployed)
    assert [line.partition(":")[0] for line in drifts(done.stdout)] == [
        "DRIFT alarm academy-video-job-near-deadline"
    ]


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
    assert job["jobName"] == "video-hls-talk"
    assert job["parameters"]["preset"] == "fast"
    assert job["parameters"]["ladder"] == "auto"
    assert job["parameters"]["time_limit"] == "14400"
    variables = {e["name"]: e["value"] for e in job["container"]["environment"]}
    assert variables["WORKER_COPY_TOP"] == "always"
    assert variables["WORKER_REPORT"] == "true"
    assert variables["WORKER_NOTIFY"] == "https://api.example/hook"
    assert variables["WORKER_TAG"] == "a=1, 2\nb=3"


def test_a_faulty_job_is_refused_before_it_costs_anything(deployed: Server) -> None:
    for words in (
        ("talk.mp4", LOCATIONS[1]),
        ("s3://uploads", LOCATIONS[1]),
        (LOCATIONS[0], "https://videos/x"),
        (*LOCATIONS, "--ladder", "1"),
    ):
        done = ops(deployed, "submit", *words)
        assert done.returncode == 64, words
        assert done.stderr.startswith("submit: ")


def test_a_second_deployment_is_an_update_and_a_rollback_proposes_the_image_before(
    deployed: Server, account: Account
) -> None:
    """The last test: moto goes back to no image that it had before."""
    alone = ops(deployed, "deploy", "--rollback", "--dry-run")
    assert alone.returncode == 66
    assert "no revision" in alone.stderr
    done = ops(deployed, "deploy", "--image", SECOND, *account.parameters())
    assert done.returncode == 0, done.stderr
    assert "The stack academy-video-worker is UPDATE_COMPLETE" in done.stdout
    kept = {"imageTag": "deployed-bbbbbbbbbbbb"}
    (image,) = deployed.client("ecr").describe_images(
        repositoryName=names.REPOSITORY, imageIds=[kept]
    )["imageDetails"]
    assert image["imageDigest"] == SECOND.partition("@")[2]
    back = ops(deployed, "deploy", "--rollback", "--dry-run")
    assert f"rolling back to {FIRST}" in back.stdout
    assert back.returncode == 0, back.stderr
