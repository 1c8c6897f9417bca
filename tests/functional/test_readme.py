"""The examples of README.md run as they are written, in a fresh copy of this tree."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops import names
from tests.functional.conftest import ROOT, Server, ffmpeg, wait_for
from tests.functional.operating import batch_server, ops_environment
from tests.readme import JOB_ID, PRESIGNED, R2, RunBy, examples_of, filled_in

TIMEOUT_S = 300
# What `scripts/setup` has installed, which git ignores: a copy with it needs no network.
PLAYER = Path("worker/preview/player")
INSTALLED = ("hls.min.js", "hls.LICENSE", ".installed.json")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A person in a fresh copy of this tree, with talk.mov in it and an AWS of their own."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def printed(self) -> Path:
        return self.folder / "printed.txt"

    def do(self, example: str) -> str:
        """Run an example to its end: Ctrl-C's where it serves. Return what it printed."""
        with self._shell(example) as shell:
            if "preview" in example.split():
                wait_for(self._address, timeout_s=TIMEOUT_S, what="address of the preview")
                with urllib.request.urlopen(self._address(), timeout=30) as page:  # noqa: S310
                    assert b"<video" in page.read()
                os.killpg(shell.pid, signal.SIGINT)
            shell.wait(TIMEOUT_S)
        printed = self.printed.read_text()
        assert shell.returncode == 0, f"{example}\n{printed}"
        return printed

    @contextlib.contextmanager
    def _shell(self, line: str) -> Iterator[subprocess.Popen[bytes]]:
        with self.printed.open("wb") as output:
            shell = subprocess.Popen(
                ["bash", "-c", line],
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield shell
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()

    def _address(self) -> str:
        found = re.search(r"http://127\.0\.0\.1:\d+/", self.printed.read_text())
        return found[0] if found else ""


def copy_tree(folder: Path) -> None:
    """Copy what git has or would have; the packages are those that are installed here."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    ignored = [str(PLAYER / name) for name in INSTALLED]
    for name in (*files.split("\0"), *ignored):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    packages = (ROOT / ".venv").resolve()
    # The scripts would install what is missing into the packages that these tests run with.
    is_current = (ROOT / "requirements.txt").read_bytes()
    assert (packages / "requirements.txt").read_bytes() == is_current, "run scripts/setup --dev"
    (folder / ".venv").symlink_to(packages)


@pytest.fixture
def reader(tmp_path: Path, store: Server) -> Reader:
    copy_tree(tmp_path)
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3"),
        *("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=3"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", tmp_path / "talk.mov"),
    )
    for bucket in ("uploads", "published"):
        store.make_bucket(bucket)
    store.client().upload_file(str(tmp_path / "talk.mov"), "uploads", "talk.mov")
    environment = {
        **ops_environment(),
        "AWS_REGION": names.REGION,
        "AWS_ENDPOINT_URL": store.endpoint,
        # The store is on loopback.
        "WORKER_ALLOW_PRIVATE_SOURCES": "true",
    }
    return Reader(folder=tmp_path, environment=environment)


@pytest.fixture(scope="module")
def store() -> Iterator[Server]:
    with batch_server() as server:
        yield server


@pytest.fixture
def queue(store: Server) -> None:
    """What `scripts/deploy` makes, as far as a submission needs it."""
    batch, iam = store.client("batch"), store.client("iam")
    role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    made = batch.create_compute_environment(
        computeEnvironmentName="machines", type="UNMANAGED", serviceRole=role
    )
    batch.create_job_queue(
        jobQueueName=names.QUEUE,
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}],
    )
    batch.register_job_definition(
        jobDefinitionName=names.JOB_DEFINITION,
        type="container",
        containerProperties={"image": "academy-video-worker", "vcpus": 2, "memory": 3072},
    )


def test_a_laptop_publishes_and_shows_as_the_readme_says(reader: Reader, store: Server) -> None:
    """All in one test: an example uses what those before it have made."""
    upload = {"Bucket": "uploads", "Key": "talk.mov"}
    presigned = store.client().generate_presigned_url("get_object", Params=upload)
    for example in examples_of(RunBy.LOCAL):
        printed = reader.do(filled_in(example, {PRESIGNED: presigned, R2: store.endpoint}))
        if "--plan-only" in example:
            assert '"rungs"' in printed
    for folder in ("out", "out/talk"):
        assert (reader.folder / folder / "master.m3u8").is_file()
    store.client().head_object(Bucket="published", Key="talk/master.m3u8")


@pytest.mark.usefixtures("queue")
def test_jobs_are_submitted_and_shown_as_the_readme_says(reader: Reader) -> None:
    """moto's jobs end at once, unrun, so the worker publishes here what they would have."""
    reader.do("scripts/run-local --source s3://uploads/talk.mov --destination s3://published/talk")
    job_id = ""
    for example in examples_of(RunBy.BATCH):
        printed = reader.do(filled_in(example, {JOB_ID: job_id}))
        if found := re.search(r"^job (\S+) ", printed, re.MULTILINE):
            job_id = job_id or found[1]
            assert "SUCCEEDED" in printed
        elif JOB_ID in example:
            assert job_id in printed
        else:
            assert "1 destinations: 1 clean" in printed
