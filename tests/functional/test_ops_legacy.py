"""The former system on a real moto server: reported as it is, and drained without losing a job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import names
from tests.functional.conftest import Server
from tests.functional.former_system import make_former_system
from tests.functional.operating import FIRST, batch_server, ops, prepare_account

SECRET = "https://uploads.example/b.mp4?X-Amz-Signature=secret"


@pytest.fixture(scope="module")
def aws() -> Iterator[Server]:
    """An account with the new system."""
    with batch_server() as server:
        account = prepare_account(server)
        done = ops(server, "deploy", "--image", FIRST, *account.parameters())
        assert done.returncode == 0, done.stderr
        yield server


@pytest.fixture
def queues(aws: Server) -> Iterator[tuple[str, str]]:
    """The former queue and its dead-letter queue, under a name of its own."""
    sqs = aws.client("sqs")
    dead = sqs.create_queue(QueueName="academy-video-failures")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    redrive = json.dumps({"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 5})
    jobs = sqs.create_queue(QueueName=names.LEGACY_QUEUE, Attributes={"RedrivePolicy": redrive})[
        "QueueUrl"
    ]
    yield jobs, dead
    for url in (jobs, dead):
        sqs.delete_queue(QueueUrl=url)


def send(server: Server, url: str, body: object) -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    return str(server.client("sqs").send_message(QueueUrl=url, MessageBody=text)["MessageId"])


def job_names(server: Server) -> list[str]:
    jobs = server.client("batch").list_jobs(
        jobQueue=names.QUEUE, filters=[{"name": "JOB_NAME", "values": ["drain-*"]}]
    )["jobSummaryList"]
    return [job["jobName"] for job in jobs]


def waiting(server: Server, url: str) -> int:
    answer = server.client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_an_account_without_the_former_system_is_said_to_have_none(aws: Server) -> None:
    done = ops(aws, "legacy")
    assert done.returncode == 0, done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"gone"}
    # Two queues, two functions with their rules, the group and its policy, the metric.
    assert len(done.stdout.splitlines()) == 9
    lines = ops(aws, "legacy", "--json").stdout.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["gone"] * 9


def test_what_is_live_is_reported_with_what_to_do(aws: Server, queues: tuple[str, str]) -> None:
    send(aws, queues[0], {"source": "s3://uploads/a.mp4", "destination": "s3://videos/a"})
    make_former_system(aws)
    done = ops(aws, "legacy")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "LIVE     SQS academy-video-jobs: 1 waiting, 0 in flight, 0 delayed" in lines
    assert any(line.startswith("idle     SQS academy-video-failures: 0 waiting") for line in lines)
    metric = "academy-worker-queue-depth-metric"
    assert f"LIVE     Lambda {metric}: ENABLE_VIDEO_METRICS=true" in lines
    assert "         -> set ENABLE_VIDEO_METRICS=false" in lines
    # Each switch is the other function's, too, and says nothing there.
    assert "idle     Lambda academy-worker-autoscale: ENABLE_VIDEO_WAKE=false" in lines
    assert "LIVE     rule academy-worker-queue-depth-rate: rate(1 minute), ENABLED" in lines
    assert "idle     rule academy-worker-autoscale-rate: rate(1 minute), DISABLED" in lines
    assert any(
        line.startswith("LIVE     ASG academy-video-worker-asg: desired 1")
        and line.endswith("cooldown 300 s")
        for line in lines
    )
    tracking = "TargetTrackingScaling, VideoQueueDepthTotal at 1, may scale up"
    assert f"LIVE     policy video-backlogcount-tt: {tracking}" in lines
    assert any(
        line.startswith("LIVE     metric Academy/VideoProcessing VideoQueueDepthTotal: published")
        for line in lines
    )


def test_a_dry_run_of_drain_changes_nothing(aws: Server, queues: tuple[str, str]) -> None:
    name = "drain-" + send(aws, queues[0], {"source": SECRET, "destination": "s3://videos/dry"})
    done = ops(aws, "legacy", "drain", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"would submit: https://uploads.example/b.mp4?… -> s3://videos/dry as {name}" in (
        done.stdout
    )
    assert "secret" not in done.stdout + done.stderr
    done = ops(aws, "legacy", "drain", "--dry-run", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "message"
    assert (events[0]["name"], events[0]["is_job"]) == (name, False)
    assert [(each["event"], each["submitted"]) for each in events[1:]] == [
        *(("drained", 1), ("drained", 0))
    ]
    assert "secret" not in done.stdout + done.stderr
    assert name not in job_names(aws)
    assert waiting(aws, queues[0]) == 1


def test_messages_of_both_queues_become_jobs_and_unreadable_ones_stay(
    aws: Server, queues: tuple[str, str]
) -> None:
    good = send(
        aws,
        queues[0],
        {"source": SECRET, "destination": "s3://videos/b", "ladder": [720, 480], "retries": 3},
    )
    dead = send(
        aws,
        queues[1],
        {
            "Type": "Notification",
            "Message": json.dumps({"source": "s3://uploads/c.mp4", "destination": "s3://videos/c"}),
        },
    )
    event = send(aws, queues[0], {"Records": [{"s3": {"object": {"key": "d.mp4"}}}]})
    broken = send(aws, queues[1], "{")
    done = ops(aws, "legacy", "drain")
    assert done.returncode == 65, done.stderr
    assert f"kept academy-video-jobs {event}: an event of S3 or SNS" in done.stdout
    assert f"kept academy-video-failures {broken}: not JSON" in done.stdout
    assert {f"drain-{good}", f"drain-{dead}"} <= set(job_names(aws))
    assert [waiting(aws, url) for url in queues] == [1, 1]
    assert parameters(aws, f"drain-{good}") == {
        "source": SECRET,
        "destination": "s3://videos/b",
        "ladder": "720,480",
    }
    assert "secret" not in done.stdout + done.stderr


# Once, in the moment between SubmitJob's answer and the deletion.
CRASH = """
import os
import ops.legacy.drain
from ops.aws import Aws
ops.legacy.drain.VISIBILITY_S = {visibility_s}
class Crashing:
    def __init__(self, client): self._client = client
    def __getattr__(self, name): return getattr(self._client, name)
    def delete_message(self, **_): {fault}
