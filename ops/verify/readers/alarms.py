"""Alarms and dashboards of CloudWatch."""

from __future__ import annotations

from ops.aws import Aws
from ops.verify.readers.registry import Properties, kind, pick
from ops.verify.resource import Resource


@kind(
    "AWS::CloudWatch::Alarm",
    defaults={"ActionsEnabled": "true", "TreatMissingData": "missing"},
    unread=("Tags",),
)
def alarm(aws: Aws, resource: Resource) -> Properties | None:
    """Read an alarm: what it watches, from which value on, who is sent what."""
    there = aws.cloudwatch.describe_alarms(AlarmNames=[resource.id])["MetricAlarms"]
    if not there:
        return None
    return pick(
        there[0],
        *("AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions"),
        *("InsufficientDataActions", "Namespace", "MetricName", "Dimensions", "Metrics"),
        *("Statistic", "ExtendedStatistic", "Period", "Unit", "EvaluationPeriods"),
        *("DatapointsToAlarm", "Threshold", "ThresholdMetricId", "ComparisonOperator"),
        *("TreatMissingData", "EvaluateLowSampleCountPercentile"),
    )


@kind("AWS::CloudWatch::Dashboard")
def dashboard(aws: Aws, resource: Resource) -> Properties:
    """Read a dashboard."""
    there = aws.cloudwatch.get_dashboard(DashboardName=resource.id)
    return pick(there, "DashboardName", "DashboardBody")
