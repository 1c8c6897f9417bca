"""An answer of AWS in CloudFormation's spelling: `jobRoleArn` → `JobRoleArn`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.model import ListShape, MapShape, Shape, StructureShape

from ops.verify.template import Value

if TYPE_CHECKING:
    from botocore.client import BaseClient


def spelled(client: BaseClient, name: str, value: Mapping[str, Value]) -> dict[str, Value]:
    """Return a structure with its fields' names as the template has them.

    `name` is the structure's in the service's model, which says what is a field, and what is a key
    that a person chose: a job's parameter, an option of a log driver.
    """
    return dict(_convert(client.meta.service_model.shape_for(name), value))


def _convert(shape: Shape, value: Value) -> Value:
    if isinstance(shape, StructureShape):
        return {
            key[:1].upper() + key[1:]: _convert(shape.members[key], item)
            for key, item in value.items()
            if key in shape.members
        }
    if isinstance(shape, ListShape):
        return [_convert(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _convert(shape.value, item) for key, item in value.items()}
    return value
