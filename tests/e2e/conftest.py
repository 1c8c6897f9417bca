"""The built image, run by this machine's container engine as Batch or a person would run it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import ROOT, free_port, serving

IMAGE = os.environ.get("TESTED_IMAGE", "")
PLATFORM = os.environ.get("TESTED_PLATFORM", "linux/arm64")
# Emulated, a job takes ten times as long as it would.
TIMEOUT_S = 600


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A container that has ended: its exit status and its output."""

    status: int
    stdout: str
    stderr: str
    started_at: float

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = self.stdout.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    @property
    def final(self) -> dict[str, Any]:
        assert self.events, self.stderr
        return self.events[-1]

    def named(self, event: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["event"] == event]


@dataclass(frozen=True, kw_only=True)
class Running:
    """A container that runs."""

    name: str
    process: subprocess.Popen[str]
    started_at: float

    def send(self, signal: str) -> None:
        container("kill", "--signal", signal, self.name)

    def wait(self, timeout_s: float = TIMEOUT_S) -> Ended:
        stdout, stderr = self.process.communicate(timeout=timeout_s)
        status = self.process.returncode
        return Ended(status=status, stdout=stdout, stderr=stderr, started_at=self.started_at)


def container(*arguments: str) -> str:
    """Run a command of the container engine, and return what it printed."""
    argv = [str(ROOT / "scripts" / "container"), *arguments]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def is_podman() -> bool:
    return container("--engine").strip() == "podman"


def push_image(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [str(ROOT / "scripts" / "push-image"), "--platform", PLATFORM, "--allow-dirty"]
    return subprocess.run([*argv, *arguments], check=False, capture_output=True, text=True)


def pull(reference: str) -> None:
    options = ["--tls-verify=false"] if is_podman() else []
    container("pull", "--quiet", *options, reference)


@pytest.fixture(scope="session")
def registry(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image registry on loopback, for the tests alone."""
    if not image.rpartition("/")[2].startswith("academy-video-worker:"):
        pytest.skip("TESTED_IMAGE is not build-image's, so that push-image does not know it")
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry here (Debian: docker-registry)")
    folder = tmp_path_factory.mktemp("registry")
    port = free_port()
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with serving("docker-registry", [program, "serve", str(config)], port):
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def docker_api(folder: Path) -> Iterator[str]:
    """The engine's Docker API, as DOCKER_HOST names it."""
    if not is_podman():
        yield os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        return
    socket = folder / "podman.sock"
    command = ["podman", "system", "service", "--time", "0", f"unix://{socket}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not socket.exists():
        assert process.poll() is None, "podman system service has ended"
        assert time.monotonic() < deadline, "podman system service does not listen"
        time.sleep(0.1)
    try:
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def image() -> str:
    if not IMAGE:
        pytest.skip("no image is named in TESTED_IMAGE: run scripts/test-image")
    return IMAGE


@pytest.fixture(scope="session")
def start(image: str) -> Iterator[Callable[..., Running]]:
    """Start the image with the engine's options and the worker's arguments."""
    names: list[str] = []

    def start(arguments: Sequence[str], options: Sequence[str] = ()) -> Running:
        name = f"worker-test-{uuid.uuid4().hex[:12]}"
        names.append(name)
        argv = [str(ROOT / "scripts" / "container"), "run", "--rm", "--name", name]
        argv += ["--platform", PLATFORM, "--network", "none", *options, image, *arguments]
        started_at = time.time()
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return Running(name=name, process=process, started_at=started_at)

    yield start
    left = set(container("ps", "--all", "--format", "{{.Names}}").split())
    for name in left.intersection(names):
        container("rm", "--force", name)


@pytest.fixture(scope="session")
def run(start: Callable[..., Running]) -> Callable[..., Ended]:
    """Run the image to its end."""
    return lambda arguments, options=(): start(arguments, options).wait()


@pytest.fixture(scope="session")
def shell(run: Callable[..., Ended]) -> Callable[[str], str]:
    """Run a line of shell in the image instead of the worker."""

    def shell(line: str) -> str:
        ended = run(["-c", line], ["--entrypoint", "sh"])
        assert ended.status == 0, ended.stderr
        return ended.stdout

    return shell


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder that any user id may read and write, to be mounted as /data."""
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture(scope="session")
def make_video() -> Callable[[Path, int], None]:
    """Make a small video with this machine's FFmpeg."""

    def make(path: Path, seconds: int) -> None:
        video = f"testsrc2=size=320x180:rate=30:duration={seconds}"
        argv = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", video]
        argv += ["-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={seconds}"]
        argv += ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", str(path)]
        subprocess.run(argv, check=True)
        path.chmod(0o644)

    return make


@pytest.fixture(scope="session")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 s of 720p with audio: long enough for a sample encode, large enough for two rungs.

    It can be copied as the top rung. It has 10 frames a second, half of them duplicates, because
    the job is emulated.
    """
    path = tmp_path_factory.mktemp("lecture") / "lecture.mp4"
    video = "testsrc2=size=1280x720:rate=10:duration=8,tpad=stop_mode=clone:stop_duration=8"
    argv = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", video]
    argv += ["-f", "lavfi", "-i", "sine=sample_rate=48000:duration=16", "-pix_fmt", "yuv420p"]
    argv += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "30", "-g", "40"]
    argv += ["-colorspace", "bt709", "-color_range", "tv", "-c:a", "aac", str(path)]
    subprocess.run(argv, check=True)
    return path
