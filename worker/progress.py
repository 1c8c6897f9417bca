"""Tells how far the job is: status.json, a bar on a terminal, a log line now and then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import structlog

from worker.encode import Progress
from worker.status import Status

if TYPE_CHECKING:
    from rich.progress import TaskID
    from rich.progress import Progress as Bar

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
        self, status: Status | None, *, clock: Callable[[], float], on_terminal: bool
    ) -> None:
        self._status = status
        self._clock = clock
        self._on_terminal = on_terminal
        self._step = Step.START
        self._step_started_s = clock()
        self._logged_s = clock()
        self._stack = ExitStack()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._on_terminal:
            # Imported where it is shown: it costs a tenth of a second that a Batch job has no use for.
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

    def begin(self, step: Step, **fields: Any) -> None:
        """Enter a step."""
        self._step, self._step_started_s = step, self._clock()
        log.info("step_started", step=step.label, **fields)
        self._tell(step.percent, None, "")

    def fetched(self, done: int, size: int | None) -> None:
        """Report bytes fetched, of all where that is known."""
        share = done / size if size else 0.0
        of = f" of {size / 1e6:.1f}" if size else ""
        self._advance(share, Step.PROBE, f"{done / 1e6:.1f}{of} MB")

    def encoded(self, progress: Progress, *, rate: float) -> None:
        """Report frames encoded; `rate` is the output's, to say the speed."""
        elapsed_s = max(self._clock() - self._step_started_s, 1e-3)
        speed = progress.frames / rate / elapsed_s
        share = progress.frames / progress.total_frames
        self._advance(share, Step.VERIFY, f"{speed:.2f}x real time")

    def _advance(self, share: float, following: Step, detail: str) -> None:
        elapsed_s = self._clock() - self._step_started_s
        left_s = elapsed_s / share * (1 - share) if share > 0 else None
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
        elif self._clock() - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = self._clock()
            log.info(
                "progress",
                step=self._step.label,
                percent=round(percent, 1),
                seconds_left=left,
                detail=detail,
            )
