"""What a job runs with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from worker.monitoring.job_stats import JobStats
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a job runs with: budget, programs, calendar, terminal; `vcpus` where they are known."""

    budget: Budget
    tools: Tools
    now: Callable[[], datetime]
    on_terminal: bool
    stats: JobStats = field(default_factory=JobStats)
    vcpus: float | None = None
