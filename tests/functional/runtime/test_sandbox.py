"""The sandbox: what a program gets that is started as FFmpeg is, and what FFmpeg still gets."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from worker.runtime.budget import Budget
from worker.runtime.child import Line
from worker.runtime.command import STDOUT, Command
from worker.runtime.landlock import landlock_version
from worker.runtime.process import FailedError, Processes
from worker.runtime.sandbox import Level, Part, Sandbox
from worker.runtime.workspace import Tools, Workspace

ATTACKER = Path(__file__).with_name("attacker.py").read_text()
PYTHON = str(Path(sys.executable).resolve())
# Root may read any process, unless it gives that up.
AS_A_USER = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
NEEDED = {"write in the work folder", "read the source"}
# Another security module of the kernel, or a container, may deny these on its own.
DENIED_ANYWAY = {"open its memory", "read its memory", "trace it", "make a user namespace"}
VICTIM = """
import sys, time
if sys.argv[1:]:
    from worker.runtime.sandbox import hide_memory
    hide_memory()
print("ready", flush=True)
time.sleep(600)
"""

pytestmark = pytest.mark.skipif(not landlock_version(), reason="the kernel has no Landlock")


@dataclass
class Rig:
    """A process with a secret, a server on this machine, and files of the user."""

    victim: int
    port: int
    outside: Path
    inside: Path
    source: Path

    def attack(self, sandbox: Sandbox) -> dict[str, str]:
        arguments = (self.victim, self.port, self.outside, self.inside, self.source)
        printed = run_python(sandbox, self.inside, ATTACKER, *map(str, arguments))
        outcomes: dict[str, str] = json.loads(printed)
        return outcomes


def run_python(sandbox: Sandbox, folder: Path, script: str, *arguments: str) -> str:
    """Run Python as FFmpeg is run; return what it printed."""
    budget = Budget(time_limit_s=120, clock=time.monotonic)
    workspace = Workspace(folder=folder, tools=Tools(ffmpeg=PYTHON, sandbox=sandbox), budget=budget)
    with Processes(workspace) as processes:
        command = Command("ffmpeg", ("-I", "-S", "-c", script, *arguments), (STDOUT,))
        processes.start("python", command)
        return "".join(event.text for event in processes.events() if isinstance(event, Line))


def sandbox(folder: Path, *, readable: Path | None = None) -> Sandbox:
    """Choose the sandbox that this machine has."""
    chosen = Sandbox("required", readable=[readable] if readable else [])

    def find_fault() -> str | None:
        try:
            run_python(chosen, folder, "")
        except (FailedError, OSError) as error:
            return str(error)
        return None

    chosen.choose(find_fault)
    return chosen


@contextlib.contextmanager
def victim(*arguments: str) -> Iterator[int]:
    """Start a process with a secret in its environment."""
    process = subprocess.Popen(
        [*AS_A_USER, sys.executable, "-c", VICTIM, *arguments],
        env={**os.environ, "AWS_SECRET_ACCESS_KEY": "SECRET"},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    inside, outside, source = tmp_path / "work", tmp_path / "secret", tmp_path / "source.mp4"
    inside.mkdir()
    outside.write_text("secret")
    source.write_text("source")
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(server,), daemon=True).start()
    try:
        with victim() as pid:
            yield Rig(pid, server.getsockname()[1], outside, inside, source)
    finally:
        server.close()


def serve(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"credentials")


def done(outcomes: dict[str, str]) -> set[str]:
    return {name for name, outcome in outcomes.items() if outcome == "done"}


def test_without_a_sandbox_each_attempt_succeeds(rig: Rig) -> None:
    """Or the other tests would show nothing."""
    outcomes = rig.attack(Sandbox("off"))
    assert set(outcomes) - done(outcomes) <= DENIED_ANYWAY, outcomes


def test_in_the_sandbox_a_program_gets_the_source_and_its_folder_alone(rig: Rig) -> None:
    chosen = sandbox(rig.inside, readable=rig.source)
    assert chosen.lacks == (), chosen.reasons
    outcomes = rig.attack(chosen)
    assert done(outcomes) == NEEDED, outcomes
    assert rig.outside.read_text() == "secret"
    assert (rig.inside / "written").read_text() == "x"


def test_each_part_alone_denies_what_the_table_in_the_docs_says(rig: Rig) -> None:
    chosen = sandbox(rig.inside, readable=rig.source)
    by_seccomp = {
        *("signal it", "signal a thread of it", "signal it through a file", "change its limits"),
        *("connect to this machine", "open a Unix socket"),
        *("truncate a file of the user", "change the mode of a file of the user"),
        *("run a program from memory", "read its memory", "trace it", "make a user namespace"),
    }
    by_landlock = {
        *("read its environment", "open its memory", "read its memory", "trace it"),
        *("run a shell", "run a shell through the dynamic loader", "run a program from memory"),
        *("read a file of the user", "write a file of the user", "truncate a file of the user"),
        *("read /etc/passwd", "list the processes"),
    }
    for part, denied in ((Part.SECCOMP, by_seccomp), (Part.LANDLOCK, by_landlock)):
        chosen.level = Level(chosen.level.launcher, (Part.NO_NEW_PRIVS, part))
        outcomes = rig.attack(chosen)
        assert set(outcomes) - done(outcomes) - DENIED_ANYWAY == denied - DENIED_ANYWAY, outcomes


def test_no_process_of_the_same_user_reads_the_workers_environment() -> None:
    """Whatever the sandbox: the kernel keeps it, not the sandbox."""
    for arguments, readable in (((), True), (("hidden",), False)):
        with victim(*arguments) as pid:
            read = subprocess.run(
                [*AS_A_USER, "cat", f"/proc/{pid}/environ"], capture_output=True, check=False
            )
        assert (b"SECRET" in read.stdout) == readable, read
