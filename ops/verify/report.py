"""Verifies resources one by one: what one answer hides, hides nothing of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from botocore.exceptions import ClientError

from ops.aws import AWS_ERRORS, Aws, code_of, explain
from ops.errors import OpsError
from ops.verify.compare import Comparison, compare
from ops.verify.expected import Unresolved
from ops.verify.normal import normal
from ops.verify.readers import alarms, batch, events, iam, instances, messages, storage
from ops.verify.readers.registry import KINDS, Kind, Part, Properties
from ops.verify.resource import Resource
from ops.verify.template import Value

# Each adds its kinds to the registry.
READERS = (alarms, batch, events, iam, instances, messages, storage)

MISSING = frozenset(
    {
        *("AWS.SimpleQueueService.NonExistentQueue", "DashboardNotFoundError", "NoSuchEntity"),
        *("InvalidLaunchTemplateId.NotFound", "LifecyclePolicyNotFoundException", "NotFound"),
        *("NotFoundException", "QueueDoesNotExist", "RepositoryNotFoundException"),
        *("RepositoryPolicyNotFoundException", "ResourceNotFound", "ResourceNotFoundException"),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """What could not be found out, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"UNKNOWN {self.name}: {self.reason}"


Line: TypeAlias = Comparison | Unknown


def guarded(name: str, lines: Callable[[], Iterable[Line]]) -> list[Line]:
    """Return lines, or the one line that says why there are none."""
    try:
        return list(lines())
    except AWS_ERRORS as error:
        return [Unknown(name=name, reason=str(explain(error)))]
    except OpsError as error:
        return [Unknown(name=name, reason=str(error))]
    except Exception as error:  # noqa: BLE001 (an answer may lack anything)
        reason = f"AWS's answer cannot be read: {type(error).__name__}: {error}"
        return [Unknown(name=name, reason=reason)]


def verify(aws: Aws, resource: Resource | Unresolved) -> list[Line]:
    """Return a line for each property of a resource."""
    if isinstance(resource, Unresolved):
        if resource.is_missing:
            return [Comparison(name=resource.name, expected="a resource", found="nothing")]
        return [Unknown(name=resource.name, reason=resource.reason)]
    kind = KINDS.get(resource.type)
    if kind is None:
        reason = f"{resource.type} has no reader in ops/verify/readers"
        return [Unknown(name=resource.name, reason=reason)]
    lines: list[Line] = []
    for index, part in enumerate(kind.parts):
        name = " ".join([str(resource), ", ".join(part.properties)]).strip()
        found = guarded(name, lambda part=part: _lines(aws, resource, kind, part))  # type: ignore[misc]
        lines += found
        if index == 0 and found and found[0].name == str(resource) and _is_gone(found[0]):
            break
    return lines


def _is_gone(line: Line) -> bool:
    return isinstance(line, Comparison) and line.is_drift


def _lines(aws: Aws, resource: Resource, kind: Kind, part: Part) -> Iterator[Line]:
    found = _read(aws, resource, part)
    if found is None and not part.properties:
        yield Comparison(name=str(resource), expected="a resource", found="nothing")
        return
    wanted = _wanted(resource, kind, part)
    compared = compare(
        _without(normal(wanted), kind.unread),
        _without(normal(dict(found or {})), kind.unread),
        defaults=kind.defaults,
    )
    for each in compared:
        name = f"{resource} {each.name}"
        yield Comparison(name=name, expected=each.expected, found=each.found)


def _read(aws: Aws, resource: Resource, part: Part) -> Properties | None:
    try:
        return part.read(aws, resource)
    except ClientError as error:
        if code_of(error) in MISSING:
            return None
        raise


def _wanted(resource: Resource, kind: Kind, part: Part) -> dict[str, Value]:
    if part.properties:
        return {n: v for n, v in resource.properties.items() if n in part.properties}
    own = {n: v for n, v in resource.properties.items() if n not in kind.owned()}
    states = {
        name: state if isinstance(state, str) else state(resource)
        for name, state in kind.states.items()
    }
    return {**own, **states}


def _without(properties: Value, paths: Iterable[str]) -> dict[str, Value]:
    """Return properties without some of them; a path leads through objects."""
    found = dict(properties)
    for path in paths:
        first, _, rest = path.partition(".")
        if not rest:
            found.pop(first, None)
        elif isinstance(found.get(first), Mapping):
            found[first] = _without(found[first], [rest])
    return found
