"""What the deployed system is, by the same names as what it should be (`ops.stack.expected`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from ops import names
from ops.aws import Aws, code_of
from ops.stack.expected import architecture
from worker.config.option import variable_name

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import ComputeEnvironmentDetailTypeDef, JobDefinitionTypeDef
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef
    from mypy_boto3_events.type_defs import TargetOutputTypeDef

_TOPIC = ":sns:"
_API_DESTINATION = ":api-destination/"
_MISSING = frozenset({"ResourceNotFoundException", "RepositoryNotFoundException"})
_Answer = TypeVar("_Answer")


def find(aws: Aws, parameters: Mapping[str, str]) -> dict[str, str]:
    """Ask AWS for everything that is expected; what does not exist has no entry."""
    environment, queue = names.environment_of(parameters), names.queue_of(parameters)
    found = {
        **_under(f"compute environment {environment}", _environment(aws, environment)),
        **_under(f"queue {queue}", _queue(aws, queue)),
        **_under(f"job definition {names.JOB_DEFINITION}", _job_definition(aws)),
        **_log_group(aws),
        **_repository(aws),
        **_metric_filter(aws),
        **_alarms(aws),
    }
    for rule in (names.FAILED_RULE, names.BLOCKED_RULE, names.EVENTS):
        found |= _under(f"rule {rule}", _rule(aws, rule))
    return {**found, **_api_destination(aws)}


def read_environment(environment: ComputeEnvironmentDetailTypeDef) -> dict[str, str]:
    """Read a compute environment of DescribeComputeEnvironments."""
    found = {
        "state": environment.get("state", "?"),
        "status": environment.get("status", "?"),
        "service role": environment.get("serviceRole", "").rpartition("/")[2],
    }
    resources = environment.get("computeResources")
    if resources is None:
        return {**found, "type": environment.get("type", "?")}
    types = resources.get("instanceTypes", [])
    images = {c.get("imageType", "?") for c in resources.get("ec2Configuration", ())}
    return {
        **found,
        "type": f"{environment.get('type')} {resources.get('type')}",
        "architecture": architecture(types),
        "instance types": ", ".join(sorted(types)),
        "image type": ", ".join(sorted(images)),
        "vCPUs": f"{resources.get('minvCpus')} to {resources.get('maxvCpus')}",
        "allocation": resources.get("allocationStrategy", "?"),
        "subnets": ", ".join(sorted(resources.get("subnets", ()))),
        "security groups": ", ".join(sorted(resources.get("securityGroupIds", ()))),
    }


def read_definition(definition: JobDefinitionTypeDef) -> dict[str, str]:
    """Read a job definition of DescribeJobDefinitions."""
    container = definition.get("containerProperties", {})
    needs = {n["type"]: n["value"] for n in container.get("resourceRequirements", ())}
    log = container.get("logConfiguration")
    variables = {e.get("name"): e.get("value", "") for e in container.get("environment", ())}
    secrets = container.get("secrets", ())
    deadline_s = definition.get("timeout", {}).get("attemptDurationSeconds", "no")
    return {
        "image": container.get("image", ""),
        "attempts": str(definition.get("retryStrategy", {}).get("attempts", 1)),
        "time limit": f"{deadline_s} s",
        "command": " ".join(container.get("command", ())),
        **_under("parameter", definition.get("parameters", {})),
        "vCPUs": str(needs.get("VCPU", container.get("vcpus"))),
        "memory": f"{needs.get('MEMORY', container.get('memory'))} MiB",
        "log driver": log["logDriver"] if log else "the default",
        "log group of the container": log.get("options", {}).get("awslogs-group", "none")
        if log
        else "none",
        "log group of the worker": variables.get(variable_name("log_group"), "none"),
        **{
            f"variable {name}": variables.get(name, "")
            for name in map(variable_name, names.OPTION_PARAMETERS)
        },
        "secrets": ", ".join(sorted(f"{s['name']} {s['valueFrom']}" for s in secrets)) or "none",
        "init": _flag(container.get("linuxParameters", {}).get("initProcessEnabled")),
        "read-only root": _flag(container.get("readonlyRootFilesystem")),
    }


def read_pattern(pattern: str) -> str:
    """Read an event rule's pattern: which event, of which queue."""
    fields = json.loads(pattern or "{}")
    detail = fields.get("detail", {})
    queues = [arn.rpartition("/")[2] for arn in detail.get("jobQueue", ("any queue",))]
    return f"{', '.join(fields.get('detail-type', ('any event',)))} of {', '.join(queues)}"


def read_target(target: TargetOutputTypeDef) -> str:
    """Read what an event rule sends to."""
    if _has_topic([target["Arn"]]):
        return "an SNS topic"
    if _API_DESTINATION not in target["Arn"]:
        return "something else"
    has_queue = target.get("DeadLetterConfig", {}).get("Arn")
    return f"an API destination, with {'a' if has_queue else 'no'} dead-letter queue"


