"""Output waits in a bounded queue: in order, in whole lines, and whoever writes never waits."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from worker.monitoring.output import OutputQueue, queued_output

LINE = b"x" * 99 + b"\n"


@dataclass
class Pipe:
    """A pipe that holds one page, which is full."""

    read_end: int
    write_end: int

    def read(self, size: int) -> bytes:
        found = b""
        while len(found) < size and (data := os.read(self.read_end, size - len(found))):
            found += data
        return found


@pytest.fixture
def full_pipe() -> Iterator[Pipe]:
    read_end, write_end = os.pipe()
    size = fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write_end, b"-" * size)
    yield Pipe(read_end, write_end)
    for end in (read_end, write_end):
        os.close(end)


def page(pipe: Pipe) -> int:
    return fcntl.fcntl(pipe.write_end, fcntl.F_GETPIPE_SZ)


def until(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def blocked(queue: OutputQueue, pipe: Pipe) -> None:
    """Have the thread wait for the reader of a first line."""
    queue.put(pipe.write_end, b"first\n")
    until(lambda: queue._is_writing)


def drained(queue: OutputQueue, pipe: Pipe, size: int) -> bytes:
    """Read what fills the pipe, and then so much."""
    pipe.read(page(pipe))
    found = pipe.read(size)
    queue.wait(timeout_s=10)
    queue.close()
    return found


def test_lines_wait_in_order_while_nobody_reads(full_pipe: Pipe) -> None:
    queue = OutputQueue()
    blocked(queue, full_pipe)
    lines = [b"%d\n" % number for number in range(1000)]
    for line in lines:
        queue.put(full_pipe.write_end, line)
    expected = b"first\n" + b"".join(lines)
    assert drained(queue, full_pipe, len(expected)) == expected
    assert queue.count_dropped() == 0


@pytest.mark.parametrize("limit", [{"max_lines": 3}, {"max_bytes": 3 * len(LINE)}])
def test_of_too_many_lines_the_oldest_are_dropped_and_counted(
    limit: dict[str, int], full_pipe: Pipe
) -> None:
    queue = OutputQueue(**limit)
    blocked(queue, full_pipe)
    lines = [b"%098d\n" % number + b"\n" for number in range(10)]
    for line in lines:
        queue.put(full_pipe.write_end, line)
    assert queue.count_dropped() == 7
    expected = b"first\n" + b"".join(lines[-3:])
    assert drained(queue, full_pipe, len(expected)) == expected


def test_the_last_line_drops_no_other_so_its_count_is_right(full_pipe: Pipe) -> None:
    queue = OutputQueue(max_lines=1)
    blocked(queue, full_pipe)
    queue.put(full_pipe.write_end, b"dropped\n")
    queue.put(full_pipe.write_end, b"kept\n")
    last = b"last, %d dropped\n" % queue.count_dropped()
    queue.put(full_pipe.write_end, last)
    expected = b"first\nkept\nlast, 1 dropped\n"
    assert drained(queue, full_pipe, len(expected)) == expected
    assert queue.count_dropped() == 1


def test_a_line_longer_than_the_limit_is_kept(full_pipe: Pipe) -> None:
    queue = OutputQueue(max_bytes=10)
    blocked(queue, full_pipe)
    queue.put(full_pipe.write_end, LINE)
    assert drained(queue, full_pipe, 6 + len(LINE)) == b"first\n" + LINE


def test_where_nobody_is_left_to_read_each_line_is_dropped_and_counted() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    queue = OutputQueue()
    for _ in range(3):
        queue.put(write_end, LINE)
    queue.wait(timeout_s=10)
    queue.close()
    os.close(write_end)
    assert queue.count_dropped() == 3


def test_a_line_that_cannot_be_written_keeps_no_later_one_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A disk that is full may have room later."""
    written: list[bytes] = []

    def write(_descriptor: int, data: memoryview) -> int:
        if bytes(data) == LINE:
            raise OSError(errno.ENOSPC, "no space")
        written.append(bytes(data))
        return len(data)

    monkeypatch.setattr(os, "write", write)
    queue = OutputQueue()
    queue.put(1, LINE)
    queue.put(1, b"later\n")
    queue.wait(timeout_s=10)
    queue.close()
    assert (written, queue.count_dropped()) == ([b"later\n"], 1)


def test_a_pipe_that_another_process_made_non_blocking_loses_nothing(full_pipe: Pipe) -> None:
    os.set_blocking(full_pipe.write_end, False)
    queue = OutputQueue()
    lines = LINE * 200
    queue.put(full_pipe.write_end, lines)
    assert drained(queue, full_pipe, len(lines)) == lines
    assert queue.count_dropped() == 0


def test_waiting_for_a_reader_ends_in_time_and_when_the_job_is_to_end(full_pipe: Pipe) -> None:
    queue = OutputQueue()
    blocked(queue, full_pipe)
    queue.wait(timeout_s=0.1)

    def check() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        queue.wait(check)
    drained(queue, full_pipe, 6)


def test_the_thread_ends_with_the_queue() -> None:
    before = set(threading.enumerate())
    queue = OutputQueue()
    (thread,) = set(threading.enumerate()) - before
    queue.close()
    until(lambda: not thread.is_alive())


def test_all_is_written_at_the_end_and_the_streams_are_as_they_were(
    full_pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_pipe.read(page(full_pipe))
    with open(full_pipe.write_end, "w", closefd=False) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "stderr", stdout)
        with queued_output() as queue:
            sys.stdout.write("강의 \udcff\n")
            sys.stderr.write("warning\n")
        assert (sys.stdout, sys.stderr) == (stdout, stdout)
    expected = "강의 \\udcff\nwarning\n".encode()
    assert full_pipe.read(len(expected)) == expected
    assert queue.count_dropped() == 0


def test_a_stdout_that_was_closed_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with queued_output():
        sys.stdout.write("line\n")
        assert not sys.stdout.isatty()
        sys.stdout.close()
