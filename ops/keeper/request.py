"""The resubmission of a job: what its own submission gave, on the newest revision. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ops.batch.request import name_for
from ops.keeper.attempt import ATTEMPT_TAG, CAUSES_TAG, FAILED_JOB_TAG, KEEPER_TAGS
from ops.keeper.decide import Resubmission
from worker.config.job import Job
from worker.config.option import GivenBy, options_of

if TYPE_CHECKING:
    from mypy_boto3_batch.literals import ResourceTypeType
    from mypy_boto3_batch.type_defs import (
        ContainerOverridesTypeDef,
        JobDefinitionTypeDef,
        JobDetailTypeDef,
        SubmitJobRequestTypeDef,
    )

# Batch sets these itself, and takes no other value for them.
_OF_BATCH = "AWS_BATCH_"
_OF_AWS = "aws:"
_SECRETS = frozenset(o.variable for o in options_of(Job) if o.given_by is GivenBy.SECRETS)


def build_resubmission(
    decision: Resubmission, definition: JobDefinitionTypeDef | None
) -> SubmitJobRequestTypeDef:
    """Build SubmitJob's arguments.

    `definition`: the revision that the failed job ran with. What differs from it is what the
    submission gave, and is given again; all else is as the newest revision has it, so that a
    corrected image or setting counts. Secrets are the definition's, and never copied.
    """
    job, detail = decision.attempt.job, decision.attempt.detail
    parameters = definition.get("parameters", {}) if definition else {}
    container = definition.get("containerProperties", {}) if definition else {}
    request: SubmitJobRequestTypeDef = {
        "jobName": name_for(str(job.destination)),
        "jobQueue": job.queue,
        "jobDefinition": job.definition.partition(":")[0],
        "parameters": _changed(job.parameters, parameters),
        "tags": _tags(detail.get("tags", {}), decision),
    }
    if overrides := _overrides(decision, container):
        request["containerOverrides"] = overrides
    if job.array_size is not None:
        # As one: the machines that are left make what the lost ones had, and each finds its share.
        request["arrayProperties"] = {"size": job.array_size}
    if job.time_limit_s and job.time_limit_s != _time_limit_s(definition):
        request["timeout"] = {"attemptDurationSeconds": job.time_limit_s}
    return _with_scheduling(request, detail)


def _with_scheduling(
    request: SubmitJobRequestTypeDef, detail: JobDetailTypeDef
) -> SubmitJobRequestTypeDef:
    if share := detail.get("shareIdentifier"):
        request["shareIdentifier"] = share
    if priority := detail.get("schedulingPriority"):
        request["schedulingPriorityOverride"] = priority
    if detail.get("propagateTags"):
        request["propagateTags"] = True
    return request


def _overrides(
    decision: Resubmission, container: Mapping[str, object]
) -> ContainerOverridesTypeDef:
    overrides: ContainerOverridesTypeDef = {}
    job = decision.attempt.job
    given = _changed(job.environment, _pairs(container.get("environment"), "name"))
    variables = {
        name: value
        for name, value in given.items()
        if not name.startswith(_OF_BATCH) and name not in _SECRETS
    }
    if variables:
        overrides["environment"] = [{"name": n, "value": v} for n, v in variables.items()]
    needs = _changed(_needs(decision), _pairs(container.get("resourceRequirements"), "type"))
    if decision.memory_mib:
        needs["MEMORY"] = str(decision.memory_mib)
    if needs:
        overrides["resourceRequirements"] = [
            {"type": kind, "value": needs[kind]} for kind in _KINDS if kind in needs
        ]
    return overrides


_KINDS: tuple[ResourceTypeType, ...] = ("VCPU", "MEMORY", "GPU")


def _needs(decision: Resubmission) -> Mapping[str, str]:
    container = decision.attempt.detail.get("container", {})
    return _pairs(container.get("resourceRequirements"), "type")


def _time_limit_s(definition: JobDefinitionTypeDef | None) -> int | None:
    return definition.get("timeout", {}).get("attemptDurationSeconds") if definition else None


def _changed(given: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if defaults.get(name) != value}


def _pairs(listed: object, key: str) -> dict[str, str]:
    """Read a list of Batch's, such as [{"name": …, "value": …}], as a mapping."""
    items = listed if isinstance(listed, Iterable) else ()
    return {item[key]: str(item.get("value", "")) for item in items}


def _tags(tags: Mapping[str, str], decision: Resubmission) -> dict[str, str]:
    own = {n: v for n, v in tags.items() if n not in KEEPER_TAGS and not n.startswith(_OF_AWS)}
    causes = (*decision.attempt.causes, decision.rule.cause)
    return {
        **own,
        ATTEMPT_TAG: str(decision.number),
        CAUSES_TAG: " ".join(causes),
        FAILED_JOB_TAG: decision.attempt.job.id,
    }
