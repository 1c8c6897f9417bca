"""Time as a budget: the wall a job stops at, and what else may ask it to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from worker.errors import BudgetSpentError, TerminatedError, WorkerError

RESERVE_SHARE = 0.1
RESERVE_MAX_S = 60.0
_POLL_S = 0.2


class Budget:
    """The time left to a job, and its one place to learn that it must stop.

    Everything that waits or loops calls `check` (or waits with `sleep`), so that a signal, the
    wall or a failure elsewhere ends the job within a fraction of a second wherever it is.

    The wall is the time limit less a reserve for stopping in order: 60 s covers killing FFmpeg,
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
        # Not a threading.Event: its lock may be held by the very thread that a signal interrupts.
        self._reason: WorkerError | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the worker started."""
        return self._clock() - self._started_s

    @property
    def remaining_s(self) -> float:
        """Seconds until the wall, never negative."""
        return max(0.0, self.time_limit_s - self.reserve_s - self.elapsed_s)

    def stop(self, reason: WorkerError) -> None:
        """Ask the job to end with `reason`; the first wins. Safe in threads and signal handlers."""
        if self._reason is None:
            self._reason = reason

    def check(self) -> None:
        """Raise what ends the job, if anything does.

        Raises:
            WorkerError: the reason given to `stop`.
            BudgetSpentError: the wall is reached.

        """
        if self._reason is not None:
            raise self._reason
        if self.remaining_s <= 0:
            raise BudgetSpentError(
                f"the time limit of {self.time_limit_s:g} s (less {self.reserve_s:g} s in reserve)"
                " is spent; submit the job again to go on, or raise --time-limit"
            )

    def sleep(self, seconds: float) -> None:
        """Wait, but not past a stop or the wall; raises as `check` does."""
        end_s = self._clock() + seconds
        self.check()
        while (left_s := end_s - self._clock()) > 0:
            self._sleep(min(left_s, _POLL_S))
            self.check()


@contextmanager
def stop_on_signals(budget: Budget) -> Iterator[None]:
    """Turn SIGTERM and SIGINT into a stop of `budget` while the context is open."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        budget.stop(
            TerminatedError(f"{name} asked the job to stop; submit it again when it is wanted")
        )

    previous = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


SIGNALS = (signal.SIGTERM, signal.SIGINT)
