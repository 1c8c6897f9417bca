"""The examples of README.md that need the image run as they are written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import TIMEOUT_S, is_podman
from tests.readme import IMAGE, RunBy, examples_of, filled_in


@pytest.fixture
def path_with_docker(tmp_path: Path) -> str:
    """A PATH where podman answers to docker's name, if that is the engine here."""
    if not is_podman():
        return os.environ["PATH"]
    folder = tmp_path / "bin"
    folder.mkdir()
    docker = folder / "docker"
    docker.write_text('#!/bin/sh\nexec podman "$@"\n')
    docker.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("example", examples_of(RunBy.CONTAINER))
def test_the_image_publishes_as_the_readme_says(
    example: str,
    image: str,
    path_with_docker: str,
    make_video: Callable[[Path, int], None],
    data: Path,
) -> None:
    make_video(data / "talk.mov", 3)
    done = subprocess.run(
        ["bash", "-c", filled_in(example, {IMAGE: image})],
        cwd=data,
        env={**os.environ, "PATH": path_with_docker},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    master = data / "out" / "master.m3u8"
    # `--user` of the example: what is published is the caller's.
    assert master.stat().st_uid == os.getuid()
