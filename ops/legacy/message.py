"""Reads a message of the former queue: which job it asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ops.batch.request import Submission, check
from ops.errors import UsageError
from ops.options import LOCATIONS, submitted_options
from worker.config.job import Job


def read_message(body: str) -> Submission:
    """Read a message's body.

    It is a JSON object with `source` and `destination`, and beside them the worker's options by
    their Batch parameters' names; or such an object inside an SNS notification. Other fields are
    ignored: the former worker had its own. An S3 event names no destination, so it is no job.

    Raises:
        ValueError: no job can be made of it; the error gives the reason.

    """
    fields = _object(body)
    if fields.get("Type") == "Notification" and isinstance(fields.get("Message"), str):
        fields = _object(fields["Message"])
    if "Records" in fields:
        raise ValueError("an event of S3 or SNS: it names no destination")
    source, destination = _locations(fields)
    submission = Submission(source=source, destination=destination, options=read_options(fields))
    try:
        check(submission)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return submission


def read_options(fields: Mapping[str, Any], job: type[Job] = Job) -> dict[str, str]:
    """Return the options among a message's fields, by the names of `job`'s fields."""
    return {
        option.field: _text(fields[option.parameter], "\n" if option.is_repeatable else ",")
        for option in submitted_options(job)
        if option.parameter in fields
    }


def _locations(fields: Mapping[str, Any]) -> tuple[str, str]:
    source, destination = (fields.get(name) for name in LOCATIONS)
    given = dict(zip(LOCATIONS, (source, destination), strict=True))
    missing = [name for name, value in given.items() if not isinstance(value, str) or not value]
    if missing:
        raise ValueError(f"no {' and no '.join(missing)}")
    return str(source), str(destination)


def _text(value: object, separator: str) -> str:
    return separator.join(map(str, value)) if isinstance(value, list) else str(value)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("JSON, but no object")  # noqa: TRY004 (of a message, not of a call)
    return value
