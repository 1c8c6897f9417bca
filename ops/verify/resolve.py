"""Resolves a template's functions and conditions with the values of one stack; no I/O of its own.

All functions that need no transform: Ref, Condition, Fn::And, Fn::Base64, Fn::Equals,
Fn::FindInMap, Fn::GetAtt, Fn::If, Fn::Join, Fn::Not, Fn::Or, Fn::Select, Fn::Split, Fn::Sub.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ops.verify.template import Template, Value

_NO_VALUE = object()
_VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")


class UnresolvedError(Exception):
    """A function that cannot be resolved here; the message names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolver:
    """The values of one stack.

    `pseudo`: AWS::Region and the like; `ids`: what Ref of a resource gives, its physical id;
    `attribute`: what Fn::GetAtt gives, by logical id and name.
    """

    template: Template
    parameters: Mapping[str, str]
    pseudo: Mapping[str, str]
    ids: Mapping[str, str]
    attribute: Callable[[str, str], str]

    def exists(self, resource: Mapping[str, Value]) -> bool:
        """Whether a resource exists under its condition."""
        condition = resource.get("Condition")
        return condition is None or self._holds({"Condition": condition})

    def value(self, node: Value) -> Value:
        """Return a part of the template with its functions resolved.

        Raises:
            UnresolvedError: a function is unknown, or refers to what is not there.

        """
        found = self._value(node)
        return None if found is _NO_VALUE else found

    def _value(self, node: Value) -> Value:
        if isinstance(node, list):
            return [item for item in map(self._value, node) if item is not _NO_VALUE]
        if not isinstance(node, Mapping):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return self._function(name, argument)
        resolved = {key: self._value(item) for key, item in node.items()}
        return {key: item for key, item in resolved.items() if item is not _NO_VALUE}

    def _function(self, name: str, argument: Value) -> Value:
        functions: dict[str, Callable[[Value], Value]] = {
            "Fn::If": self._if,
            "Fn::Sub": self._sub,
            "Fn::GetAtt": self._get_att,
            "Fn::Join": lambda a: str(a[0]).join(map(_text, self._value(a[1]))),
            "Fn::Split": lambda a: _text(self._value(a[1])).split(a[0]),
            "Fn::Select": lambda a: self._value(a[1])[int(self._value(a[0]))],
            "Fn::Base64": lambda a: base64.b64encode(_text(self._value(a)).encode()).decode(),
            "Fn::FindInMap": self._find_in_map,
        }
        if name not in functions:
            raise UnresolvedError(f"{name} is not known here")
        try:
            return functions[name](argument)
        except (LookupError, TypeError, ValueError) as error:
            raise UnresolvedError(f"{name} of {argument}: {error}") from error

    def _ref(self, name: str) -> Value:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.template.parameters:
            return self._parameter(name)
        if name in self.ids:
            return self.ids[name]
        raise UnresolvedError(f"Ref {name}: the stack has no such resource")

    def _parameter(self, name: str) -> Value:
        declared = self.template.parameters[name]
        value = self.parameters.get(name)
        if value is None:
            value = declared.get("Default")
        if value is None:
            raise UnresolvedError(f"Ref {name}: the stack has no value for it")
        kind = str(declared.get("Type", ""))
        if kind == "CommaDelimitedList" or kind.startswith("List<"):
            return [item.strip() for item in str(value).split(",")]
        return value

    def _if(self, argument: Value) -> Value:
        condition, yes, no = argument
        return self._value(yes if self._holds({"Condition": condition}) else no)

    def _sub(self, argument: Value) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        values = {name: self._value(item) for name, item in own.items()}

        def fill(match: re.Match[str]) -> str:
            is_literal, name = match.groups()
            if is_literal:
                return f"${{{name}}}"
            name = name.strip()
            if name in values:
                return _text(values[name])
            resource, dot, attribute = name.partition(".")
            return _text(self._get_att([resource, attribute]) if dot else self._ref(name))

        return _VARIABLE.sub(fill, text)

    def _get_att(self, argument: Value) -> str:
        resource, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
        if resource not in self.ids:
            raise UnresolvedError(f"Fn::GetAtt {resource}: the stack has no such resource")
        return self.attribute(resource, attribute)

    def _find_in_map(self, argument: Value) -> Value:
        name, first, second = (self._value(item) for item in argument)
        return self.template.mappings[name][first][second]

    def _holds(self, node: Value) -> bool:
        ((name, argument),) = node.items()
        if name == "Condition":
            if argument not in self.template.conditions:
                raise UnresolvedError(f"there is no condition {argument}")
            return self._holds(self.template.conditions[argument])
        if name == "Fn::Equals":
            one, other = map(self._value, argument)
            return _text(one) == _text(other)
        if name == "Fn::Not":
            return not self._holds(argument[0])
        if name == "Fn::And":
            return all(map(self._holds, argument))
        if name == "Fn::Or":
            return any(map(self._holds, argument))
        raise UnresolvedError(f"{name} is not known as a condition")


def _text(value: Value) -> str:
    """Return a scalar as CloudFormation writes it into a text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise UnresolvedError(f"text is expected, not {value!r}")
