"""Counts an audit's requests, and keeps them to so many a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Pace:
    """A bound on requests per second, for all threads together.

    Clock and sleep are for tests.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval_s = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_s = clock()
        self.requests = 0

    def apply_to(self, client: S3Client) -> None:
        """Have each request of a client counted and paced, a repeated one too."""
        hooks = client.meta.events
        hooks.register("before-send.s3", self._before_send)

    def _before_send(self, **_: Any) -> None:
        self.take()

    def take(self) -> None:
        """Wait until a request may be made."""
        with self._lock:
            now_s = self._clock()
            at_s = max(now_s, self._next_s)
            self._next_s = at_s + self._interval_s
            self.requests += 1
        if at_s > now_s:
            self._sleep(at_s - now_s)
