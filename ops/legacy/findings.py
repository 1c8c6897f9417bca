"""What is left of scaling by SQS and an Auto Scaling group, and what to do about each part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops import names
from ops.aws import Aws, code_of, explain
from ops.legacy.policy import describe_policy, find_policy
from ops.legacy.queues import Queue, find_queues

_METRIC_AGE = timedelta(hours=3)


class State(StrEnum):
    """Whether a part of the former system still acts."""

    GONE = "gone"
    IDLE = "idle"
    LIVE = "LIVE"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One resource: whether it exists and still acts, and what to do about it."""

    name: str
    state: State
    detail: str
    advice: str = ""


def report(aws: Aws) -> list[Finding]:
    """Check each resource; one that cannot be read does not hide the others."""
    checks: tuple[tuple[str, Callable[[Aws], list[Finding]]], ...] = (
        (f"SQS {names.LEGACY_QUEUE}", _queues),
        *((f"Lambda {each}", partial(_lambda, function=each)) for each in names.LEGACY_LAMBDAS),
        *((f"rule of {each}", partial(_rule, function=each)) for each in names.LEGACY_LAMBDAS),
        (f"ASG {names.LEGACY_GROUP}", _group),
        (f"metric {names.LEGACY_NAMESPACE} {names.LEGACY_METRIC}", _metric),
    )
    findings = []
    for name, check in checks:
        try:
            findings += check(aws)
        except (BotoCoreError, ClientError) as error:
            findings.append(Finding(name=name, state=State.UNKNOWN, detail=str(explain(error))))
    return findings


def _queues(aws: Aws) -> list[Finding]:
    return [_queue(queue) for queue in find_queues(aws)]


def _queue(queue: Queue) -> Finding:
    name = f"SQS {queue.name}"
    if queue.url is None:
        return Finding(name=name, state=State.GONE, detail="there is no such queue")
    detail = f"{queue.waiting} waiting, {queue.in_flight} in flight, {queue.delayed} delayed"
    if queue.messages:
        advice = "make them Batch jobs: scripts/legacy drain (first with --dry-run)"
        return Finding(name=name, state=State.LIVE, detail=detail, advice=advice)
    advice = "make sure that no sender uses it, then delete it"
    return Finding(name=name, state=State.IDLE, detail=detail, advice=advice)


def _lambda(aws: Aws, function: str) -> list[Finding]:
    name = f"Lambda {function}"
    switch, _ = names.LEGACY_LAMBDAS[function]
    try:
        there = aws.lambdas.get_function_configuration(FunctionName=function)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return [Finding(name=name, state=State.GONE, detail="there is no such function")]
    value = (there.get("Environment") or {}).get("Variables", {}).get(switch)
    shown = f"{switch}={'(not set)' if value is None else value}"
    # Whether one that is not set is off depends on the version of the function's code.
    state = State.UNKNOWN if value is None else State.IDLE if _is_off(value) else State.LIVE
    advice = (
        "delete the function and its rule, unless other workers need them"
        if state is State.IDLE
        else f"set {switch}=false"
    )
    return [Finding(name=name, state=state, detail=shown, advice=advice)]


def _rule(aws: Aws, function: str) -> list[Finding]:
    _, rule = names.LEGACY_LAMBDAS[function]
    name = f"rule {rule}"
    try:
        there = aws.events.describe_rule(Name=rule)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return [Finding(name=name, state=State.GONE, detail="there is no such rule")]
    is_live = there.get("State") != "DISABLED"
    detail = f"{there.get('ScheduleExpression', 'no schedule')}, {there.get('State', '?')}"
    advice = (
        f"disable it once no worker needs {function}" if is_live else f"delete it, with {function}"
    )
    state = State.LIVE if is_live else State.IDLE
    return [Finding(name=name, state=state, detail=detail, advice=advice)]


def _group(aws: Aws) -> list[Finding]:
    name = f"ASG {names.LEGACY_GROUP}"
    groups = aws.autoscaling.describe_auto_scaling_groups(
        AutoScalingGroupNames=[names.LEGACY_GROUP]
    )["AutoScalingGroups"]
    if not groups:
        return [
            Finding(name=name, state=State.GONE, detail="there is no such group"),
            Finding(name=_POLICY, state=State.GONE, detail="it was deleted with its group"),
        ]
    group = groups[0]
    least, desired, most = group["MinSize"], group["DesiredCapacity"], group["MaxSize"]
    detail = (
        f"desired {desired} (min {least}, max {most}), {len(group.get('Instances', ()))} instances,"
        f" cooldown {group.get('DefaultCooldown', '?')} s"
    )
    is_live = desired > 0 or least > 0 or bool(group.get("Instances"))
    advice = (
        "set min and desired to 0 once the queue is drained, then delete the group"
        if is_live
        else "delete the group and its launch template"
    )
    return [
        Finding(
            name=name, state=State.LIVE if is_live else State.IDLE, detail=detail, advice=advice
        ),
        _policy(aws, most),
    ]


_POLICY = f"policy {names.LEGACY_POLICY}"


def _policy(aws: Aws, most: int) -> Finding:
    policy = find_policy(aws)
    if policy is None:
        return Finding(name=_POLICY, state=State.GONE, detail="there is no such policy")
    # It may start instances again, whatever the capacity is now.
    can_act = policy.get("Enabled", True) and most > 0
    return Finding(
        name=_POLICY,
        state=State.LIVE if can_act else State.IDLE,
        detail=f"{describe_policy(policy)}, {'may scale up' if can_act else 'cannot act'}",
        advice="keep it (scripts/legacy policy --backup FILE), then delete it: it would start"
        " instances for the metric",
    )


def _metric(aws: Aws) -> list[Finding]:
    name = f"metric {names.LEGACY_NAMESPACE} {names.LEGACY_METRIC}"
    metrics = aws.cloudwatch.list_metrics(
        Namespace=names.LEGACY_NAMESPACE, MetricName=names.LEGACY_METRIC
    )["Metrics"]
    last = max(filter(None, (_last_point(aws, m) for m in metrics)), default=None)
    if last is not None:
        detail = f"published, last at {last:%Y-%m-%d %H:%M} UTC"
        function = names.LEGACY_METRIC_LAMBDA
        advice = f"set {names.LEGACY_LAMBDAS[function][0]}=false in the Lambda {function}"
        return [Finding(name=name, state=State.LIVE, detail=detail, advice=advice)]
    if metrics:
        advice = "nothing: CloudWatch lists it for two weeks after its last value"
        detail = f"nothing in the last {_METRIC_AGE.seconds // 3600} h; CloudWatch still lists it"
        return [Finding(name=name, state=State.IDLE, detail=detail, advice=advice)]
    return [Finding(name=name, state=State.GONE, detail="CloudWatch does not list it")]


def _last_point(aws: Aws, metric: Any) -> datetime | None:  # noqa: ANN401 (as ListMetrics gives it)
    now = datetime.now(UTC)
    points = aws.cloudwatch.get_metric_statistics(
        Namespace=names.LEGACY_NAMESPACE,
        MetricName=names.LEGACY_METRIC,
        Dimensions=metric.get("Dimensions", []),
        StartTime=now - _METRIC_AGE,
        EndTime=now + timedelta(minutes=1),
        Period=300,
        Statistics=["SampleCount"],
    )["Datapoints"]
    return max((p["Timestamp"].astimezone(UTC) for p in points), default=None)


def _is_off(value: str) -> bool:
    return value.strip().lower() == "false"
