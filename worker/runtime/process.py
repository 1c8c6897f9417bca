"""Supervises child processes: their output, progress, memory and end, under one budget."""

from __future__ import annotations

import selectors
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from worker.errors import EncoderKilledError
from worker.runtime.child import Child, Line
from worker.runtime.command import Command
from worker.runtime.sandbox import MAX_FILE_BYTES
from worker.runtime.workspace import Workspace

_TICK_S = 0.25
# The most that one tick counts towards a stall. What is later stood still as a whole, and its
# children with it: a frozen cgroup, a suspended machine. On one that is merely busy, where each
# tick is late, a stall is found later.
_LONGEST_TICK_S = 10.0
_EXIT_S, _KILL_WAIT_S = 0.05, 10.0


class FailedError(Exception):
    """A child ended with a positive status."""

    def __init__(self, name: str, status: int, tail: Sequence[str]) -> None:
        self.name = name
        self.status = status
        self.tail = tuple(tail)
        super().__init__(f"{name} ended with status {status}: {' | '.join(self.tail[-3:])}")


@dataclass(frozen=True, slots=True)
class Ended:
    """A child that ended well, or was stopped, and its last lines on stderr."""

    child: str
    tail: tuple[str, ...]
    was_stopped: bool


class Processes:
    """Children that run side by side in a workspace; leaving the context kills the rest.

    The caller iterates `events` and works on what it gets at once; whenever nothing came for a
    quarter of a second, and at least that often, `on_tick` is called. A file of theirs may grow to
    `file_bytes`.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        file_bytes: int = MAX_FILE_BYTES,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._workspace = workspace
        self._budget = workspace.budget
        self._file_bytes, self._on_tick = file_bytes, on_tick
        self._children: dict[str, Child] = {}
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
            child.wait(_KILL_WAIT_S)
            child.close()
        self._children.clear()
        self._selector.close()

    def start(self, name: str, command: Command, *, fed_by: Collection[str] = ()) -> None:
        """Start a child; one that reads what children `fed_by` write works as long as they do.

        Must be called from the main thread: the child dies with the thread that started it.
        """
        child = Child(name, command, self._workspace, file_bytes=self._file_bytes)
        child.fed_by = frozenset(fed_by)
        self._children[name] = child
        for label, read in child.open.items():
            self._selector.register(read, selectors.EVENT_READ, (child, label))

    def events(self) -> Iterator[Line | Ended]:
        """Yield what the children write, until the last has ended.

        Raises:
            FailedError: one ended with a positive status.
            EncoderKilledError: one died of a signal, or made no progress for the stall time-out.
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
            now_s = self._budget.elapsed_s
            if now_s - ticked_s >= _TICK_S:
                self._tick(now_s, late_s=max(0.0, now_s - ticked_s - _LONGEST_TICK_S))
                ticked_s = now_s
            yield from self._reap()

    def stop(self, name: str) -> None:
        """Kill one child. What it wrote until then still comes, then its `Ended`."""
        child = self._children[name]
        child.was_stopped = True
        child.signal(signal.SIGKILL)

    def hold(self, names: Collection[str]) -> None:
        """Pause these children without loss, and let all others continue."""
        for child in self._children.values():
            child.hold(is_held=child.name in names)

    def _tick(self, now_s: float, *, late_s: float) -> None:
        """Look after the children; `late_s` since the last time count for no stall of theirs."""
        self._budget.check()
        children = self._children.values()
        stall_timeout_s = self._workspace.tools.stall_timeout_s
        for child in children:
            child.note_memory()
            fed_s = (each.worked_s for each in children if each.name in child.fed_by)
            worked_s = max((child.worked_s, *fed_s)) + late_s
            child.worked_s = now_s if child.is_held else min(now_s, worked_s)
            if now_s - child.worked_s > stall_timeout_s:
                raise EncoderKilledError(
                    f"{child.name} made no progress for {stall_timeout_s:g} s and was killed;"
                    f" its last line: {_last_line(child.tail)}"
                )
        together = sum(child.peak_memory_bytes for child in children)
        self.peak_memory_bytes = max(self.peak_memory_bytes, together)
        self._on_tick()

    def _reap(self) -> Iterator[Ended]:
        for child in list(self._children.values()):
            # The pipes first, or what it wrote last would be lost. It ends just after they do.
            if child.open:
                continue
            status = child.wait(_EXIT_S)
            if status is None:
                continue
            del self._children[child.name]
            if child.was_stopped:
                status = 0
            if status < 0:
                raise EncoderKilledError(
                    f"{child.name} was killed by {signal.Signals(-status).name} at a peak of"
                    f" {self.peak_memory_bytes >> 20} MiB; if memory ran out, give the job more"
                )
            if status > 0:
                raise FailedError(child.name, status, child.tail)
            yield Ended(child.name, tuple(child.tail), child.was_stopped)


def _last_line(tail: Sequence[str]) -> str:
    return next((line for line in reversed(tail) if line.strip()), "none")
