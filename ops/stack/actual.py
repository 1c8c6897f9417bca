"""What the deployed system is, by the same names as what it should be (`ops.stack.expected`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ops import names
from ops.aws import Aws, code_of
from ops.stack.expected import architecture
from worker.config.option import variable_name

_TOPIC = ":sns:"
_MISSING = frozenset({"ResourceNotFoundException", "RepositoryNotFoundException"})


def find(aws: Aws, parameters: Mapping[str, str]) -> dict[str, str]:
    """Ask AWS for everything that is expected; what is not there has no entry."""
    found = {
        **_under(
            f"compute environment {parameters['ComputeEnvironmentName']}",
            _machines(aws, parameters["ComputeEnvironmentName"]),
        ),
        **_under(f"queue {parameters['JobQueueName']}", _queue(aws, parameters["JobQueueName"])),
        **_under(f"job definition {names.JOB_DEFINITION}", _job_definition(aws)),
        **_log_group(aws),
        **_repository(aws),
        **_metric_filter(aws),
        **_alarms(aws),
    }
    for rule in (names.FAILED_RULE, names.BLOCKED_RULE):
        found |= _under(f"rule {rule}", _rule(aws, rule))
    return found


def read_environment(environment: Mapping[str, Any]) -> dict[str, str]:
    """Read a compute environment as DescribeComputeEnvironments tells it."""
    resources = environment.get("computeResources") or {}
    types = list(resources.get("instanceTypes") or ())
    images = {c.get("imageType", "?") for c in resources.get("ec2Configuration") or ()}
    return {
        "state": environment.get("state", "?"),
        "status": environment.get("status", "?"),
        "type": f"{environment.get('type')} {resources.get('type')}",
        "architecture": architecture(types),
        "instance types": ", ".join(sorted(types)),
        "image type": ", ".join(sorted(images)),
        "service role": str(environment.get("serviceRole", "")).rpartition("/")[2],
        "vCPUs": f"{resources.get('minvCpus')} to {resources.get('maxvCpus')}",
        "allocation": resources.get("allocationStrategy", "?"),
        "subnets": ", ".join(sorted(resources.get("subnets") or ())),
        "security groups": ", ".join(sorted(resources.get("securityGroupIds") or ())),
    }


def read_definition(definition: Mapping[str, Any]) -> dict[str, str]:
    """Read a job definition as DescribeJobDefinitions tells it."""
    container = definition.get("containerProperties") or {}
    needs = {n["type"]: n["value"] for n in container.get("resourceRequirements") or ()}
    log = container.get("logConfiguration") or {}
    variables = {e["name"]: e.get("value", "") for e in container.get("environment") or ()}
    timeout = definition.get("timeout") or {}
    return {
        "image": container.get("image", ""),
        "attempts": str((definition.get("retryStrategy") or {}).get("attempts", 1)),
        "time limit": f"{timeout.get('attemptDurationSeconds', 'no')} s",
        "command": " ".join(container.get("command") or ()),
        **{f"parameter {n}": v for n, v in (definition.get("parameters") or {}).items()},
        "vCPUs": str(needs.get("VCPU", container.get("vcpus"))),
        "memory": f"{needs.get('MEMORY', container.get('memory'))} MiB",
        "log driver": log.get("logDriver", "the default"),
        "log group of the container": (log.get("options") or {}).get("awslogs-group", "none"),
        "log group of the worker": variables.get(variable_name("log_group"), "none"),
        "init": _flag((container.get("linuxParameters") or {}).get("initProcessEnabled")),
        "read-only root": _flag(container.get("readonlyRootFilesystem")),
    }


def read_pattern(pattern: str) -> str:
    """Read an event rule's pattern: which event, of which queue."""
    fields = json.loads(pattern or "{}")
    detail = fields.get("detail", {})
    queues = [arn.rpartition("/")[2] for arn in detail.get("jobQueue", ("any queue",))]
    return f"{', '.join(fields.get('detail-type', ('any event',)))} of {', '.join(queues)}"


