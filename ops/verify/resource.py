"""A resource of the stack, with the properties that it should have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ops.verify.template import Value


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource that exists under its condition; `id` is its physical one."""

    name: str
    type: str
    id: str
    properties: Mapping[str, Value]

    @cached_property
    def short_id(self) -> str:
        """The last part of its id: of an ARN what comes after the last slash or colon, or both."""
        last = self.id.rpartition("/")[2]
        return last.rpartition(":")[2] if last.startswith("arn:") else last

    def __str__(self) -> str:
        same = self.short_id == self.name
        return self.name if same else f"{self.name} ({self.short_id})"
