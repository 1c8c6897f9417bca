"""One child process, started and watched; the only module that starts any.

A child has its own session, no stdin, a scrubbed environment, a bounded record of what it wrote on
stderr, and limits; it dies with the worker.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.runtime.command import STDOUT, Command
from worker.runtime.workspace import Workspace

_STDERR = "stderr"
_READ_BYTES = 1 << 16
_LINE_MAX_BYTES = 1 << 16
_TAIL_LINES = 200
_TAIL_LINE_CHARS = 500
# What of FFmpeg's -progress report changes only when work gets done; its clock and speed always do.
_WORK_KEYS = ("frame=", "out_time_us=", "total_size=")
# Cloud credentials are in the environment that is not handed on.
_HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a child wrote on the pipe with this label."""

    child: str
    label: str
    text: str


class Child:
    """A started program. `worked_s` is when it last made progress, in seconds of the budget.

    `fed_by` are the names of those whose output it waits for.
    """

    def __init__(
        self, name: str, command: Command, workspace: Workspace, *, file_bytes: int
    ) -> None:
        self.name = name
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self.peak_memory_bytes = 0
        self.worked_s = workspace.budget.elapsed_s
        self.was_stopped = self.is_held = False
        self.fed_by: frozenset[str] = frozenset()
        self._work: dict[str, str] = {}
        pipes = {label: os.pipe() for label in (*command.pipes, _STDERR)}
        write_ends = {label: write for label, (_, write) in pipes.items()}
        folder, sandbox = workspace.folder, workspace.tools.sandbox
        path = workspace.tools.path_of(command.program)
        try:
            words = sandbox.command(path, folder, file_bytes=file_bytes)
            argv = [*words, *command.fill_in(write_ends)]
            self.process = _start(argv, write_ends, folder, sandbox.descriptors)
        except BaseException:
            for read, _ in pipes.values():
                os.close(read)
            raise
        finally:
            for write in write_ends.values():
                os.close(write)
        self.open = {label: read for label, (read, _) in pipes.items()}
        self._buffers = dict.fromkeys(self.open, b"")
        for read in self.open.values():
            os.set_blocking(read, False)

    def read(self, label: str, now_s: float) -> Iterator[Line]:
        """Yield the lines that wait on a pipe; closes it at its end."""
        data = os.read(self.open[label], _READ_BYTES)
        if not data:
            os.close(self.open.pop(label))
            rest = self._buffers.pop(label)
            # A line that was being written when the child was killed is incomplete.
            lines = [rest] if rest and not self.was_stopped else []
        else:
            *lines, rest = (self._buffers[label] + data).split(b"\n")
            if len(rest) > _LINE_MAX_BYTES:
                lines, rest = [*lines, rest], b""
            self._buffers[label] = rest
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            if label == _STDERR:
                self.tail.append(text[:_TAIL_LINE_CHARS])
                continue
            self._note_work(text, now_s)
            yield Line(self.name, label, text)

    def _note_work(self, text: str, now_s: float) -> None:
        key, _, value = text.partition("=")
        if value and f"{key}=" not in _WORK_KEYS:
            return
        if not value or self._work.get(key) != value:
            self._work[key] = value
            self.worked_s = now_s

    def note_memory(self) -> None:
        """Read the peak of its memory, while it runs."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    seen = int(line.split()[1]) * 1024
                    self.peak_memory_bytes = max(self.peak_memory_bytes, seen)

    def hold(self, *, is_held: bool) -> None:
        """Pause it without loss, or let it continue."""
        if is_held != self.is_held:
            self.is_held = is_held
            self.signal(signal.SIGSTOP if is_held else signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and all that it started."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def wait(self, timeout_s: float) -> int | None:
        """Wait for its end; return its status, or None where it still runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout_s)
        return self.process.returncode

    def close(self) -> None:
        """Close its pipes."""
        for read in self.open.values():
            os.close(read)


def _start(
    argv: Sequence[str], fds: Mapping[str, int], folder: Path, inherited: Sequence[int]
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=fds.get(STDOUT, subprocess.DEVNULL),
        stderr=fds[_STDERR],
        pass_fds=(*fds.values(), *inherited),
        cwd=folder,
        env={name: os.environ[name] for name in _HANDED_ON if name in os.environ},
        start_new_session=True,
    )
    # Where memory runs out the child is killed first, so that the worker can report it.
    with contextlib.suppress(OSError):
        Path(f"/proc/{process.pid}/oom_score_adj").write_text("1000")
    return process
