"""Supervision of real processes: every wait has an end, and no process is left behind."""

from __future__ import annotations

import re
import shlex
import sys
import time
from pathlib import Path

import pytest

from worker.errors import BudgetSpentError, EncoderKilledError
from worker.runtime.budget import Budget
from worker.runtime.child import Line
from worker.runtime.command import STDOUT, Command, pipe_url
from worker.runtime.process import Ended, FailedError, Processes
from worker.runtime.workspace import Tools, Workspace

# It stands for FFmpeg. Not `sh`, which may be Dash and knows no descriptor above 9.
SHELL = "bash"


def workspace(folder: Path, *, limit_s: float = 60, stall_s: float = 30) -> Workspace:
    return Workspace(
        folder=folder,
        tools=Tools(ffmpeg=SHELL, stall_timeout_s=stall_s),
        budget=Budget(time_limit_s=limit_s, clock=time.monotonic),
    )


def processes(folder: Path, *, limit_s: float = 60, stall_s: float = 30) -> Processes:
    return Processes(workspace(folder, limit_s=limit_s, stall_s=stall_s))


def shell(running: Processes, script: str, *pipes: str, name: str = "sh") -> None:
    running.start(name, Command("ffmpeg", ("-c", script), (STDOUT, *pipes)))


def alive(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().split()[2] != "Z"


def test_lines_of_several_pipes_and_children_arrive_whole(tmp_path: Path) -> None:
    with processes(tmp_path) as running:
        descriptor = pipe_url("list").removeprefix("pipe:")
        shell(running, f"echo out; echo row >&{descriptor}; printf rest", "list", name="two")
        shell(running, "echo other", name="one")
        events = list(running.events())
    lines = {(e.child, e.label, e.text) for e in events if isinstance(e, Line)}
    assert lines == {
        ("two", "stdout", "out"),
        ("two", "stdout", "rest"),
        ("two", "list", "row"),
        ("one", "stdout", "other"),
    }
    assert {e.child for e in events if isinstance(e, Ended)} == {"one", "two"}


def test_of_a_hundred_thousand_lines_on_stderr_the_last_are_kept(tmp_path: Path) -> None:
    """Two hundred of them; ffmpeg-python's own `run` deadlocks here."""
    with processes(tmp_path) as running:
        shell(running, "yes 'x 0123456789 0123456789' | head -n 100000 >&2; echo end >&2")
        (ended,) = list(running.events())
    assert isinstance(ended, Ended)
    assert len(ended.tail) == 200
    assert ended.tail[-1] == "end"


def test_the_end_of_a_child_is_noticed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child's pipes close before it ends. A job starts ten, and each would wait for a tick."""
    monkeypatch.setattr("worker.runtime.process._TICK_S", 30.0)
    script = "import os, time; os.closerange(0, 100); time.sleep(0.2)"
    started_s = time.monotonic()
    with processes(tmp_path) as running:
        shell(running, f"exec {shlex.join([sys.executable, '-c', script])}")
        assert [type(event) for event in running.events()] == [Ended]
    assert time.monotonic() - started_s < 20


def test_an_endless_line_is_cut(tmp_path: Path) -> None:
    with processes(tmp_path) as running:
        shell(running, "head -c 5000000 /dev/zero | tr '\\0' x")
        lines = [e.text for e in running.events() if isinstance(e, Line)]
    assert sum(map(len, lines)) == 5_000_000
    assert max(map(len, lines)) < 200_000


def test_a_positive_status_is_reported_with_the_last_lines_of_stderr(tmp_path: Path) -> None:
    with processes(tmp_path) as running:
        shell(running, "echo why >&2; exit 3")
        with pytest.raises(FailedError, match="status 3: why") as raised:
            list(running.events())
    assert (raised.value.status, raised.value.tail) == (3, ("why",))


def test_a_child_without_progress_is_killed_although_it_reports_its_speed(tmp_path: Path) -> None:
    """FFmpeg continues to report its speed while it makes nothing."""
    with processes(tmp_path, stall_s=1.5) as running:
        shell(running, "while :; do echo frame=7; echo speed=$(date +%N)x; sleep 0.1; done")
        started_s = time.monotonic()
        with pytest.raises(EncoderKilledError, match=r"no progress for 1\.5 s"):
            list(running.events())
    assert time.monotonic() - started_s < 20


def test_slow_progress_is_not_a_stall(tmp_path: Path) -> None:
    with processes(tmp_path, stall_s=1.5) as running:
        shell(running, "for i in 1 2 3 4 5 6; do echo frame=$i; sleep 0.5; done")
        assert [e for e in running.events() if isinstance(e, Ended)]


def test_a_child_that_waits_for_another_is_stalled_only_with_it(tmp_path: Path) -> None:
    wait = "while [ ! -e done ]; do sleep 0.1; done"
    work = "for i in 1 2 3 4 5 6; do echo frame=$i; sleep 0.5; done"
    for end in ("touch done", "sleep 60"):
        (tmp_path / "done").unlink(missing_ok=True)
        with processes(tmp_path, stall_s=1.5) as running:
            reader = Command("ffmpeg", ("-c", wait), (STDOUT,))
            running.start("reader", reader, fed_by={"writer", "next writer"})
            shell(running, f"{work}; {end}", name="writer")
            started_s = time.monotonic()
            if end == "touch done":
                assert len([e for e in running.events() if isinstance(e, Ended)]) == 2
                continue
            with pytest.raises(EncoderKilledError, match=r"no progress for 1\.5 s"):
                list(running.events())
            assert 4 < time.monotonic() - started_s < 20


def test_a_paused_child_is_not_stalled(tmp_path: Path) -> None:
    with processes(tmp_path, stall_s=1) as running:
        shell(running, "for i in 1 2 3; do echo frame=$i; sleep 0.2; done")
        events = running.events()
        next(events)
        running.hold({"shell"})
        resumed_s = time.monotonic() + 2.5
        running._on_tick = lambda: running.hold(()) if time.monotonic() > resumed_s else None
        assert [e for e in events if isinstance(e, Ended)]


class Freezing:
    """A clock that goes on by some seconds, while nothing else does, at so many ticks."""

    def __init__(self, seconds: float, *, ticks: int) -> None:
        self.seconds, self.ticks = seconds, ticks
        self.slept_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.slept_s

    def freeze(self) -> None:
        if self.ticks:
            self.ticks -= 1
            self.slept_s += self.seconds

    def processes(self, folder: Path, *, stall_s: float) -> Processes:
        tools = Tools(ffmpeg=SHELL, stall_timeout_s=stall_s)
        budget = Budget(time_limit_s=100_000, clock=self)
        return Processes(Workspace(folder=folder, tools=tools, budget=budget), on_tick=self.freeze)


def test_a_child_that_was_frozen_with_the_worker_is_not_stalled(tmp_path: Path) -> None:
    """Docker pauses both, and the clock goes on."""
    clock = Freezing(3600, ticks=2)
    with clock.processes(tmp_path, stall_s=180) as running:
        shell(running, "echo frame=1; sleep 2; echo frame=2")
        assert [e for e in running.events() if isinstance(e, Ended)]
    assert clock.slept_s == 7200


def test_a_stall_is_found_although_each_tick_is_late(tmp_path: Path) -> None:
    clock = Freezing(60, ticks=1000)
    with clock.processes(tmp_path, stall_s=180) as running:
        shell(running, "sleep 1000")
        with pytest.raises(EncoderKilledError, match="no progress for 180 s"):
            list(running.events())
    assert clock.slept_s < 1800


def test_a_stall_after_a_freeze_is_found_as_soon_as_any(tmp_path: Path) -> None:
    """Also where the child wrote right after it, before it was looked after."""
    script = "for i in {1..40}; do echo frame=$i; sleep 0.05; done; sleep 1000"
    started_s = time.monotonic()
    with Freezing(3600, ticks=1).processes(tmp_path, stall_s=1.5) as running:
        shell(running, script)
        with pytest.raises(EncoderKilledError, match=r"no progress for 1\.5 s"):
            list(running.events())
    assert time.monotonic() - started_s < 20


def test_the_deadline_kills_a_child_and_its_own_children(tmp_path: Path) -> None:
    with processes(tmp_path, limit_s=2) as running:
        shell(running, "sleep 1000 & echo $!; wait")
        events = running.events()
        first = next(events)
        assert isinstance(first, Line)
        grandchild = int(first.text)
        assert alive(grandchild)
        with pytest.raises(BudgetSpentError):
            list(events)
    deadline = time.monotonic() + 10
    while alive(grandchild):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_child_sees_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with processes(tmp_path) as running:
        shell(running, "env")
        names = {e.text.partition("=")[0] for e in running.events() if isinstance(e, Line)}
    assert "PATH" in names
    assert not [name for name in names if name.startswith("AWS")]


def test_a_killed_child_is_reported_with_its_signal_and_memory(tmp_path: Path) -> None:
    with processes(tmp_path) as running:
        shell(running, "sleep 1; kill -9 $$")
        with pytest.raises(EncoderKilledError, match=r"SIGKILL at a peak of \d+ MiB"):
            list(running.events())


def test_a_child_whose_file_grows_beyond_the_limit_is_killed(tmp_path: Path) -> None:
    with Processes(workspace(tmp_path), file_bytes=65536) as running:
        shell(running, "exec cat /dev/zero > large")
        with pytest.raises(EncoderKilledError, match="SIGXFSZ"):
            list(running.events())
    assert (tmp_path / "large").stat().st_size == 65536


def test_a_child_has_limits_and_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with processes(tmp_path) as running:
        # That it is killed first where memory runs out (oom_score_adj) is set once it runs.
        wait = "for i in 1 2 3 4 5; do grep -q 1000 /proc/self/oom_score_adj || sleep 1; done"
        shell(running, f"{wait}; env; cat /proc/self/limits /proc/self/oom_score_adj")
        printed = "\n".join(e.text for e in running.events() if isinstance(e, Line))
    assert "secret" not in printed
    limits = dict(re.findall(r"^Max (.*?)  +(\S+)", printed, re.MULTILINE))
    assert limits["core file size"] == "0"
    assert limits["open files"] == "256"
    assert limits["data size"].isdigit()
    assert printed.endswith("1000")