def read_alarm(alarm: Mapping[str, Any]) -> str:
    """Read an alarm as DescribeAlarms tells it."""
    sign = {"GreaterThanOrEqualToThreshold": ">="}.get(alarm["ComparisonOperator"], "other than")
    told = alarm.get("ActionsEnabled", True) and _has_topic(alarm.get("AlarmActions", ()))
    return (
        f"{alarm.get('Namespace')} {alarm.get('MetricName')} {sign} {alarm['Threshold']:g},"
        f" told to {'an SNS topic' if told else 'nobody'}"
    )


def _machines(aws: Aws, name: str) -> dict[str, str]:
    answer = aws.batch.describe_compute_environments(computeEnvironments=[name])
    return next(map(read_environment, answer["computeEnvironments"]), {})


def _queue(aws: Aws, name: str) -> dict[str, str]:
    queues = aws.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    return {
        key: value
        for queue in queues
        for key, value in {
            "state": queue["state"],
            "status": queue.get("status", "?"),
            "compute environments": ", ".join(
                order["computeEnvironment"].rpartition("/")[2]
                for order in sorted(queue["computeEnvironmentOrder"], key=lambda o: o["order"])
            ),
        }.items()
    }


def _job_definition(aws: Aws) -> dict[str, str]:
    pages = aws.batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName=names.JOB_DEFINITION, status="ACTIVE"
    )
    active = [d for page in pages for d in page["jobDefinitions"]]
    # Jobs that name no revision get the newest.
    return read_definition(max(active, key=lambda d: d["revision"])) if active else {}


def _log_group(aws: Aws) -> dict[str, str]:
    answer = aws.logs.describe_log_groups(logGroupNamePrefix=names.LOG_GROUP)
    return {
        f"log group {names.LOG_GROUP} retention": f"{g.get('retentionInDays', 'endless')} days"
        for g in answer["logGroups"]
        if g["logGroupName"] == names.LOG_GROUP
    }


def _repository(aws: Aws) -> dict[str, str]:
    answer = _or_none(lambda: aws.ecr.describe_repositories(repositoryNames=[names.REPOSITORY]))
    repositories = answer["repositories"] if answer else []
    found = {}
    for repository in repositories:
        scan = repository.get("imageScanningConfiguration", {}).get("scanOnPush")
        found[f"repository {names.REPOSITORY} tags"] = repository["imageTagMutability"]
        found[f"repository {names.REPOSITORY} scan on push"] = _flag(scan)
    return found


def _rule(aws: Aws, name: str) -> dict[str, str]:
    rule = _or_none(lambda: aws.events.describe_rule(Name=name))
    if rule is None:
        return {}
    targets = aws.events.list_targets_by_rule(Rule=name)["Targets"]
    topics = _has_topic([t["Arn"] for t in targets])
    return {
        "state": rule["State"],
        "event": read_pattern(rule.get("EventPattern", "")),
        "target": "an SNS topic" if topics else "nobody",
    }


def _metric_filter(aws: Aws) -> dict[str, str]:
    answer = _or_none(
        lambda: aws.logs.describe_metric_filters(
            logGroupName=names.LOG_GROUP, filterNamePrefix=names.NEAR_WALL_FILTER
        )
    )
    filters = answer["metricFilters"] if answer else []
    return {f"metric filter {f['filterName']}": f["filterPattern"] for f in filters}


def _alarms(aws: Aws) -> dict[str, str]:
    wanted = [names.FAILED_ALARM, names.NEAR_WALL_ALARM, names.BLOCKED_ALARM]
    answer = aws.cloudwatch.describe_alarms(AlarmNames=wanted)
    return {f"alarm {a['AlarmName']}": read_alarm(a) for a in answer["MetricAlarms"]}


def _or_none(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 (of whatever is asked for)
    try:
        return ask()
    except ClientError as error:
        if code_of(error) in _MISSING:
            return None
        raise


def _flag(value: object) -> str:
    return "true" if value is True else "false"


def _has_topic(arns: Any) -> bool:  # noqa: ANN401 (a list of ARNs, of one service or another)
    return any(_TOPIC in arn for arn in arns)


def _under(prefix: str, values: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix} {name}": value for name, value in values.items()}
