"""A CloudFormation template as data, with the short forms of functions written out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

# A part of a template, of an answer of AWS, or of a policy: what JSON can express.
Value: TypeAlias = Any
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: a date such as 2012-10-17 is text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (as PyYAML declares it)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _write_out(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Value]:
    """`!Sub x` → `{"Fn::Sub": "x"}`; `!GetAtt A.B` → `{"Fn::GetAtt": ["A", "B"]}`."""
    value: Value
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise yaml.constructor.ConstructorError(None, None, f"!{name} of what?", node.start_mark)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _write_out)


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """The sections of a template that say what a stack is."""

    parameters: Mapping[str, Mapping[str, Value]]
    resources: Mapping[str, Mapping[str, Value]]
    conditions: Mapping[str, Value] = field(default_factory=dict)
    mappings: Mapping[str, Value] = field(default_factory=dict)


def parse_template(body: str | Mapping[str, Value]) -> Template:
    """Read a template's text, or the object that AWS gives for one in JSON.

    Raises:
        ValueError: it is no template.

    """
    try:
        # S506: the loader is derived from the safe one.
        sections = yaml.load(body, _Loader) if isinstance(body, str) else body  # noqa: S506
    except yaml.YAMLError as error:
        raise ValueError(f"no YAML: {error}") from error
    if not isinstance(sections, Mapping) or not isinstance(sections.get("Resources"), Mapping):
        raise ValueError("no template: it has no Resources")  # noqa: TRY004 (of its content)
    return Template(
        parameters=sections.get("Parameters") or {},
        resources=sections["Resources"],
        conditions=sections.get("Conditions") or {},
        mappings=sections.get("Mappings") or {},
    )
