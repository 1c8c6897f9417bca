"""stdout and stderr that hold nobody up: what is written waits in a queue that a thread empties.

A pipe that nobody reads and a halted terminal block whoever writes to them. No thread of a job may
be blocked so: it would no longer notice the time limit or SIGTERM.
"""

from __future__ import annotations

import io
import math
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from worker.runtime.threads import start_thread

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# CloudWatch's undelivered lines, which all come at once at the end, fit twice.
_MAX_LINES = 20_000
_MAX_BYTES = 8 * 2**20
# How long the end of the process waits for a reader.
_END_TIMEOUT_S = 3.0
_POLL_S = 0.1


class OutputQueue:
    """Lines that are still to be written, in order; of too many the oldest are dropped.

    A line is what one call wrote: a traceback belongs to its line, and so do the progress bars of
    one moment. Nothing here waits but `wait`.
    """

    def __init__(self, *, max_lines: int = _MAX_LINES, max_bytes: int = _MAX_BYTES) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._lines: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._dropped = 0
        self._is_writing = False
        self._is_counted = False
        self._is_closed = False
        self._changed = threading.Condition()
        start_thread("output", self._write_all)

    def put(self, descriptor: int, line: bytes) -> None:
        """Have a line written to a descriptor."""
        with self._changed:
            self._lines.append((descriptor, line))
            self._bytes += len(line)
            while self._is_too_long():
                self._bytes -= len(self._lines.popleft()[1])
                self._dropped += 1
            self._changed.notify_all()

    def _is_too_long(self) -> bool:
        if self._is_counted or len(self._lines) == 1:
            return False
        return len(self._lines) > self._max_lines or self._bytes > self._max_bytes

    def count_dropped(self) -> int:
        """Return how many lines were dropped; the last line, which says so, drops no other."""
        with self._changed:
            self._is_counted = True
            return self._dropped

    def wait(
        self, check: Callable[[], None] = lambda: None, *, timeout_s: float = math.inf
    ) -> None:
        """Wait until all is written, for so many seconds at most; `check` may raise meanwhile."""
        end_s = time.monotonic() + timeout_s
        with self._changed:
            while (self._lines or self._is_writing) and time.monotonic() < end_s:
                check()
                self._changed.wait(_POLL_S)

    def close(self) -> None:
        """Let the thread end once all is written."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _write_all(self) -> None:
        while (taken := self._take()) is not None:
            if not _write(*taken):
                with self._changed:
                    self._dropped += 1

    def _take(self) -> tuple[int, bytes] | None:
        with self._changed:
            self._is_writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._lines or self._is_closed)
            if not self._lines:
                return None
            descriptor, line = self._lines.popleft()
            self._bytes -= len(line)
            self._is_writing = True
            return descriptor, line


def _write(descriptor: int, line: bytes) -> bool:
    """Write a line, however long that takes; False where it cannot be: nobody is left to read it.

    That is no error of the job, and a later line may be written again: a disk may have room then.
    """
    left = memoryview(line)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            # Who else has this end of the pipe or terminal may have set it so.
            select.select([], [descriptor], [])
        except OSError:
            return False
    return True


class _Descriptor(io.FileIO):
    """An open file whose lines go through the queue."""

    def __init__(self, queue: OutputQueue, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._queue = queue

    def write(self, data: ReadableBuffer, /) -> int:
        line = bytes(data)
        self._queue.put(self.fileno(), line)
        return len(line)


def open_stream(queue: OutputQueue, instead_of: TextIO | None) -> TextIO:
    """Make a stream that writes through the queue to where another one writes.

    There is no other one where whoever started the worker had closed it.
    """
    if instead_of is None:
        return Path(os.devnull).open("w")
    return io.TextIOWrapper(
        _Descriptor(queue, instead_of.fileno()),
        encoding=instead_of.encoding,
        errors="backslashreplace",
        write_through=True,
    )


@contextmanager
def queued_output() -> Iterator[OutputQueue]:
    """Write stdout and stderr through a queue; at the end, wait some seconds for their reader."""
    queue = OutputQueue()
    try:
        with (
            redirect_stdout(open_stream(queue, sys.stdout)),
            redirect_stderr(open_stream(queue, sys.stderr)),
        ):
            yield queue
    finally:
        queue.wait(timeout_s=_END_TIMEOUT_S)
        queue.close()
