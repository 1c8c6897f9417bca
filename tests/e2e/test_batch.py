"""End to end: image pushed, system deployed by its digest, jobs submitted, run and shown.

moto stands for AWS: its Batch starts the image with the machine's container engine. It reports no
exit status of a container, so the operator's commands read it from status.json and the log. That
`verify` finds the system as deployed is shown where what moto lacks is made: `functional/drift`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ops import names
from tests.e2e.conftest import TIMEOUT_S, container, docker_api, pull, push_image
from tests.functional.conftest import ACCESS_KEY, SECRET_KEY, Server
from tests.functional.deployed_stack import DeployedStack
from tests.functional.operating import moto_server, ops, prepare_account

SECONDS = 4
# The video that four machines make together.
MACHINES, TEAM_SECONDS, TEAM = 4, 32, "hls/team"


@pytest.fixture(scope="module")
def reference(registry: str) -> Iterator[str]:
    """The image, pushed and pulled by digest: the machine of a job finds it there."""
    pushed = push_image(f"{registry}/worker", "--no-sbom")
    assert pushed.returncode == 0, pushed.stderr
    reference = pushed.stdout.strip()
    pull(reference)
    yield reference
    container("rmi", reference)


@pytest.fixture(scope="module")
def aws(reference: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A moto server whose Batch runs containers, with the system deployed in it."""
    with (
        docker_api(tmp_path_factory.mktemp("engine")) as host,
        moto_server(DOCKER_HOST=host, MOTO_DOCKER_NETWORK_MODE="host") as server,
    ):
        account = prepare_account(server)
        done = ops(server, "deploy", "--image", reference, *account.parameters())
        assert done.returncode == 0, done.stderr
        parameters = {**account.values(), "ImageUri": reference}
        DeployedStack(server=server, parameters=parameters).complete()
        yield server


def lent(aws: Server) -> list[str]:
    """Return the options of a submission that let its container reach moto."""
    # An instance has a role instead of keys; and AWS merges these with the job definition's
    # environment, which moto replaces by them.
    settings = {
        "AWS_REGION": "ap-northeast-2",
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }
    return [word for n, v in settings.items() for word in ("--environment", f"{n}={v}")]


