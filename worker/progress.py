"""Tells how far the job is: status.json, a bar on a terminal, a log line now and then."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog

from worker.account import Account
from worker.budget import Budget
from worker.forecast import Decision, Forecast
from worker.status import Status
from worker.timeline import Grid

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

_LOG_EVERY_S = 30.0

log = structlog.get_logger(__name__)


class Step(Enum):
    """The steps of a job, each with the percent at which it starts; encoding is nearly all."""

    START = ("start", 0)
    FETCH = ("fetch", 0)
    PROBE = ("probe", 4)
    ENCODE = ("encode", 5)
    VERIFY = ("verify", 97)
    PUBLISH = ("publish", 98)
    END = ("end", 100)

    @property
    def label(self) -> str:
        """Name in status.json and logs."""
        return self.value[0]

    @property
    def percent(self) -> int:
        """Share of the job that is done when the step starts."""
        return self.value[1]


class Reporter:
    """Where the job's steps report to."""

    def __init__(
        self, status: Status | None, *, budget: Budget, on_terminal: bool, account: Account
    ) -> None:
        self._status = status
        self._budget = budget
        self._on_terminal = on_terminal
        self._step = Step.START
        self._step_started_s = budget.elapsed_s
        self._logged_s = budget.elapsed_s
        self._predicted_left_s: float | None = None
        self._account = account
        self._stack = ExitStack()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._on_terminal:
            # Imported where it is shown: a Batch job has no use for the tenth of a second it takes.
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = ("{task.description}", BarColumn(), "{task.percentage:>3.0f}%")
            self._bar = Bar(*columns, TextColumn("{task.fields[detail]}"))
            self._task = self._bar.add_task("start", total=100, detail="")
            self._stack.enter_context(self._bar)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def begin(self, step: Step, **fields: object) -> None:
        """Enter a step."""
        self._step, self._step_started_s = step, self._budget.elapsed_s
        log.info("step_started", step=step.label, **fields)
        self._tell(step.percent, None, "")

    def fetched(self, done: int, size: int | None) -> None:
        """Report bytes fetched, of all where that is known."""
        share = done / size if size else 0.0
        of = f" of {size / 1e6:.1f}" if size else ""
        self._advance(share, Step.PROBE, f"{done / 1e6:.1f}{of} MB")

    def encoded(self, frames: int, grid: Grid) -> None:
        """Report frames encoded, of all on the grid."""
        elapsed_s = max(self._budget.elapsed_s - self._step_started_s, 1e-3)
        speed = float(frames / grid.rate) / elapsed_s
        self._account.encoded(self._budget.elapsed_s, float(frames / grid.rate))
        self._advance(frames / grid.total_frames, Step.VERIFY, f"{speed:.2f}x real time")

    def predicted(self, forecast: Forecast, decision: Decision | None) -> None:
        """Report the forecast after a segment, and what was decided on it."""
        elapsed_s, needed_s = self._budget.elapsed_s, forecast.needed_s()
        if decision:
            told = {
                "before": asdict(decision.before),
                "after": asdict(decision.after),
                "reason": decision.reason,
                "needed_s": round(decision.needed_s),
                "remaining_s": round(decision.remaining_s),
            }
            log.info("replanned", **told)
            self._account.decided({"at_s": round(elapsed_s), **told})
        self._predicted_left_s = needed_s
        if self._status and needed_s is not None:
            self._status.update(
                forecast={
                    **asdict(forecast.choice),
                    "needed_s": round(needed_s),
                    "remaining_s": round(self._budget.remaining_s),
                    "decisions": self._account.decisions,
                }
            )

    def _advance(self, share: float, following: Step, detail: str) -> None:
        elapsed_s = self._budget.elapsed_s - self._step_started_s
        left_s = elapsed_s / share * (1 - share) if share > 0 else None
        if self._step is Step.ENCODE and self._predicted_left_s is not None:
            left_s = self._predicted_left_s
        percent = self._step.percent + share * (following.percent - self._step.percent)
        self._tell(percent, left_s, detail)

    def _tell(self, percent: float, left_s: float | None, detail: str) -> None:
        left = None if left_s is None else round(left_s)
        if self._status:
            self._status.update(step=self._step.label, percent=round(percent, 1), seconds_left=left)
        if self._bar is not None and self._task is not None:
            shown = f"{detail}, {left} s left" if left is not None and detail else detail
            self._bar.update(
                self._task, description=self._step.label, completed=percent, detail=shown
            )
        elif self._budget.elapsed_s - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = self._budget.elapsed_s
            log.info(
                "progress",
                step=self._step.label,
                percent=round(percent, 1),
                seconds_left=left,
                detail=detail,
            )
