"""Reports how far the job is: status.json, bars on a terminal, a log line every half minute."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import structlog

from worker.media.timeline import Grid, clock_time
from worker.messages import REPLAN_REASONS
from worker.monitoring.job_stats import JobStats
from worker.monitoring.status import Status
from worker.plan.forecast import Decision, Forecast
from worker.records.job import ChoiceRecord, DecisionRecord, ForecastRecord
from worker.runtime.budget import Budget

if TYPE_CHECKING:
    from worker.monitoring.progress_bar import ProgressBars

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


def _nobody(**_: object) -> None:
    """Nobody else is to know of progress."""


class Reporter:
    """Where the job's steps report to; `on_progress` gets step, percent and seconds_left."""

    def __init__(
        self,
        status: Status | None,
        *,
        budget: Budget,
        on_terminal: bool,
        stats: JobStats,
        on_progress: Callable[..., None] = _nobody,
    ) -> None:
        self._status = status
        self._budget = budget
        self._on_terminal = on_terminal
        self._step = Step.START
        self._step_started_s = budget.elapsed_s
        self._logged_s = budget.elapsed_s
        self._predicted_left_s: float | None = None
        self._frames_before: int | None = None
        self.speed = 0.0
        self._stats = stats
        self._on_progress = on_progress
        self._stack = ExitStack()
        self._bars: ProgressBars | None = None
        self._part = (0.0, 100.0)

    def __enter__(self) -> Self:
        if self._on_terminal:
            # Imported where it is shown: it takes a tenth of a second, and a Batch job has no use
            # for it.
            from worker.monitoring.progress_bar import ProgressBars

            self._bars = self._stack.enter_context(ProgressBars())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def confine(self, first: float, last: float) -> None:
        """Report the following steps as this part of the job, in percent: they come again."""
        self._part = (first, last)

    def begin(self, step: Step, **fields: object) -> None:
        """Enter a step."""
        self._step, self._step_started_s = step, self._budget.elapsed_s
        self._predicted_left_s = self._frames_before = None
        log.info("step_started", step=step.label, **fields)
        if self._bars and step is Step.END:
            self._bars.end()
        elif self._bars:
            self._bars.begin(step.label)
        self._report(step.percent, None, "")

    def fetched(self, done: int, size: int | None) -> None:
        """Report bytes fetched, of all where that is known."""
        of = f" of {size / 1e6:.1f}" if size else ""
        rate = done / 1e6 / self._step_elapsed_s
        self._advance(
            done / size if size else None, Step.PROBE, f"{done / 1e6:.1f}{of} MB, {rate:.1f} MB/s"
        )

    def encoded(
        self, frames: int, grid: Grid, *, uploaded: int, segments: int, are_samples: bool = False
    ) -> None:
        """Report frames encoded, of all on the grid, and segments in the store, of all expected.

        The first report of a step holds what earlier jobs have done: `speed`, in times real time,
        is without it. `are_samples`: so the grid counts, of audio alone.
        """
        if self._frames_before is None:
            self._frames_before = frames
        self._stats.add_progress(self._budget.elapsed_s, float(frames / grid.rate))
        rate = (frames - self._frames_before) / self._step_elapsed_s
        self.speed = rate / float(grid.rate)
        self._advance(
            frames / grid.total_frames,
            Step.VERIFY,
            f"{self.speed:.2f}x real time,{'' if are_samples else f' {rate:.0f} fps,'}"
            # Audio is not cut at frames of the video, and may have one segment more.
            f" {uploaded} of {max(segments, uploaded)} segments uploaded",
            share_before=self._frames_before / grid.total_frames,
        )

    def predicted(self, forecast: Forecast, decision: Decision | None) -> None:
        """Report the forecast after a segment, and what was decided on it."""
        needed_s = forecast.needed_s()
        if decision:
            self._report_decision(decision)
        self._predicted_left_s = needed_s
        if self._status and needed_s is not None:
            record = ForecastRecord(
                **asdict(forecast.choice),
                needed_s=round(needed_s),
                remaining_s=round(self._budget.remaining_s),
                decisions=self._stats.decisions,
            )
            self._status.update(forecast=record)

    def _report_decision(self, decision: Decision) -> None:
        record = DecisionRecord(
            at_s=round(self._budget.elapsed_s),
            before=ChoiceRecord(**asdict(decision.before)),
            after=ChoiceRecord(**asdict(decision.after)),
            reason=decision.reason,
            needed_s=round(decision.needed_s),
            remaining_s=round(decision.remaining_s),
        )
        self._stats.add_decision(record)
        message = REPLAN_REASONS[decision.reason].en
        log.info("replanned", **record.model_dump(mode="json", exclude={"at_s"}), message=message)

    @property
    def _step_elapsed_s(self) -> float:
        return max(self._budget.elapsed_s - self._step_started_s, 1e-3)

    def _advance(
        self, share: float | None, following: Step, detail: str, *, share_before: float = 0.0
    ) -> None:
        left_s = None
        if share is not None and share > share_before:
            left_s = self._step_elapsed_s / (share - share_before) * (1 - share)
        if self._step is Step.ENCODE and self._predicted_left_s is not None:
            left_s = self._predicted_left_s
        if self._bars:
            # With all encoded, the time that is left depends on the store.
            shown = f", {clock_time(left_s)} left" if left_s and share != 1 else ""
            self._bars.advance(share, detail + shown)
        percent = self._step.percent + (share or 0) * (following.percent - self._step.percent)
        self._report(percent, left_s, detail)

    def _report(self, percent: float, left_s: float | None, detail: str) -> None:
        first, last = self._part
        percent = first + percent * (last - first) / 100
        fields: dict[str, Any] = {
            "step": self._step.label,
            "percent": round(percent, 1),
            "seconds_left": None if left_s is None else round(left_s),
        }
        self._on_progress(**fields)
        fields["detail"] = detail
        if self._status:
            self._status.update(**fields)
        if self._bars is None and self._budget.elapsed_s - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = self._budget.elapsed_s
            log.info("progress", **fields)
