"""The last log line as CloudWatch's Embedded Metric Format."""

from __future__ import annotations

import json
from typing import Any

from worker.monitoring.metrics import metric_fields
from worker.runtime.resources import cpu_s

FIGURES = {"duration_s": 600.0, "speed": 2.5, "bytes": 1000, "elapsed_s": 250.0, "cpu_s": 480.0}
NOW_MS = 1_700_000_000_000


def made(
    figures: dict[str, Any] = FIGURES, outcome: str = "published", academy: str | None = None
) -> dict[str, Any]:
    return metric_fields(outcome, figures, academy=academy, now_ms=NOW_MS)


def named(fields: dict[str, Any]) -> dict[tuple[str, ...], set[str]]:
    """The metrics of each set of dimensions; each must be a number of the line, as EMF has it."""
    line = {**FIGURES, **fields}
    found = {}
    for directive in fields["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == "AcademyVideoWorker"
        (dimensions,) = directive["Dimensions"]
        assert all(isinstance(line[name], str) for name in dimensions)
        names = {metric["Name"] for metric in directive["Metrics"]}
        assert all(isinstance(line[name], (int, float)) for name in names)
        found[tuple(dimensions)] = names
    return found


def test_a_published_video_counts_by_outcome_and_academy() -> None:
    fields = made(academy="a42")
    assert named(fields) == {
        (): {"jobs", "minutes", "speed", "bytes", "cpu_minutes", "elapsed_s"},
        ("outcome",): {"jobs"},
        ("academy",): {"jobs", "minutes", "bytes", "cpu_minutes"},
    }
    assert (fields["minutes"], fields["cpu_minutes"], fields["academy"]) == (10, 8, "a42")
    assert json.loads(json.dumps(fields))["_aws"]["Timestamp"] == NOW_MS


def test_what_was_not_made_counts_no_minutes() -> None:
    for fields in (
        made({**FIGURES, "already_published": True}),
        made(outcome="bad_source"),
    ):
        assert named(fields)[()] == {"jobs", "speed", "cpu_minutes", "elapsed_s"}
        assert "minutes" not in fields


def test_of_a_team_the_machine_that_leads_counts_as_the_job() -> None:
    assert named(made({**FIGURES, "leads": True}))[()] >= {"jobs", "minutes"}
    assert named(made({**FIGURES, "leads": False}, academy="a42")) == {
        (): {"cpu_minutes"},
        ("academy",): {"cpu_minutes"},
    }


def test_what_is_not_known_is_no_metric() -> None:
    assert named(made({}))[()] == {"jobs"}


def test_an_academy_that_cloudwatch_would_refuse_is_left_out() -> None:
    assert ("academy",) not in named(made(academy="학원"))


def test_cpu_time_is_that_of_this_process() -> None:
    before = cpu_s()
    sum(i * i for i in range(500_000))
    assert cpu_s() >= before > 0
