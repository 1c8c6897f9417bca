"""What a job records of itself for the manifest: pace, changes of plan, warnings. Pure.

All of it is bounded, however long the job takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from worker.records.job import DecisionRecord, JobRecord, WarningRecord

_MAX_SAMPLES = 64
_DECISIONS_KEPT = 20
_WARNINGS_KEPT = 20
_MAX_CHARS = 300
# What is bound to every line, or stands in the record by itself.
_OWN_FIELDS = frozenset({"event", "level", "timestamp", "job_id", "tags"})


class JobStats:
    """Filled while the job runs; samples are (seconds of the job, seconds of video encoded)."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []
        self._least_step_s = 0.0
        self._decisions: deque[DecisionRecord] = deque(maxlen=_DECISIONS_KEPT)
        self._warnings: deque[WarningRecord] = deque(maxlen=_WARNINGS_KEPT)

    def add_progress(self, at_s: float, video_s: float) -> None:
        """Record how far the encode is; of many samples every second one is dropped."""
        sample = (round(at_s, 2), round(video_s, 2))
        if self._samples and sample[0] - self._samples[-1][0] < self._least_step_s:
            return
        self._samples.append(sample)
        if len(self._samples) >= _MAX_SAMPLES:
            span_s = self._samples[-1][0] - self._samples[0][0]
            self._least_step_s = 2 * span_s / _MAX_SAMPLES
            self._samples = self._samples[::2]

    def add_decision(self, decision: DecisionRecord) -> None:
        """Record a change of plan."""
        self._decisions.append(decision)

    @property
    def decisions(self) -> tuple[DecisionRecord, ...]:
        """The last changes of plan."""
        return tuple(self._decisions)

    def add_warning(self, event: Mapping[str, Any]) -> None:
        """Record a warning as it was logged; the last ones are kept."""
        detail = ", ".join(f"{key}: {event[key]}" for key in event if key not in _OWN_FIELDS)
        self._warnings.append(WarningRecord(event=str(event["event"]), detail=detail[:_MAX_CHARS]))

    def record(
        self,
        *,
        encode_s: float | None = None,
        speed: float | None = None,
        segments: int | None = None,
        segments_resumed: int | None = None,
    ) -> JobRecord:
        """Return the manifest's record of the job, with the figures of its encode."""
        return JobRecord(
            encode_s=encode_s,
            speed=speed,
            segments=segments,
            segments_resumed=segments_resumed,
            progress=tuple(self._samples),
            decisions=self.decisions,
            warnings=tuple(self._warnings),
        )
