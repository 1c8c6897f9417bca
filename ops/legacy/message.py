"""Reads a message of the former queue: which job it asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.batch.request import check
from ops.errors import UsageError
from ops.names import PARAMETERS, VARIABLES, parameter_name

_FIELDS = {parameter_name(field): field for field in (*PARAMETERS, *VARIABLES)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A job that a message asks for; options by the names of `Job`'s fields."""

    source: str
    destination: str
    options: Mapping[str, str]


def read_message(body: str) -> Request:
    """Read a message's body.

    It is a JSON object with `source` and `destination`, and beside them the worker's options by
    their Batch parameters' names; or such an object inside an SNS notification. Other fields are
    ignored: the former worker had its own. An S3 event names no destination, so it is no job.

    Raises:
        ValueError: no job can be made of it; the message says why and shows no secret.

    """
    fields = _object(body)
    if fields.get("Type") == "Notification" and isinstance(fields.get("Message"), str):
        fields = _object(fields["Message"])
    if "Records" in fields:
        raise ValueError("an event of S3 or SNS: it names no destination")
    places = {name: fields.get(name) for name in ("source", "destination")}
    missing = [name for name, value in places.items() if not isinstance(value, str) or not value]
    if missing:
        raise ValueError(f"no {' and no '.join(missing)}")
    options = {
        field: _text(fields[name])
        for name, field in _FIELDS.items()
        if name in fields and name not in places
    }
    source, destination = str(places["source"]), str(places["destination"])
    try:
        check(source, destination, options)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return Request(source=source, destination=destination, options=options)


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("JSON, but no object")  # noqa: TRY004 (of a message, not of a call)
    return value
