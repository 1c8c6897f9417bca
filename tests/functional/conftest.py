"""Fixtures of the functional tests: the worker as a process, clips, S3 servers on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.functional.worker_process import (
    Ended,
    Running,
    RunWorker,
    StartWorker,
    python_arguments,
)

ROOT = Path(__file__).resolve().parents[2]
MEDIA = Path(os.environ.get("WORKER_TEST_MEDIA", ROOT.parent / "shared" / "media"))
# Those of the worker, and of the tests: the image's FFmpeg makes no uploads.
TESTED = {f"WORKER_{n}": os.environ.get(f"WORKER_{n}") or n.lower() for n in ("FFMPEG", "FFPROBE")}
FFMPEG = os.environ.get("WORKER_TEST_FFMPEG") or TESTED["WORKER_FFMPEG"]
FFPROBE = os.environ.get("WORKER_TEST_FFPROBE") or TESTED["WORKER_FFPROBE"]
ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"


def start_job(
    folder: Path,
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    before: str = "",
    stdout: int = subprocess.PIPE,
) -> Running:
    """Start `python -m worker`, with credentials for the test's own S3 servers only.

    Its work folder is below `folder`. The code `before` runs in its process first: to plant a
    fault, or to lower a limit. `stdout` is a descriptor of the test's own.
    """
    work = folder / "work"
    work.mkdir(exist_ok=True)
    env = {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(work),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "ap-northeast-2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "WORKER_SANDBOX": os.environ.get("WORKER_SANDBOX", "auto"),
        **TESTED,
        **(environment or {}),
    }
    return Running(
        subprocess.Popen(
            [sys.executable, *python_arguments(before), *map(str, arguments)],
            cwd=ROOT,
            env=env,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
    )


def publish(folder: Path, source: Path, *options: object) -> Path:
    """Run a job that publishes; return its destination, a folder below `folder`."""
    out = folder / "out"
    ended = start_job(folder, "--source", source, "--destination", out, *options).wait()
    assert ended.status == 0, ended.stdout
    return out


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Start a job below the test's own folder; it is killed if the test leaves it running."""
    started: list[Running] = []

    def start(*arguments: object, **how: Any) -> Running:  # as start_job
        running = start_job(tmp_path, *arguments, **how)
        started.append(running)
        return running

    yield start
    for running in started:
        # Closes its pipes and waits, also where the test did neither.
        with running.process as process:
            if process.poll() is None:
                process.kill()


@pytest.fixture
def run_worker(start_worker: StartWorker) -> RunWorker:
    """Run a job to its end."""

    def run(
        *arguments: object, environment: Mapping[str, str] | None = None, before: str = ""
    ) -> Ended:
        return start_worker(*arguments, environment=environment, before=before).wait()

    return run


def ffmpeg(*arguments: object) -> None:
    subprocess.run(
        [FFMPEG, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *map(str, arguments)],
        check=True,
        timeout=120,
    )


def ffprobe(*arguments: object) -> str:
    command = [FFPROBE, "-hide_banner", "-loglevel", "error", *map(str, arguments)]
    answer = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)
    return answer.stdout


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """13 seconds of moving 320x180 at 25 frames a second, with audio."""
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=13"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=13"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest", path),
    )
    return path


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 seconds of the same, for tests to which the length does not matter."""
    path = tmp_path_factory.mktemp("clip") / "short.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=3"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest", path),
    )
    return path


@pytest.fixture(scope="session")
def published_clip(small_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a job with default options publishes of the small clip, for tests that only read it."""
    return publish(tmp_path_factory.mktemp("published"), small_clip)


@pytest.fixture(scope="session")
def calm_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """13 s that stay far below the cap on the bit rate.

    At the cap x264 depends on how far its other threads are, so that output varies with their
    speed: of thirty encodes of busier frames on a loaded machine three differed.
    """
    path = tmp_path_factory.mktemp("clip") / "calm.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=size=320x180:rate=25:duration=13"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=13"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", path),
    )
    return path


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes of 640x360: cheap to make, and slow enough to encode for a test to interfere."""
    return loop_clip(tmp_path_factory.mktemp("clip"), times=60)


@pytest.fixture(scope="session")
def minute_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the long clip, for a test that interferes early and waits for the end."""
    return loop_clip(tmp_path_factory.mktemp("clip"), times=6)


def loop_clip(folder: Path, *, times: int) -> Path:
    """Repeat ten seconds of 640x360 so often."""
    piece, path = folder / "piece.mp4", folder / "clip.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30:duration=10"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=10"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest", piece),
    )
    ffmpeg("-stream_loop", times - 1, "-i", piece, "-c", "copy", path)
    return path


def media(name: str) -> Path:
    path = MEDIA / name
    if not path.is_file():
        pytest.skip(f"there is no clip {name}; set WORKER_TEST_MEDIA to the folder of clips")
    return path


def wait_for(
    condition: Callable[[], object], *, timeout_s: float = 60, what: str = "result"
) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {timeout_s} s"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A server on loopback that a test started."""

    name: str
    endpoint: str

    def client(self, service: str = "s3") -> Any:  # noqa: ANN401 (of any service)
        return boto3.client(
            service,  # type: ignore[call-overload] # the caller names it
            endpoint_url=self.endpoint,
            region_name="ap-northeast-2",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def make_bucket(self, name: str) -> None:
        """Create a bucket, unless another test has done so."""
        client = self.client()
        if name not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
            client.create_bucket(
                Bucket=name,
                CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"},
            )


@contextlib.contextmanager
def serving(
    name: str, command: Sequence[str], port: int, log: Path = Path(os.devnull)
) -> Iterator[Server]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)

    def answers() -> bool:
        end = f"{name} ended with {process.returncode} {log.read_text()[-2000:]}"
        assert process.poll() is None, end
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        wait_for(answers, what=name)
        yield Server(name, f"http://127.0.0.1:{port}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="session")
def moto() -> Iterator[Server]:
    """A moto server: every AWS API the worker uses."""
    port = free_port()
    program = str(Path(sys.executable).with_name("moto_server"))
    command = [program, "-H", "127.0.0.1", "-p", str(port)]
    with serving("moto", command, port) as server:
        yield server


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`rclone serve s3`: another implementation, which checks signatures and MD5."""
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "academy").mkdir()
    port = free_port()
    binary = Path(sys.executable).with_name("rclone")
    if not binary.exists():
        binary = Path(shutil.which("rclone") or "rclone")
    command = [
        *(str(binary), "serve", "s3", "--config", os.devnull, "--addr", f"127.0.0.1:{port}"),
        *("--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", str(folder)),
    ]
    with serving("rclone", command, port) as server:
        yield server
