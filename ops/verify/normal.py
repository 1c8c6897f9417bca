"""One form for what means the same: numbers as text, documents as data, no empty values."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from urllib.parse import unquote

from ops.verify.template import Value

# Properties that are JSON in a text, on one side at least.
_DOCUMENTS = frozenset(
    {
        "DashboardBody",
        "EventPattern",
        "FilterPolicy",
        "Input",
        "LifecyclePolicyText",
        "RepositoryPolicyText",
    }
)
_POLICIES = frozenset({"AssumeRolePolicyDocument", "PolicyDocument", "RepositoryPolicyText"})
# Of a statement, what may be one value or a list of them.
_LISTED = ("Action", "NotAction", "Resource", "NotResource")
_PRINCIPALS = ("Principal", "NotPrincipal")


def normal(value: Value, name: str = "") -> Value:
    """Return a property's value in that form; `name` is the property's."""
    if name in _DOCUMENTS | _POLICIES and isinstance(value, str):
        value = _parsed(value)
    if name in _POLICIES and isinstance(value, Mapping):
        return _policy(value)
    if name == "UserData" and isinstance(value, str):
        return _decoded(value).strip()
    if isinstance(value, Mapping):
        fields = {key: normal(item, key) for key, item in value.items()}
        return {key: item for key, item in fields.items() if not is_empty(item)}
    if isinstance(value, (list, tuple)):
        items = [item for item in map(normal, value) if not is_empty(item)]
        # Batch leaves out variables without a value.
        return [item for item in items if "Value" in item] if name == "Environment" else items
    return scalar(value)


def is_empty(value: Value) -> bool:
    """Whether a value is as good as none."""
    return value is None or value in ("", [], {})


def scalar(value: Value) -> Value:
    """`2`, `2.0` and `"2"` → `2` as text; `True` → `true`; text without blanks at its ends."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if value.is_integer() else str(value)
    return str(value).strip()


def canonical(value: Value) -> str:
    """Return JSON that is the same for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _parsed(text: str) -> Value:
    """Return a document; IAM's answers are percent-encoded. What is no JSON stays text."""
    for candidate in (text, unquote(text)):
        try:
            return json.loads(candidate)
        except ValueError:
            continue
    return text


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text


def _policy(document: Mapping[str, Value]) -> Value:
    statements = document.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    return {
        "Version": str(document.get("Version", "2008-10-17")),
        "Statement": [_statement(each) if isinstance(each, Mapping) else each for each in listed],
    }


def _statement(statement: Mapping[str, Value]) -> Value:
    found = {key: normal(item) for key, item in statement.items()}
    for key in _LISTED:
        if key in found:
            found[key] = _sorted(found[key])
    for key in _PRINCIPALS:
        principal = found.get(key)
        if principal == "*":
            # To IAM the same: anyone.
            principal = {"AWS": "*"}
        if isinstance(principal, Mapping):
            found[key] = {kind: _sorted(names) for kind, names in principal.items()}
    if isinstance(found.get("Condition"), Mapping):
        found["Condition"] = {
            operator: {key: _sorted(values) for key, values in tests.items()}
            for operator, tests in found["Condition"].items()
        }
    return found


def _sorted(value: Value) -> list[str]:
    return sorted(map(str, value)) if isinstance(value, list) else [str(value)]