def read_alarm(alarm: MetricAlarmTypeDef) -> str:
    """Read an alarm of DescribeAlarms."""
    sign = {"GreaterThanOrEqualToThreshold": ">="}.get(alarm["ComparisonOperator"], "other than")
    is_sent = alarm.get("ActionsEnabled", True) and _has_topic(alarm.get("AlarmActions", ()))
    return (
        f"{alarm.get('Namespace')} {alarm.get('MetricName')} {sign} {alarm['Threshold']:g},"
        f" sent to {'an SNS topic' if is_sent else 'no SNS topic'}"
    )


def _environment(aws: Aws, name: str) -> dict[str, str]:
    answer = aws.batch.describe_compute_environments(computeEnvironments=[name])
    return next(map(read_environment, answer["computeEnvironments"]), {})


def _queue(aws: Aws, name: str) -> dict[str, str]:
    queues = aws.batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    if not queues:
        return {}
    order = sorted(queues[0]["computeEnvironmentOrder"], key=lambda o: o["order"])
    return {
        "state": queues[0]["state"],
        "status": queues[0].get("status", "?"),
        "compute environments": ", ".join(
            o["computeEnvironment"].rpartition("/")[2] for o in order
        ),
    }


def _job_definition(aws: Aws) -> dict[str, str]:
    pages = aws.batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName=names.JOB_DEFINITION, status="ACTIVE"
    )
    active = [d for page in pages for d in page["jobDefinitions"]]
    # Jobs that name no revision get the newest.
    return read_definition(max(active, key=lambda d: d["revision"])) if active else {}


def _log_group(aws: Aws) -> dict[str, str]:
    pages = aws.logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=names.LOG_GROUP
    )
    return {
        f"log group {names.LOG_GROUP} retention": f"{g.get('retentionInDays', 'endless')} days"
        for page in pages
        for g in page["logGroups"]
        if g.get("logGroupName") == names.LOG_GROUP
    }


def _repository(aws: Aws) -> dict[str, str]:
    answer = _or_none(lambda: aws.ecr.describe_repositories(repositoryNames=[names.REPOSITORY]))
    found: dict[str, str] = {}
    for repository in answer["repositories"] if answer else ():
        scan = repository.get("imageScanningConfiguration", {}).get("scanOnPush")
        found[f"repository {names.REPOSITORY} tags"] = repository["imageTagMutability"]
        found[f"repository {names.REPOSITORY} scan on push"] = _flag(scan)
    return found


def _rule(aws: Aws, name: str) -> dict[str, str]:
    rule = _or_none(lambda: aws.events.describe_rule(Name=name))
    if rule is None:
        return {}
    targets = aws.events.list_targets_by_rule(Rule=name)["Targets"]
    return {
        "state": rule["State"],
        "event": read_pattern(rule.get("EventPattern", "")),
        "target": ", ".join(map(read_target, targets)) or "nothing",
    }


def _api_destination(aws: Aws) -> dict[str, str]:
    there = _or_none(lambda: aws.events.describe_api_destination(Name=names.EVENTS))
    if there is None:
        return {}
    method, url, state = (
        there[key] for key in ("HttpMethod", "InvocationEndpoint", "ApiDestinationState")
    )
    return {f"API destination {names.EVENTS}": f"{method} {url}, {state}"}


def _metric_filter(aws: Aws) -> dict[str, str]:
    answer = _or_none(
        lambda: aws.logs.describe_metric_filters(
            logGroupName=names.LOG_GROUP, filterNamePrefix=names.NEAR_DEADLINE_FILTER
        )
    )
    filters = answer["metricFilters"] if answer else ()
    return {f"metric filter {f['filterName']}": f["filterPattern"] for f in filters}


def _alarms(aws: Aws) -> dict[str, str]:
    wanted = [names.FAILED_ALARM, names.NEAR_DEADLINE_ALARM, names.BLOCKED_ALARM]
    answer = aws.cloudwatch.describe_alarms(AlarmNames=wanted)
    return {f"alarm {a['AlarmName']}": read_alarm(a) for a in answer["MetricAlarms"]}


def _or_none(ask: Callable[[], _Answer]) -> _Answer | None:
    try:
        return ask()
    except ClientError as error:
        if code_of(error) in _MISSING:
            return None
        raise


def _flag(value: object) -> str:
    return "true" if value is True else "false"


def _has_topic(arns: Iterable[str]) -> bool:
    return any(_TOPIC in arn for arn in arns)


def _under(prefix: str, values: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix} {name}": value for name, value in values.items()}
