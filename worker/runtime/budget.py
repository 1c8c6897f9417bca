"""Time as a budget: the deadline of a job, and what else may ask it to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from worker.errors import BudgetSpentError, TerminatedError, WorkerError
from worker.runtime.early_signals import install, restore

RESERVE_SHARE = 0.1
RESERVE_MAX_S = 60.0
# Of the reserve, what no grace period may use: the process has to leave, too.
_EXIT_SHARE = 0.2
_SHORT_GRACE_S = 1.0
_POLL_S = 0.2


class Budget:
    """The time that a job has left, and the one object from which it learns that it must stop.

    Everything that waits or loops calls `check` (or waits with `sleep`), so that a signal, the
    deadline or a failure elsewhere ends the job within a fraction of a second wherever it is. What
    leaves the destination in order (uploads under way, checkpoint, status.json) has a **grace
    period**: it may go on for that many seconds after the stop, less where the time limit is near
    or the stop was asked for twice.

    The deadline is the time limit less a reserve for stopping in order: 60 s covers killing FFmpeg,
    a last checkpoint and the log's delivery; a tenth keeps short limits usable.
    """

    def __init__(
        self,
        *,
        time_limit_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._started_s = clock()
        self.time_limit_s = time_limit_s
        self.reserve_s = min(RESERVE_MAX_S, RESERVE_SHARE * time_limit_s)
        # Plain values, assigned whole, and no threading.Event: its lock may be held by the very
        # thread that a signal interrupts.
        self._stop: tuple[float, WorkerError] | None = None
        self._shortened_s: float | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the worker started."""
        return self._clock() - self._started_s

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self._deadline_s - self.elapsed_s)

    @property
    def _deadline_s(self) -> float:
        return self.time_limit_s - self.reserve_s

    @property
    def is_stopped(self) -> bool:
        """Whether the job was asked to end."""
        return self._stop is not None

    def stop(self, reason: WorkerError) -> None:
        """Ask the job to end with `reason`; the first wins. Safe in threads and signal handlers."""
        if self._stop is None:
            self._stop = (self.elapsed_s, reason)

    def shorten_grace(self) -> None:
        """Cut grace periods to a second: the job was asked to stop for the second time."""
        if self._shortened_s is None:
            self._shortened_s = self.elapsed_s

    def check(self, grace_s: float = 0.0) -> None:
        """Raise what ends the job, if anything does, `grace_s` after it did.

        Raises:
            WorkerError: the reason given to `stop`.
            BudgetSpentError: the deadline is reached.

        """
        stopped_s, reason = self._stop or (self._deadline_s, None)
        until_s = stopped_s + grace_s
        if grace_s:
            until_s = min(until_s, self.time_limit_s - _EXIT_SHARE * self.reserve_s)
            if self._shortened_s is not None:
                until_s = min(until_s, self._shortened_s + _SHORT_GRACE_S)
        if self.elapsed_s >= until_s:
            raise reason or BudgetSpentError(
                f"the time limit of {self.time_limit_s:g} s (less {self.reserve_s:g} s in reserve)"
                " is spent; submit the job again to continue, or raise --time-limit"
            )

    def sleep(self, seconds: float, grace_s: float = 0.0) -> None:
        """Wait, but not past a stop or the deadline; raises as `check` does."""
        end_s = self._clock() + seconds
        self.check(grace_s)
        while (left_s := end_s - self._clock()) > 0:
            self._sleep(min(left_s, _POLL_S))
            self.check(grace_s)


@contextmanager
def stop_on_signals(budget: Budget, early: Iterable[int] = ()) -> Iterator[None]:
    """Turn SIGTERM, SIGINT and SIGHUP into a stop of `budget`; a second one shortens the grace.

    `early` are those that arrived before.
    """
    count = 0

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        name = signal.Signals(number).name
        budget.stop(
            TerminatedError(f"{name} asked the job to stop; submit it again when it is wanted")
        )
        if count > 1:
            budget.shorten_grace()

    previous = install(on_signal)
    for number in early:
        on_signal(number, None)
    try:
        yield
    finally:
        restore(previous)
