"""Which reader asks AWS for which properties of which type of resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ops.aws import Aws
from ops.verify.resource import Resource
from ops.verify.template import Value

Properties: TypeAlias = Mapping[str, Value]
# None where there is no such resource.
Read: TypeAlias = Callable[[Aws, Resource], Properties | None]
# What a healthy resource has beside its properties: its state, its newest revision.
State: TypeAlias = str | Callable[[Resource], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One reader: the properties that it answers for, none for all that no other part has."""

    read: Read
    properties: tuple[str, ...] = ()


@dataclass(kw_only=True, slots=True)
class Kind:
    """A type of resource.

    `defaults`: what AWS answers for properties that the template does not give, by path.
    `unread`: properties that AWS does not answer, or that a stack's owner may change.
    `states`: what is expected beside the properties, under names of lower case.
    """

    parts: list[Part] = field(default_factory=list)
    defaults: Mapping[str, str] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    states: Mapping[str, State] = field(default_factory=dict)

    def owned(self) -> frozenset[str]:
        """Return the properties that have a part of their own."""
        return frozenset(name for part in self.parts for name in part.properties)


KINDS: dict[str, Kind] = {}


def kind(
    name: str,
    *,
    defaults: Mapping[str, str] | None = None,
    unread: tuple[str, ...] = (),
    states: Mapping[str, State] | None = None,
) -> Callable[[Read], Read]:
    """Declare a type of resource; what is decorated reads its main properties."""

    def add(read: Read) -> Read:
        KINDS[name] = Kind(
            parts=[Part(read=read)],
            defaults=defaults or {},
            unread=frozenset(unread),
            states=states or {},
        )
        return read

    return add


def part(name: str, *properties: str) -> Callable[[Read], Read]:
    """Declare a reader of some properties, which another call of AWS answers."""

    def add(read: Read) -> Read:
        KINDS[name].parts.append(Part(read=read, properties=properties))
        return read

    return add


def pick(answer: Mapping[str, Value], *names: str) -> dict[str, Value]:
    """Return those of an answer's fields that are properties."""
    return {name: answer[name] for name in names if name in answer}
