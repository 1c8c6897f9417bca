"""What jobs did in a month, by academy: from the last lines that they logged.

Batch forgets jobs in about a week; their lines are kept as long as the log group keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from ops.aws import Aws
from ops.batch.cost import cost_of
from ops.console import say, show_json, show_table
from ops.errors import UsageError
from worker.config.team import team_of
from worker.errors import PUBLISHED, BadSourceError
from worker.records.base import Record, UnreadableRecordError

HEADING = (
    *("academy", "jobs", "published", "before", "refused", "failed", "minutes of video"),
    *("GB", "CPU hours", "hours", "vCPU hours", "cost"),
)
_PATTERN = '{ $.event = "job_finished" }'
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_THIS, _LAST = "month", "last-month"
_MINUTE_S, _HOUR_S, _GB = 60, 3600, 10**9
TOTAL = "total"
UNNAMED = "-"


class _FinishedLine(Record):
    """The worker's last line, as far as it is counted."""

    event: Literal["job_finished"]
    job_id: str
    exit_status: int
    academy: str | None = None
    tags: dict[str, str] = Field(default={})
    already_published: bool = False
    duration_s: float | None = None
    bytes: int | None = None
    cpu_s: float | None = None
    elapsed_s: float | None = None
    vcpus: float | None = None


@dataclass(kw_only=True, slots=True)
class Figures:
    """Sums. `before`: jobs whose video was published already, so that they made nothing.

    `vcpu_s`: seconds times vCPUs; None where a job did not log how many it had. `price`: of a
    vCPU-hour.
    """

    academy: str
    price: float | None = None
    jobs: int = 0
    published: int = 0
    before: int = 0
    refused: int = 0
    failed: int = 0
    video_s: float = 0
    bytes: int = 0
    cpu_s: float = 0
    elapsed_s: float = 0
    vcpu_s: float | None = 0

    def add(self, line: _FinishedLine) -> None:
        """Count a job."""
        self.jobs += 1
        self.cpu_s += line.cpu_s or 0
        self.elapsed_s += line.elapsed_s or 0
        self._add_vcpus(line)
        if line.exit_status == BadSourceError.exit_status:
            self.refused += 1
        elif line.exit_status != PUBLISHED:
            self.failed += 1
        elif line.already_published:
            self.before += 1
        else:
            self.published += 1
            self.video_s += line.duration_s or 0
            self.bytes += line.bytes or 0

    def _add_vcpus(self, line: _FinishedLine) -> None:
        # One that did not start has run for no time.
        if self.vcpu_s is None or line.elapsed_s is None:
            return
        self.vcpu_s = None if line.vcpus is None else self.vcpu_s + line.elapsed_s * line.vcpus

    @property
    def _vcpu_hours(self) -> float | None:
        return None if self.vcpu_s is None else round(self.vcpu_s / _HOUR_S, 2)

    @property
    def _cost(self) -> float | None:
        return cost_of(self.vcpu_s, 1, self.price)

    @property
    def record(self) -> dict[str, object]:
        """The figures for a program."""
        return {
            "academy": self.academy,
            "jobs": self.jobs,
            "published": self.published,
            "published_before": self.before,
            "refused": self.refused,
            "failed": self.failed,
            "minutes": round(self.video_s / _MINUTE_S, 1),
            "bytes": self.bytes,
            "cpu_hours": round(self.cpu_s / _HOUR_S, 2),
            "hours": round(self.elapsed_s / _HOUR_S, 2),
            "vcpu_hours": self._vcpu_hours,
            "cost": self._cost,
        }

    @property
    def row(self) -> tuple[str, ...]:
        """The figures as a row of `HEADING`."""
        counts = (self.jobs, self.published, self.before, self.refused, self.failed)
        return (
            self.academy,
            *map(str, counts),
            f"{self.video_s / _MINUTE_S:.1f}",
            f"{self.bytes / _GB:.2f}",
            f"{self.cpu_s / _HOUR_S:.2f}",
            f"{self.elapsed_s / _HOUR_S:.2f}",
            _shown(self._vcpu_hours),
            _shown(self._cost),
        )


def read_month(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Return beginning and end, in UTC, of `month` (this one), `last-month` or `2026-11`.

    Raises:
        UsageError: it is none of these, or has not begun.

    """
    this = datetime(now.year, now.month, 1, tzinfo=UTC)
    if text == _THIS:
        start = this
    elif text == _LAST:
        start = this.replace(year=now.year - (now.month == 1), month=(now.month - 2) % 12 + 1)
    elif match := _MONTH.fullmatch(text):
        start = datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)
    else:
        raise UsageError(f"--report {text!r}: write month, last-month, or 2026-11")
    if start > now:
        raise UsageError(f"--report {text}: that month has not begun")
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start, end


def show_month(
    aws: Aws,
    group: str,
    month: tuple[datetime, datetime],
    *,
    price: float | None,
    as_json: bool,
) -> None:
    """Show the figures of a month, a line for each academy."""
    figures = report_month(aws, group, *month, price=price)
    if as_json:
        for each in figures:
            show_json({"month": f"{month[0]:%Y-%m}", **each.record})
        return
    show_table(HEADING, (each.row for each in figures))
    say("Minutes and bytes are those of videos that were made; hours are those that jobs ran.")


def report_month(
    aws: Aws, group: str, start: datetime, end: datetime, *, price: float | None = None
) -> list[Figures]:
    """Return the figures of each academy in the order of their names, and the total at the end.

    Each job counts once, with what it logged last; an array job, too.
    """
    lines = _of_jobs({line.job_id: line for line in _read(_messages(aws, group, start, end))})
    total = Figures(academy=TOTAL, price=price)
    found: dict[str, Figures] = {}
    for line in lines:
        academy = line.academy or line.tags.get("academy") or UNNAMED
        found.setdefault(academy, Figures(academy=academy, price=price)).add(line)
        total.add(line)
    return [*(found[name] for name in sorted(found)), total]


def _of_jobs(lines: Mapping[str, _FinishedLine]) -> list[_FinishedLine]:
    """Return a line for each job; of an array job's machines the one that says how it ended.

    What all machines took is added up.
    """
    machines: dict[str, list[_FinishedLine]] = {}
    for line in lines.values():
        machines.setdefault(team_of(line.job_id), []).append(line)
    return [_together(each) for each in machines.values()]


def _together(machines: Sequence[_FinishedLine]) -> _FinishedLine:
    of_job = max(reversed(machines), key=_weight)
    return of_job.model_copy(
        update={
            "cpu_s": _sum(line.cpu_s for line in machines),
            "elapsed_s": _sum(line.elapsed_s for line in machines),
        }
    )


def _sum(values: Iterable[float | None]) -> float | None:
    """Add up what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _weight(line: _FinishedLine) -> int:
    """Return how much a machine's line says of its job.

    Only the machine that published has the bytes. A 0 without them is that of one that left the
    video to others, whose failure counts then.
    """
    if line.exit_status != PUBLISHED:
        return 1
    if line.bytes is None:
        return 0
    return 2 if line.already_published else 3


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _messages(aws: Aws, group: str, start: datetime, end: datetime) -> Iterator[str]:
    pages = aws.logs.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        startTime=int(start.timestamp() * 1000),
        endTime=int(end.timestamp() * 1000) - 1,
        filterPattern=_PATTERN,
    )
    for page in pages:
        for event in page["events"]:
            yield event["message"]


def _read(messages: Iterable[str]) -> Iterator[_FinishedLine]:
    for message in messages:
        try:
            yield _FinishedLine.from_json(message.encode())
        except UnreadableRecordError:
            # A line for people, or another's.
            continue
