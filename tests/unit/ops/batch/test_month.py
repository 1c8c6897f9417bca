"""A month's figures, from the last lines of its jobs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.aws import Aws
from ops.batch.month import read_month, report_month
from ops.errors import UsageError

NOW = datetime(2026, 12, 3, 10, tzinfo=UTC)


class Logs:
    """Gives its lines as CloudWatch does, in pages."""

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        self.asked: dict[str, Any] = {}

    def get_paginator(self, name: str) -> Logs:
        assert name == "filter_log_events"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        self.asked = asked
        return [{"events": [{"message": message}]} for message in self.messages]


def line(job_id: str, exit_status: int = 0, **fields: Any) -> str:
    known = {"event": "job_finished", "job_id": job_id, "exit_status": exit_status}
    return json.dumps({**known, "elapsed_s": 1800, "cpu_s": 3600, **fields})


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("month", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("last-month", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-01", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
    ],
)
def test_a_month_is_named_or_this_or_the_last(text: str, start: datetime, end: datetime) -> None:
    assert read_month(text, NOW) == (start, end)


def test_the_last_month_of_january_is_december() -> None:
    assert read_month("last-month", NOW.replace(year=2027, month=1))[0].month == 12
    assert read_month("last-month", NOW.replace(year=2027, month=1))[0].year == 2026


@pytest.mark.parametrize("text", ["2026-13", "november", "2027-01"])
def test_what_is_no_month_or_not_begun_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--report"):
        read_month(text, NOW)


def test_jobs_count_once_by_academy_and_only_what_was_made_has_minutes() -> None:
    made = {"duration_s": 600, "bytes": 5 * 10**9}
    logs = Logs(
        line("1", academy="a42", **made),
        line("1", academy="a42", **made),
        line("2", academy="a42", already_published=True, **made),
        line("3", 65, tags={"academy": "b7"}),
        line("4", 143),
        "not json",
        json.dumps({"event": "progress", "job_id": "1"}),
    )
    aws = Aws(region="ap-northeast-2", profile=None, endpoint_url=None)
    vars(aws)["logs"] = logs
    figures = {f.academy: f for f in report_month(aws, "group", *read_month("month", NOW))}
    assert list(figures) == ["-", "a42", "b7", "total"]
    assert figures["a42"].row == (
        *("a42", "2", "1", "1", "0", "0", "10.0", "5.00", "2.00", "1.00", "unknown", "unknown"),
    )
    assert figures["b7"].refused == figures["-"].failed == 1
    assert figures["total"].record["jobs"] == 4
    assert figures["total"].record["minutes"] == 10
    assert logs.asked["startTime"] == 1_796_083_200_000


def test_the_machines_of_an_array_job_count_as_one_that_took_what_all_took() -> None:
    made = {"duration_s": 600, "bytes": 10**9}
    logs = Logs(
        line("a:0", duration_s=600),
        line("a:1", **made),
        line("a:2", 143),
        line("b:0", already_published=True, **made),
        line("b:1", already_published=True, **made),
        line("c:0", 143),
        line("c:1", 69),
        line("d:0", 69),
        line("d:1"),
    )
    aws = Aws(region="ap-northeast-2", profile=None, endpoint_url=None)
    vars(aws)["logs"] = logs
    (figures, _) = report_month(aws, "group", *read_month("month", NOW))
    assert figures.row[:10] == ("-", "4", "1", "1", "0", "2", "10.0", "1.00", "9.00", "4.50")


@pytest.mark.parametrize(
    ("lines", "price", "vcpu_hours", "cost"),
    [
        ((line("1", vcpus=2), line("2", 65, vcpus=4)), 0.02, 3.0, 0.06),
        ((line("1", vcpus=2), line("2")), 0.02, None, None),
        ((line("1", vcpus=2),), None, 1.0, None),
        # Refused before it began.
        ((line("1", vcpus=2), line("2", 64, elapsed_s=None)), 0.02, 1.0, 0.02),
    ],
)
def test_costs_are_known_where_each_job_says_its_vcpus(
    lines: tuple[str, ...], price: float | None, vcpu_hours: float | None, cost: float | None
) -> None:
    aws = Aws(region="ap-northeast-2", profile=None, endpoint_url=None)
    vars(aws)["logs"] = Logs(*lines)
    total = report_month(aws, "group", *read_month("month", NOW), price=price)[-1]
    assert (total.record["vcpu_hours"], total.record["cost"]) == (vcpu_hours, cost)
