"""The image holds what it should, and nothing else."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import PLATFORM, Ended, container
from tests.functional.conftest import ROOT

MACHINES = {"linux/arm64": "aarch64", "linux/amd64": "x86_64"}
MAX_BYTES = 120_000_000


@pytest.fixture(scope="session")
def description(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(container("image", "inspect", image))[0]
    return found


@pytest.fixture(scope="session")
def self_check(run: Callable[..., Ended]) -> Ended:
    return run(["--self-check"], ["--read-only"])


def test_it_is_of_the_architecture_that_was_asked_for(
    description: dict[str, Any], shell: Callable[[str], str]
) -> None:
    assert f"{description['Os']}/{description['Architecture']}" == PLATFORM
    assert shell("uname -m").strip() == MACHINES[PLATFORM]
    # ELF's e_machine, which emulation cannot feign.
    machine = shell("od -An -tx2 -j18 -N2 /opt/ffmpeg/bin/ffmpeg").strip()
    assert machine == {"linux/arm64": "00b7", "linux/amd64": "003e"}[PLATFORM]


def test_its_self_check_finds_nothing_missing(self_check: Ended) -> None:
    assert self_check.status == 0, self_check.stdout + self_check.stderr
    inventory = json.loads(self_check.stdout)
    assert inventory["missing"] == []
    assert inventory["architecture"] == MACHINES[PLATFORM]
    assert inventory["ffmpeg"].startswith("ffmpeg version 7.1")


def test_its_self_check_fails_where_a_part_is_missing(run: Callable[..., Ended]) -> None:
    assert run(["--self-check"], ["--env", "WORKER_FFMPEG=/bin/false"]).status == 78


@pytest.mark.parametrize("program", ["ffmpeg", "ffprobe"])
def test_its_ffmpeg_speaks_no_network_protocol(shell: Callable[[str], str], program: str) -> None:
    lines = shell(f"{program} -hide_banner -protocols").splitlines()
    assert {line.strip() for line in lines if line.startswith("  ")} == {"file", "pipe"}


def test_its_ffmpeg_opens_no_url(run: Callable[..., Ended]) -> None:
    ended = run(["-i", "http://127.0.0.1/in.mp4"], ["--entrypoint", "ffprobe"])
    assert "Protocol not found" in ended.stderr


def test_it_runs_as_nobody_in_particular(
    description: dict[str, Any], shell: Callable[[str], str]
) -> None:
    assert description["Config"]["User"] == "10001:10001"
    assert shell("id -u").strip() == "10001"


def test_nothing_but_the_work_folder_and_tmp_can_be_written(shell: Callable[[str], str]) -> None:
    places = "find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/dev/*' 2>/dev/null || :"
    assert set(shell(places).split()) <= {"/scratch", "/tmp", "/var/tmp", "/run/lock"}  # noqa: S108
    assert shell("stat -c %a /scratch").strip() == "1777"


def test_it_holds_no_build_tools(shell: Callable[[str], str]) -> None:
    tools = "gcc cc g++ ld as make nasm pkg-config pip pip3 git curl wget ffplay"
    found = shell(f"for tool in {tools}; do command -v $tool || :; done")
    assert found == ""


def test_it_holds_no_leftovers(shell: Callable[[str], str]) -> None:
    places = "/var/lib/apt/lists /var/cache/apt /var/log /dev/lent /etc/pip.conf /root/.cache"
    assert shell(f"find {places} -type f -size +0 2>/dev/null || :") == ""
    # The builder's own bytecode, of another Python, is none of the image's.
    bytecode = shell("find /app -name '*.pyc' | sed 's/.*[.]cpython/cpython/' | sort -u").split()
    assert bytecode == ["cpython-313.pyc"]
    assert shell("ls /app").split() == ["entrypoint.sh", "packages", "worker"]


def test_its_labels_say_where_it_is_from(description: dict[str, Any], self_check: Ended) -> None:
    labels = description["Config"]["Labels"]
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    assert labels["org.opencontainers.image.revision"].removesuffix("-dirty") == head.stdout.strip()
    inventory = json.loads(self_check.stdout)
    assert labels["org.opencontainers.image.version"] == inventory["worker"]
    assert labels["academy.ffmpeg.version"] in inventory["ffmpeg"]
    assert labels["org.opencontainers.image.licenses"] == "MIT AND GPL-2.0-or-later"


def test_it_is_small(image: str) -> None:
    argv = [str(ROOT / "scripts" / "image-layers"), "--json", image]
    text = subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout
    size = sum(layer["bytes"] for layer in json.loads(text))
    print(f"compressed: {size / 1e6:.1f} MB")
    assert size < MAX_BYTES
