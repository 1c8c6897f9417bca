"""Puts expected and found properties side by side: a line for each, extra ones too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from ops.verify.normal import canonical, is_empty
from ops.verify.template import Value

_NOTHING = "nothing"
_ORDERED = frozenset({"Command", "EntryPoint", "EvaluateOnExit"})
# What names the items of a list: the first that all items have, each another.
_KEYS = ("Name", "PolicyName", "Id", "DeviceName", "Type", "Order", "Key", "ShareIdentifier")
_BRACKETS = re.compile(r"\[[^]]*\]")
# Someone may have put a secret here by hand.
_HIDDEN = "ContainerProperties.Environment"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One value of the deployed system beside the expected one."""

    name: str
    expected: str
    found: str

    @property
    def is_drift(self) -> bool:
        """Whether they differ."""
        return self.found != self.expected

    def __str__(self) -> str:
        if self.is_drift:
            return f"DRIFT {self.name}: expected {self.expected}, found {self.found}"
        return f"ok    {self.name}: {self.expected}"


def compare(
    expected: Value, found: Value, *, defaults: Mapping[str, str], path: str = ""
) -> Iterator[Comparison]:
    """Compare two values in the form of `ops.verify.normal`.

    `defaults`: what AWS answers for properties that are not given, by path; `false` for others.
    """
    default = defaults.get(_BRACKETS.sub("", path), "false")
    if _is_default(expected, found, default):
        return
    last = path.rpartition(".")[2].partition("[")[0]
    if isinstance(expected, Mapping) or isinstance(found, Mapping):
        if _are(Mapping, expected, found):
            ours, theirs = expected or {}, found or {}
            for key in sorted({*ours, *theirs}):
                inner = f"{path}.{key}" if path else str(key)
                yield from compare(ours.get(key), theirs.get(key), defaults=defaults, path=inner)
            return
    elif _are(list, expected, found) and not (expected is None and found is None):
        yield from _lists(expected or [], found or [], defaults, path, is_ordered=last in _ORDERED)
        return
    yield Comparison(name=path, expected=_shown(expected), found=_found(found, expected, path))


def _lists(
    expected: Sequence[Value],
    found: Sequence[Value],
    defaults: Mapping[str, str],
    path: str,
    *,
    is_ordered: bool,
) -> Iterator[Comparison]:
    items = [*expected, *found]
    if is_ordered or not any(isinstance(item, Mapping) for item in items):
        ours, theirs = (
            _shown(list(each) if is_ordered else sorted(each, key=canonical))
            for each in (expected, found)
        )
        yield Comparison(name=path, expected=ours, found=theirs)
    elif key := next((k for k in _KEYS if _names(k, expected) and _names(k, found)), None):
        ours_by, theirs_by = ({str(item[key]): item for item in each} for each in (expected, found))
        for name in sorted({*ours_by, *theirs_by}):
            one, other = ours_by.get(name), theirs_by.get(name)
            inner = f"{path}[{name}]"
            if one is None or other is None:
                yield Comparison(name=inner, expected=_shown(one), found=_found(other, one, inner))
            else:
                yield from compare(one, other, defaults=defaults, path=inner)
    else:
        yield from _unnamed(expected, found, path)


def _unnamed(expected: Sequence[Value], found: Sequence[Value], path: str) -> Iterator[Comparison]:
    """Compare objects without a name, such as a policy's statements: which are on one side only."""
    ours, theirs = (Counter(map(canonical, each)) for each in (expected, found))
    for text in sorted((ours & theirs).elements()):
        yield Comparison(name=path, expected=text, found=text)
    rest = zip_longest(sorted((ours - theirs).elements()), sorted((theirs - ours).elements()))
    for one, other in rest:
        yield Comparison(name=path, expected=one or _NOTHING, found=other or _NOTHING)


def _is_default(expected: Value, found: Value, default: str) -> bool:
    """Whether both are without a value, or one is and the other has what AWS takes without one."""
    if not is_empty(expected) and not is_empty(found):
        return False
    return _shown(expected if is_empty(found) else found) in {_NOTHING, default}


def _names(key: str, items: Sequence[Value]) -> bool:
    names = [item.get(key) if isinstance(item, Mapping) else None for item in items]
    return all(isinstance(name, str) for name in names) and len({*names}) == len(names)


def _are(kind: type, *values: Value) -> bool:
    return all(value is None or isinstance(value, kind) for value in values)


def _shown(value: Value) -> str:
    if is_empty(value):
        return _NOTHING
    return value if isinstance(value, str) else canonical(value)


def _found(value: Value, expected: Value, path: str) -> str:
    if path.startswith(_HIDDEN) and is_empty(expected) and not is_empty(value):
        return "a value (not shown: it may be a secret)"
    return _shown(value)
