"""Runs what may block in daemon threads, so that the caller can stop waiting for it.

Daemon threads, because a call that hangs in a dead connection must not keep the process from
leaving.
"""

from __future__ import annotations

import contextvars
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, Self, TypeVar

T = TypeVar("T")

_POLL_S = 0.1


class NoAnswerError(Exception):
    """A call took longer than it is waited for."""


def start_thread(name: str, target: Callable[[], object]) -> threading.Thread:
    """Start a daemon thread that logs with the job's id, as the caller does."""
    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(target), name=name, daemon=True)
    thread.start()
    return thread


def run_in_thread(
    function: Callable[[], T], check: Callable[[], None], *, timeout_s: float = math.inf
) -> T:
    """Call `function` in a thread of its own and return or raise what it does.

    `check` is called several times a second; what it raises ends the waiting, and the call is
    abandoned.

    Raises:
        NoAnswerError: it took longer than `timeout_s` seconds.

    """
    end_s = time.monotonic() + timeout_s

    def check_time() -> None:
        check()
        if time.monotonic() >= end_s:
            raise NoAnswerError

    future: Future[T] = Future()
    start_thread("call", lambda: _fulfil(future, function))
    return wait_for(future, check_time)


def wait_for(future: Future[T], check: Callable[[], None]) -> T:
    """Return or raise what a future holds; `check` may raise meanwhile."""
    while True:
        try:
            return future.result(_POLL_S)
        except TimeoutError:
            # It may also be what the function itself raised.
            if future.done():
                return future.result()
        check()


class DaemonThreadPool:
    """Some daemon threads that call what is submitted, in order; leaving the context closes it."""

    def __init__(self, name: str, threads: int) -> None:
        self._queue: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = (
            queue.SimpleQueue()
        )
        self._threads = threads
        for number in range(threads):
            start_thread(f"{name}-{number}", self._work)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Have a function called; never waits."""
        future: Future[T] = Future()
        self._queue.put((future, function))
        return future

    def close(self) -> None:
        """Let the threads end after what was submitted before."""
        for _ in range(self._threads):
            self._queue.put(None)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            _fulfil(*item)


def _fulfil(future: Future[T], function: Callable[[], T]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 (it is raised again where it is waited for)
        future.set_exception(error)


def read_ahead(
    pool: DaemonThreadPool, calls: Iterable[Callable[[], T]], count: int
) -> Iterator[Future[T]]:
    """Submit calls, and yield what they will return in their order; so many are held at most."""
    waiting: deque[Future[T]] = deque()
    for call in calls:
        waiting.append(pool.submit(call))
        if len(waiting) == count:
            yield waiting.popleft()
    yield from waiting
