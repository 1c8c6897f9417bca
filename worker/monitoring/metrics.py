"""Metrics of a job in CloudWatch's Embedded Metric Format: fields of the last log line.

CloudWatch makes metrics of a JSON line that has `_aws`; no call and no permission is needed.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NAMESPACE = "AcademyVideoWorker"
PUBLISHED = "published"
_MINUTE_S = 60
# CloudWatch refuses the line's metrics where a value of a dimension is anything else.
_DIMENSION = re.compile(r"[\x21-\x7e]{1,250}")
_UNITS = {
    "jobs": "Count",
    "minutes": "None",
    "speed": "None",
    "bytes": "Bytes",
    "cpu_minutes": "None",
    "elapsed_s": "Seconds",
}
_OF_A_VIDEO = frozenset({"minutes", "bytes"})
# Each value of a dimension makes a metric, which costs: an academy has what it is billed by.
_OF_AN_ACADEMY = ("jobs", "minutes", "bytes", "cpu_minutes")


def metric_fields(
    outcome: str, figures: Mapping[str, Any], *, academy: str | None, now_ms: int
) -> dict[str, Any]:
    """Return the fields that make metrics of a last log line.

    `figures`: the line's own fields, by their names; what is not known makes no metric, and neither
    does a video that this job did not publish. Of the machines of a team the one that leads counts
    as the job, and the others add what they took of the CPU.
    """
    if figures.get("leads") is False:
        figures = {name: figures[name] for name in ("cpu_s",) if name in figures}
        values: dict[str, Any] = {}
    else:
        values = {"jobs": 1}
    made = outcome == PUBLISHED and not figures.get("already_published")
    if made and (duration_s := figures.get("duration_s")) is not None:
        values["minutes"] = round(duration_s / _MINUTE_S, 3)
    if (used_s := figures.get("cpu_s")) is not None:
        values["cpu_minutes"] = round(used_s / _MINUTE_S, 3)
    there = [
        name
        for name in _UNITS
        if name in values or (figures.get(name) is not None and (made or name not in _OF_A_VIDEO))
    ]
    directives = [_directive([], there)]
    if "jobs" in there:
        directives.append(_directive(["outcome"], ["jobs"]))
    if academy and _DIMENSION.fullmatch(academy):
        values["academy"] = academy
        directives.append(_directive(["academy"], [n for n in there if n in _OF_AN_ACADEMY]))
    return {
        **values,
        "outcome": outcome,
        "_aws": {"Timestamp": now_ms, "CloudWatchMetrics": directives},
    }


def _directive(dimensions: list[str], names: list[str]) -> dict[str, Any]:
    return {
        "Namespace": NAMESPACE,
        "Dimensions": [dimensions],
        "Metrics": [{"Name": name, "Unit": _UNITS[name]} for name in names],
    }