original = Aws.__dict__["sqs"]
Aws.sqs = property(lambda self: Crashing(original.func(self)))
"""


@pytest.mark.parametrize("fault", ["os._exit(9)", "raise KeyboardInterrupt"])
def test_a_crash_between_submit_and_delete_makes_no_second_job(
    aws: Server, queues: tuple[str, str], fault: str
) -> None:
    name = "drain-" + send(
        aws, queues[0], {"source": "s3://uploads/e.mp4", "destination": "s3://videos/e"}
    )
    crashed = ops(aws, "legacy", "drain", before=CRASH.format(visibility_s=1, fault=fault))
    assert crashed.returncode in (9, 130)
    assert job_names(aws).count(name) == 1
    again = ops(aws, "legacy", "drain", before="import time; time.sleep(1.5)")
    assert again.returncode == 0, again.stderr
    assert "academy-video-jobs: 0 submitted, 1 were jobs already" in again.stdout
    assert job_names(aws).count(name) == 1
    assert waiting(aws, queues[0]) == 0


def test_messages_of_the_former_worker_become_jobs_by_templates(
    aws: Server, queues: tuple[str, str]
) -> None:
    body = {
        "job_id": "6b1d",
        "tenant_id": 7,
        "tenant_code": "hakwon",
        "video_id": 123,
        "file_key": "tenants/7/videos/lecture 1.mp4",
        "attempt": 1,
    }
    name = "drain-" + send(aws, queues[0], body)
    broken = send(aws, queues[0], {**body, "file_key": "../other.mp4"})
    without = ops(aws, "legacy", "drain", "--dry-run")
    assert without.returncode == 65
    assert "give --source-template and --destination-template" in without.stdout
    templates = (
        *("--source-template", "s3://uploads/{file_key}"),
        *("--destination-template", "s3://videos/hls/{tenant_id}/{video_id}"),
    )
    done = ops(aws, "legacy", "drain", *templates)
    assert done.returncode == 65, done.stderr
    assert f"kept academy-video-jobs {broken}: file_key '../other.mp4' cannot be" in done.stdout
    assert parameters(aws, name) == {
        "source": "s3://uploads/tenants/7/videos/lecture 1.mp4",
        "destination": "s3://videos/hls/7/123",
    }


def test_the_policy_is_kept_in_a_file_and_put_back_from_it(aws: Server, tmp_path: Path) -> None:
    scaling, file = aws.client("autoscaling"), tmp_path / "policy.json"
    if not scaling.describe_policies()["ScalingPolicies"]:
        # Or the test above has made it, where the same process ran it.
        make_former_system(aws)
    wanted = {"AutoScalingGroupName": names.LEGACY_GROUP, "PolicyName": names.LEGACY_POLICY}
    kept = ops(aws, "legacy", "policy", "--backup", str(file))
    assert kept.returncode == 0, kept.stderr
    again = ops(aws, "legacy", "policy", "--backup", str(file))
    assert again.returncode == 64
    scaling.delete_policy(**wanted)
    tried = ops(aws, "legacy", "policy", "--restore", str(file), "--dry-run")
    assert tried.stdout.startswith("now      no such policy\nrestored TargetTrackingScaling")
    assert scaling.describe_policies()["ScalingPolicies"] == []
    done = ops(aws, "legacy", "policy", "--restore", str(file))
    assert done.returncode == 0, done.stderr
    (policy,) = scaling.describe_policies()["ScalingPolicies"]
    assert policy["PolicyName"] == names.LEGACY_POLICY
    assert policy["TargetTrackingConfiguration"] == json.loads(file.read_text())
    assert policy["TargetTrackingConfiguration"]["TargetValue"] == 1.0


def test_a_message_that_batch_refuses_stays(aws: Server, queues: tuple[str, str]) -> None:
    send(aws, queues[0], {"source": "s3://uploads/f.mp4", "destination": "s3://videos/f"})
    done = ops(aws, "legacy", "drain", "--job-definition", "not-there")
    assert done.returncode != 0
    assert "not-there does not exist" in done.stderr
    assert waiting(aws, queues[0]) == 1


def parameters(server: Server, name: str) -> dict[str, str]:
    batch = server.client("batch")
    jobs = batch.list_jobs(jobQueue=names.QUEUE, filters=[{"name": "JOB_NAME", "values": [name]}])
    (job,) = batch.describe_jobs(jobs=[jobs["jobSummaryList"][0]["jobId"]])["jobs"]
    defaults = batch.describe_job_definitions(jobDefinitionName=names.JOB_DEFINITION)
    known = defaults["jobDefinitions"][0]["parameters"]
    return {k: v for k, v in job["parameters"].items() if known.get(k) != v}