def submit(aws: Server, source: str, destination: str) -> tuple[int, str, str]:
    """Submit a job and follow it: its exit status, what was shown, and its id."""
    words = ("submit", source, destination, "--poll", "0.5", *lent(aws))
    done = ops(aws, *words, timeout_s=TIMEOUT_S)
    found = re.search(r"^job (\S+) ", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return done.returncode, done.stdout, found[1]


def read(aws: Server, key: str) -> bytes:
    body: bytes = aws.client("s3").get_object(Bucket="videos", Key=key)["Body"].read()
    return body


def test_a_submitted_lecture_is_published(
    aws: Server, make_video: Callable[[Path, int], None], tmp_path: Path
) -> None:
    make_video(tmp_path / "talk.mp4", SECONDS)
    aws.client("s3").upload_file(str(tmp_path / "talk.mp4"), "uploads", "talk.mp4")
    status, shown, job_id = submit(aws, "s3://uploads/talk.mp4", "s3://videos/hls/talk")
    assert status == 0, shown
    # Batch has more states than a poll sees; these two last longest.
    assert "RUNNING" in shown
    assert "SUCCEEDED" in shown
    assert "step_started step=encode" in shown

    master = read(aws, "hls/talk/master.m3u8").decode()
    variants = [line for line in master.splitlines() if line and not line.startswith("#")]
    assert variants
    for variant in variants:
        playlist = read(aws, f"hls/talk/{variant}").decode().splitlines()
        folder = variant.rpartition("/")[0]
        for segment in (line for line in playlist if line and not line.startswith("#")):
            assert read(aws, f"hls/talk/{folder}/{segment}")[:1] == b"\x47"
    assert json.loads(read(aws, "hls/talk/status.json"))["job_id"] == job_id

    listed = ops(aws, "jobs", job_id).stdout
    assert "status     SUCCEEDED" in listed
    assert "published, exit status 0 (from Batch" in listed
    # What the worker itself sent to CloudWatch Logs.
    streams = aws.client("logs").describe_log_streams(logGroupName=names.LOG_GROUP)["logStreams"]
    assert any(job_id in stream["logStreamName"] for stream in streams)


def test_a_source_that_is_not_a_video_fails_with_65_and_the_reason(aws: Server) -> None:
    text = b"This is a lecture about containers. " * 100
    aws.client("s3").put_object(Bucket="uploads", Key="notes.mp4", Body=text)
    status, shown, job_id = submit(aws, "s3://uploads/notes.mp4", "s3://videos/hls/notes")
    assert status == 65, shown
    job = ops(aws, "jobs", job_id).stdout
    outcome: dict[str, Any] = json.loads(read(aws, "hls/notes/status.json"))["outcome"]
    assert outcome["exit_status"] == 65
    for answer in (shown, job):
        assert "FAILED" in answer
        assert "bad_source, exit status 65 (from status.json" in answer
        assert outcome["message"] in answer
    listed = ops(aws, "jobs", "--status", "FAILED").stdout
    assert job_id in listed
    held = aws.client("s3").list_objects_v2(Bucket="videos", Prefix="hls/notes/")["Contents"]
    assert "hls/notes/master.m3u8" not in {o["Key"] for o in held}


def find_claim(server: Server) -> Iterator[int]:
    """Yield the machines that have claimed segments and do not lead, as the store shows them."""
    s3 = server.client("s3")
    status = json.loads(read(server, f"{TEAM}/status.json"))
    leader = int(status["job_id"].rpartition(":")[2]) + 1
    prefix = f"{TEAM}/{status['run']}/team-"
    for each in s3.list_objects_v2(Bucket="videos", Prefix=prefix).get("Contents", []):
        if "/claims/" in each["Key"]:
            number = json.loads(read(server, each["Key"]))["number"]
            if number != leader:
                yield number


def wait_for_claim(server: Server) -> int:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            return next(find_claim(server))
        except (StopIteration, server.client("s3").exceptions.NoSuchKey):
            time.sleep(0.5)
    pytest.fail("no other machine has claimed anything")


def kill(job_id: str) -> None:
    """Kill the container of a job, as a host does that is lost."""
    names = container("ps", "--format", "{{.Names}}").split()
    details: list[dict[str, Any]] = json.loads(container("inspect", *names))
    (name,) = [
        each["Name"] for each in details if f"AWS_BATCH_JOB_ID={job_id}" in each["Config"]["Env"]
    ]
    container("kill", "--signal", "KILL", name.removeprefix("/"))


def test_one_video_by_four_containers_of_which_one_is_killed(
    aws: Server,
    make_video: Callable[[Path, int], None],
    tmp_path: Path,
) -> None:
    make_video(tmp_path / "talk.mp4", TEAM_SECONDS)
    aws.client("s3").upload_file(str(tmp_path / "talk.mp4"), "uploads", "team.mp4")
    options = ("--machines", str(MACHINES), "--segment", "2", "--preset", "ultrafast")
    locations = ("s3://uploads/team.mp4", f"s3://videos/{TEAM}")
    submitted = ops(aws, "submit", *locations, "--detach", *options, *lent(aws))
    assert submitted.returncode == 0, submitted.stderr
    team = submitted.stdout.strip()

    number = wait_for_claim(aws)
    kill(f"{team}:{number - 1}")
    followed = ops(aws, "jobs", team, "--follow", "--poll", "0.5", timeout_s=TIMEOUT_S)
    assert followed.returncode == 0, followed.stdout + followed.stderr

    status = json.loads(read(aws, f"{TEAM}/status.json"))
    assert status["team"] == team
    assert status["outcome"]["exit_status"] == 0
    manifest = json.loads(read(aws, f"{TEAM}/manifest.json"))
    assert manifest["run"] == status["run"]
    assert manifest["duration_s"] == pytest.approx(TEAM_SECONDS, abs=0.1)
    playlist = next(
        line
        for line in read(aws, f"{TEAM}/master.m3u8").decode().splitlines()
        if line and not line.startswith("#")
    )
    segments = read(aws, f"{TEAM}/{playlist}").decode().count("#EXTINF")
    assert segments == TEAM_SECONDS // 2
