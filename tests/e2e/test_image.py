"""The image holds what the worker needs, and nothing else."""

from __future__ import annotations

import json
import platform
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


def test_the_image_is_of_the_requested_architecture(
    description: dict[str, Any], shell: Callable[[str], str]
) -> None:
    assert f"{description['Os']}/{description['Architecture']}" == PLATFORM
    assert shell("uname -m").strip() == MACHINES[PLATFORM]
    # ELF's e_machine, which emulation does not change.
    machine = shell("od -An -tx2 -j18 -N2 /opt/ffmpeg/bin/ffmpeg").strip()
    assert machine == {"linux/arm64": "00b7", "linux/amd64": "003e"}[PLATFORM]


def test_self_check_finds_nothing_missing(self_check: Ended) -> None:
    assert self_check.status == 0, self_check.stdout + self_check.stderr
    inventory = json.loads(self_check.stdout)
    assert inventory["missing"] == []
    assert inventory["architecture"] == MACHINES[PLATFORM]
    assert inventory["ffmpeg"].startswith("ffmpeg version 7.1")


def test_ffmpeg_runs_in_the_whole_sandbox(self_check: Ended) -> None:
    """Emulated, there is neither Landlock nor seccomp: the image still runs."""
    found = json.loads(self_check.stdout)["sandbox"]
    if MACHINES[PLATFORM] == platform.machine():
        assert found == {"parts": ["no_new_privs", "landlock", "seccomp"], "lacks": {}}
    else:
        assert found["parts"] == ["no_new_privs"]
        assert set(found["lacks"]) == {"landlock", "seccomp"}


def test_self_check_fails_where_ffmpeg_does_not_work(run: Callable[..., Ended]) -> None:
    assert run(["--self-check"], ["--env", "WORKER_FFMPEG=/bin/false"]).status == 78


@pytest.mark.parametrize("program", ["ffmpeg", "ffprobe"])
def test_ffmpeg_is_built_without_network_protocols(
    shell: Callable[[str], str], program: str
) -> None:
    lines = shell(f"{program} -hide_banner -protocols").splitlines()
    assert {line.strip() for line in lines if line.startswith("  ")} == {"file", "pipe"}


def test_ffmpeg_refuses_a_url(run: Callable[..., Ended]) -> None:
    ended = run(["-i", "http://127.0.0.1/in.mp4"], ["--entrypoint", "ffprobe"])
    assert "Protocol not found" in ended.stderr


def test_the_image_runs_as_an_unprivileged_user(
    description: dict[str, Any], shell: Callable[[str], str]
) -> None:
    assert description["Config"]["User"] == "10001:10001"
    assert shell("id -u").strip() == "10001"


def test_only_the_work_folder_and_tmp_are_writable(shell: Callable[[str], str]) -> None:
    writable = (
        "find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/dev/*' 2>/dev/null || :"
    )
    assert set(shell(writable).split()) <= {"/scratch", "/tmp", "/var/tmp", "/run/lock"}  # noqa: S108
    assert shell("stat -c %a /scratch").strip() == "1777"


def test_the_image_holds_no_build_tools(shell: Callable[[str], str]) -> None:
    tools = "gcc cc g++ ld as make nasm pkg-config pip pip3 git curl wget ffplay"
    found = shell(f"for tool in {tools}; do command -v $tool || :; done")
    assert found == ""


def test_the_image_holds_no_leftovers_of_its_build(shell: Callable[[str], str]) -> None:
    folders = "/var/lib/apt/lists /var/cache/apt /var/log /dev/lent /etc/pip.conf /root/.cache"
    assert shell(f"find {folders} -type f -size +0 2>/dev/null || :") == ""
    # Bytecode of the builder's Python would be useless here.
    bytecode = shell("find /app -name '*.pyc' | sed 's/.*[.]cpython/cpython/' | sort -u").split()
    assert bytecode == ["cpython-313.pyc"]
    assert shell("ls /app").split() == ["entrypoint.sh", "ops", "packages", "worker"]


def test_labels_name_revision_versions_and_licenses(
    description: dict[str, Any], self_check: Ended
) -> None:
    labels = description["Config"]["Labels"]
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    assert labels["org.opencontainers.image.revision"].removesuffix("-dirty") == head.stdout.strip()
    inventory = json.loads(self_check.stdout)
    assert labels["org.opencontainers.image.version"] == inventory["worker"]
    assert labels["academy.ffmpeg.version"] in inventory["ffmpeg"]
    assert labels["org.opencontainers.image.licenses"] == "MIT AND GPL-2.0-or-later"


def test_the_image_is_small(image: str) -> None:
    argv = [str(ROOT / "scripts" / "image-layers"), "--json", image]
    text = subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout
    size = sum(layer["bytes"] for layer in json.loads(text))
    print(f"compressed: {size / 1e6:.1f} MB")
    assert size < MAX_BYTES
