"""Reads a message of the former queue: which job it asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.batch.request import Submission, check
from ops.errors import UsageError
from ops.options import LOCATIONS, submitted_options
from worker.config.job import Job
from worker.config.sources import join_sources

# What the former worker's messages have.
FIELDS = ("job_id", "tenant_id", "tenant_code", "video_id", "file_key")
_FIELD = re.compile(r"\{([^{}]*)\}")
# Of a value that becomes part of a key: no other object than the one that is meant.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f?#*{}]|(^|/)\.{1,2}(/|$)|^/|//")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapped:
    """Where a message of the former worker has its source, and where its video goes.

    Both are templates: `s3://uploads/{file_key}`, `s3://videos/{tenant_id}/{video_id}`.
    """

    source: str
    destination: str

    def __post_init__(self) -> None:
        for option, template in (
            ("--source-template", self.source),
            ("--destination-template", self.destination),
        ):
            names = _FIELD.findall(template)
            if not names or (unknown := sorted(set(names) - set(FIELDS))):
                wrong = f"no such field: {', '.join(unknown)}" if names else "it names no field"
                known = ", ".join(f"{{{name}}}" for name in FIELDS)
                raise UsageError(f"{option} {template}: {wrong}; there are {known}")

    def locations(self, fields: Mapping[str, Any]) -> tuple[str, str]:
        """Return source and destination of a message.

        Raises:
            ValueError: a field is missing, or is no part of a key.

        """
        return _filled(self.source, fields), _filled(self.destination, fields)


def read_message(body: str, mapped: Mapped | None = None) -> Submission:
    """Read a message's body.

    It is a JSON object with `source` and `destination`, and beside them the worker's options by
    their Batch parameters' names; or one of the former worker's, which `mapped` makes these of; or
    such an object inside an SNS notification. Other fields are ignored: the former worker had its
    own. An S3 event names no destination, so it is no job.

    Raises:
        ValueError: no job can be made of it; the error gives the reason.

    """
    fields = _object(body)
    if fields.get("Type") == "Notification" and isinstance(fields.get("Message"), str):
        fields = _object(fields["Message"])
    if "Records" in fields:
        raise ValueError("an event of S3 or SNS: it names no destination")
    source, destination = _locations(fields, mapped)
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


def _locations(fields: Mapping[str, Any], mapped: Mapped | None) -> tuple[str, str]:
    given = {name: _location(fields.get(name)) for name in LOCATIONS}
    if mapped is not None and not any(given.values()):
        return mapped.locations(fields)
    missing = [name for name, value in given.items() if not isinstance(value, str) or not value]
    if missing and "file_key" in fields and mapped is None:
        raise ValueError("of the former worker: give --source-template and --destination-template")
    if missing:
        raise ValueError(f"no {' and no '.join(missing)}")
    source, destination = given.values()
    return str(source), str(destination)


def _location(value: object) -> object:
    """Return a location as it stands, and parts of a lecture as one text."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return join_sources(value)
    return value


def _filled(template: str, fields: Mapping[str, Any]) -> str:
    def fill(match: re.Match[str]) -> str:
        value = fields.get(match[1])
        text = "" if isinstance(value, (bool, dict, list)) or value is None else str(value)
        if not text:
            raise ValueError(f"no {match[1]}")
        if _UNSAFE.search(text):
            raise ValueError(f"{match[1]} {text!r} cannot be a part of a key")
        return text

    return _FIELD.sub(fill, template)


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
