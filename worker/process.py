"""Starts and supervises child processes; the only module that does.

A child has its own session, no stdin, a scrubbed environment, a bounded record of what it said on
stderr, limits, a watchdog and a deadline, and dies with the worker.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.budget import Budget
from worker.errors import EncoderKilledError
from worker.limits import FILE_BYTES, guard

STDOUT = "stdout"
_STDERR = "stderr"
_TICK_S = 0.25
_READ_BYTES = 1 << 16
_LINE_MAX_BYTES = 1 << 16
_TAIL_LINES = 200
_TAIL_LINE_CHARS = 500
_EXIT_S, _KILL_WAIT_S = 0.05, 10.0
# What of FFmpeg's -progress report changes only when work gets done; its clock and speed always do.
_WORK_KEYS = ("frame=", "out_time_us=", "total_size=")
# Cloud credentials are in the environment that is not handed on.
_HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")


class FailedError(Exception):
    """A child ended with a positive status."""

    def __init__(self, name: str, status: int, tail: Sequence[str]) -> None:
        self.name = name
        self.status = status
        self.tail = tuple(tail)
        super().__init__(f"{name} ended with status {status}: {' | '.join(self.tail[-3:])}")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a child wrote on the pipe with this label."""

    child: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A child that ended well, or was stopped, and what it said last on stderr."""

    child: str
    tail: tuple[str, ...]
    was_stopped: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """The programs to run, the budget they run under, and how long one may stand still."""

    ffmpeg: str
    ffprobe: str
    budget: Budget
    stall_timeout_s: float = 180.0


Build = Callable[[Mapping[str, int]], list[str]]


class _Child:
    def __init__(
        self, name: str, labels: Sequence[str], build: Build, folder: Path, file_bytes: int
    ) -> None:
        self.name = name
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self.peak_memory_bytes = 0
        self.worked_s = 0.0
        self.was_stopped = self.is_held = False
        self._work: dict[str, str] = {}
        pipes = {label: os.pipe() for label in (*labels, _STDERR)}
        write_ends = {label: write for label, (_, write) in pipes.items()}
        try:
            self.process = _start(build(write_ends), write_ends, folder, file_bytes)
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
            # A line that was being written when the child was killed says nothing.
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
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    seen = int(line.split()[1]) * 1024
                    self.peak_memory_bytes = max(self.peak_memory_bytes, seen)

    def hold(self, *, is_held: bool) -> None:
        if is_held != self.is_held:
            self.is_held = is_held
            self.signal(signal.SIGSTOP if is_held else signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


def _start(
    argv: Sequence[str], fds: Mapping[str, int], folder: Path, file_bytes: int
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [*guard(file_bytes=file_bytes), *argv],
        stdin=subprocess.DEVNULL,
        stdout=fds.get(STDOUT, subprocess.DEVNULL),
        stderr=fds[_STDERR],
        pass_fds=tuple(fds.values()),
        cwd=folder,
        env={name: os.environ[name] for name in _HANDED_ON if name in os.environ},
        start_new_session=True,
    )
    # Where memory runs out it is the child that goes, so that the worker lives to say so.
    with contextlib.suppress(OSError):
        Path(f"/proc/{process.pid}/oom_score_adj").write_text("1000")
    return process


class Processes:
    """Children that run side by side under one budget; leaving the context kills the rest.

    The caller iterates `events` and works on what it gets at once; whenever nothing came for a
    quarter of a second, and at least that often, `on_tick` is called. A file of theirs may grow to
    `file_bytes`.
    """

    def __init__(
        self,
        *,
        budget: Budget,
        folder: Path,
        stall_timeout_s: float,
        file_bytes: int = FILE_BYTES,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._budget = budget
        self._folder = folder
        self._stall_timeout_s = stall_timeout_s
        self._file_bytes, self._on_tick = file_bytes, on_tick
        self._children: dict[str, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self.peak_memory_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children.values():
            child.signal(signal.SIGKILL)
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(_KILL_WAIT_S)
            for read in child.open.values():
                os.close(read)
        self._children.clear()
        self._selector.close()

    def start(self, name: str, labels: Sequence[str], build: Build) -> None:
        """Start a child. `build` makes its argument list from the descriptors of its pipes.

        The label `stdout` is the child's standard output; without it, that is discarded.
        Must be called from the main thread: the child dies with the thread that started it.
        """
        child = _Child(name, labels, build, self._folder, self._file_bytes)
        child.worked_s = self._budget.elapsed_s
        self._children[name] = child
        for label, read in child.open.items():
            self._selector.register(read, selectors.EVENT_READ, (child, label))

    def events(self) -> Iterator[Line | Ended]:
        """Yield what the children write, until the last has ended.

        Raises:
            FailedError: one ended with a positive status.
            EncoderKilledError: one died of a signal, or stood still for the stall time-out.
            WorkerError: the budget's reason to stop.

        """
        ticked_s = self._budget.elapsed_s
        while self._children:
            is_ending = any(not child.open for child in self._children.values())
            for key, _ in self._selector.select(0 if is_ending else _TICK_S):
                child, label = key.data
                lines = list(child.read(label, self._budget.elapsed_s))
                if label not in child.open:
                    self._selector.unregister(key.fd)
                yield from lines
            if self._budget.elapsed_s - ticked_s >= _TICK_S:
                ticked_s = self._budget.elapsed_s
                self._tick()
            yield from self._reap()

    def stop(self, name: str) -> None:
        """Kill one child. What it wrote until then still comes, then its `Ended`."""
        child = self._children[name]
        child.was_stopped = True
        child.signal(signal.SIGKILL)

    def hold(self, names: Collection[str]) -> None:
        """Hold these children where they are, without loss, and let all others go on."""
        for child in self._children.values():
            child.hold(is_held=child.name in names)

    def _tick(self) -> None:
        self._budget.check()
        now_s, children = self._budget.elapsed_s, self._children.values()
        for child in children:
            child.note_memory()
            if child.is_held:
                child.worked_s = now_s
            elif now_s - child.worked_s > self._stall_timeout_s:
                raise EncoderKilledError(
                    f"{child.name} made no progress for {self._stall_timeout_s:g} s and was killed;"
                    f" it last said: {_last_words(child.tail)}"
                )
        together = sum(child.peak_memory_bytes for child in children)
        self.peak_memory_bytes = max(self.peak_memory_bytes, together)
        self._on_tick()

    def _reap(self) -> Iterator[Ended]:
        for child in list(self._children.values()):
            # The pipes first, or what it wrote last would be lost. It ends just after they do.
            if child.open:
                continue
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(_EXIT_S)
            if child.process.returncode is None:
                continue
            del self._children[child.name]
            status = 0 if child.was_stopped else child.process.returncode
            if status < 0:
                raise EncoderKilledError(
                    f"{child.name} was killed by {signal.Signals(-status).name} at a peak of"
                    f" {self.peak_memory_bytes >> 20} MiB; if memory ran out, give the job more"
                )
            if status > 0:
                raise FailedError(child.name, status, child.tail)
            yield Ended(child.name, tuple(child.tail), child.was_stopped)


def _last_words(tail: Sequence[str]) -> str:
    return next((line for line in reversed(tail) if line.strip()), "nothing")
