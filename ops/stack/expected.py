"""What the deployed system should be: the template, with the stack's parameters filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ops import names
from ops.options import container_command, definition_parameters
from worker.config.job import Job
from worker.config.option import variable_name

# Graviton: a letter or two, the generation, `g` (c6g, m7gd, x2gd); a1 is the first one.
_ARM64 = re.compile(r"^([a-z]+\d+g[a-z]*|a1)(\..+)?$")
_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


def expect(parameters: Mapping[str, str], job: type[Job] = Job) -> dict[str, str]:
    """Return the expected value of everything that scripts/verify compares, by its name."""
    environment = f"compute environment {names.environment_of(parameters)}"
    queue = f"queue {names.queue_of(parameters)}"
    definition = f"job definition {names.JOB_DEFINITION}"
    return {
        **_under(environment, _environment(parameters)),
        **_under(
            queue,
            {
                "state": "ENABLED",
                "status": "VALID",
                "compute environments": ", ".join(names.environments_of(parameters)),
            },
        ),
        **_under(definition, _job_definition(parameters, job)),
        f"log group {names.LOG_GROUP} retention": f"{parameters['RetentionDays']} days",
        f"repository {names.REPOSITORY} tags": "IMMUTABLE",
        f"repository {names.REPOSITORY} scan on push": "true",
        **_rule(names.FAILED_RULE, "Batch Job State Change", parameters),
        **_rule(names.BLOCKED_RULE, "Batch Job Queue Blocked", parameters),
        **_events(parameters),
        f"metric filter {names.NEAR_DEADLINE_FILTER}": near_deadline_pattern(parameters),
        **_alarm(names.FAILED_ALARM, "AWS/Events MatchedEvents", parameters["FailedJobsThreshold"]),
        **_alarm(names.NEAR_DEADLINE_ALARM, f"{names.PREFIX}-worker JobsNearDeadline", "1"),
        **_alarm(names.BLOCKED_ALARM, "AWS/Events MatchedEvents", "1"),
    }


def near_deadline_pattern(parameters: Mapping[str, str]) -> str:
    """Return the pattern of the last log lines of jobs that ended near their deadline or at it."""
    return (
        '{ $.event = "job_finished" &&'
        f" ($.elapsed_s > {parameters['WallWarningSeconds']} || $.exit_status = 124) }}"
    )


def words(text: str) -> str:
    """Return the items of a list parameter in one order: `c7g,c6g` → `c6g, c7g`."""
    return ", ".join(sorted(_WORDS.findall(text)))


def architecture(instance_types: list[str]) -> str:
    """Return `arm64` where all types are Graviton's, or else which are not."""
    others = [name for name in instance_types if not _ARM64.match(name)]
    return f"not arm64: {', '.join(others)}" if others or not instance_types else "arm64"


def _environment(parameters: Mapping[str, str]) -> dict[str, str]:
    return {
        "state": "ENABLED",
        "status": "VALID",
        "type": "MANAGED EC2",
        "architecture": "arm64",
        "instance types": words(parameters["InstanceTypes"]),
        "image type": "ECS_AL2023",
        "service role": names.SERVICE_ROLE,
        "vCPUs": f"0 to {parameters['MaxVcpus']}",
        "allocation": "BEST_FIT_PROGRESSIVE",
        "subnets": words(parameters["SubnetIds"]),
        "security groups": words(parameters["SecurityGroupIds"]),
    }


def _job_definition(parameters: Mapping[str, str], job: type[Job]) -> dict[str, str]:
    # The worker plans for the deadline at which Batch kills it, for example.
    given = {o: parameters[n] for o, n in names.DEFAULT_PARAMETERS.items() if n in parameters}
    defaults = {**definition_parameters(job), **given}
    return {
        "image": parameters["ImageUri"],
        "attempts": str(names.ATTEMPTS),
        "time limit": f"{parameters['TimeLimitSeconds']} s",
        "command": " ".join(container_command(job)),
        **{f"parameter {name}": value for name, value in defaults.items()},
        "vCPUs": parameters["JobVcpus"],
        "memory": f"{parameters['JobMemoryMiB']} MiB",
        "log driver": "awslogs",
        "log group of the container": names.LOG_GROUP,
        "log group of the worker": names.LOG_GROUP,
        **{
            f"variable {variable_name(field)}": parameters.get(name, "")
            for field, name in names.OPTION_PARAMETERS.items()
        },
        "secrets": ", ".join(sorted(_secrets(parameters))) or "none",
        "init": "true",
        "read-only root": "true",
    }


def _secrets(parameters: Mapping[str, str]) -> Iterator[str]:
    """Yield each secret of the job definition, and where ECS finds it."""
    for field, (name, key) in names.SECRET_PARAMETERS.items():
        if arn := parameters.get(name, ""):
            yield f"{variable_name(field)} {arn}:{key}::"


def _events(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return what calls the backend for failed jobs, where a URL for that is given."""
    url = parameters.get("EventsUrl", "")
    if not url:
        return {}
    return {
        **_rule(
            names.EVENTS,
            "Batch Job State Change",
            parameters,
            target="an API destination, with a dead-letter queue",
        ),
        f"API destination {names.EVENTS}": f"POST {url}, ACTIVE",
    }


def _rule(
    name: str, event: str, parameters: Mapping[str, str], *, target: str = "an SNS topic"
) -> dict[str, str]:
    return {
        f"rule {name} state": "ENABLED",
        f"rule {name} event": f"{event} of {names.queue_of(parameters)}",
        f"rule {name} target": target,
    }


def _alarm(name: str, metric: str, threshold: str) -> dict[str, str]:
    return {f"alarm {name}": f"{metric} >= {float(threshold):g}, sent to an SNS topic"}


def _under(prefix: str, values: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix} {name}": value for name, value in values.items()}
