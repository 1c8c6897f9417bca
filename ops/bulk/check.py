"""Checks all rows of a list before the first is submitted."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from ops.batch.request import (
    HIGHEST_PRIORITY,
    MEMORY_MIB,
    VCPUS,
    Submission,
    check,
    name_for,
    read_whole,
)
from ops.bulk.read import Entry
from ops.errors import UsageError
from ops.options import submitted_options
from worker.config.location import Location
from worker.config.option import join_values, split_values
from worker.config.sources import MAX_SOURCES, SOURCE, join_sources, show_sources, split_sources

_FIELDS = {option.parameter: option.field for option in submitted_options()}
_NUMBERS = {"vcpus": VCPUS, "memory": MEMORY_MIB, "priority": (0, HIGHEST_PRIORITY)}
# Of further parts of a lecture, in their order.
_PARTS = tuple(f"{SOURCE}.{number}" for number in range(2, MAX_SOURCES + 1))
_OWN = frozenset({SOURCE, *_PARTS, "destination", "path", "academy", *_NUMBERS})
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DIGEST_CHARS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """What holds for each row that does not say otherwise: the command line.

    `destination`: with `{stem}`, `{name}` and `{path}` of the source.
    """

    destination: str | None = None
    submission: Submission = field(default_factory=lambda: Submission(source="", destination=""))


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row that can be submitted. `digest` names all that it says: a changed row is another."""

    line: int
    submission: Submission
    sources: tuple[Location, ...]
    destination: Location
    name: str
    digest: str

    @property
    def source(self) -> str:
        """The parts of its upload, for people; without the queries of URLs."""
        return show_sources(self.sources)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Why a row cannot be submitted."""

    line: int
    message: str


def check_entries(entries: Sequence[Entry], defaults: Defaults) -> tuple[list[Row], list[Fault]]:
    """Return the rows that can be submitted, and the faults of the others."""
    rows: list[Row] = []
    faults: list[Fault] = []
    first: dict[str, int] = {}
    for entry in entries:
        try:
            row = _check(entry, defaults, first)
        except UsageError as error:
            faults.append(Fault(line=entry.line, message=str(error)))
        else:
            first[str(row.destination)] = entry.line
            rows.append(row)
    return rows, faults


def _check(entry: Entry, defaults: Defaults, first: Mapping[str, int]) -> Row:
    if entry.fault:
        raise UsageError(entry.fault)
    values = entry.values
    known = {*_OWN, *_FIELDS}
    if unknown := [n for n in values if n not in known and not n.startswith("tag.")]:
        raise UsageError(f"unknown columns: {', '.join(unknown)} (docs/job-parameters.md)")
    if SOURCE not in values:
        raise UsageError("source is missing")
    source = _sources(values)
    submission = replace(
        defaults.submission,
        source=source,
        destination=_destination(values, split_sources(source)[0], defaults.destination),
        options={**defaults.submission.options, **_options(values)},
    )
    numbers = {
        name: read_whole(name, values[name], least=least, most=most)
        for name, (least, most) in _NUMBERS.items()
        if name in values
    }
    submission = replace(
        submission,
        academy=values.get("academy", submission.academy),
        priority=numbers.get("priority", submission.priority),
        vcpus=numbers.get("vcpus", submission.vcpus),
        memory_mib=numbers.get("memory", submission.memory_mib),
    )
    job = check(submission)
    if line := first.get(str(job.destination)):
        raise UsageError(f"destination {job.destination} is that of line {line} too")
    return Row(
        line=entry.line,
        submission=submission,
        sources=job.sources,
        destination=job.destination,
        name=name_for(submission.destination),
        digest=digest_of(submission),
    )


def _sources(values: Mapping[str, str]) -> str:
    try:
        return join_sources(values.get(name, "") for name in (SOURCE, *_PARTS))
    except ValueError as error:
        raise UsageError(f"{SOURCE}: {error}") from error


def _options(values: Mapping[str, str]) -> dict[str, str]:
    options = {_FIELDS[name]: value for name, value in values.items() if name in _FIELDS}
    tags = [f"{n.removeprefix('tag.')}={v}" for n, v in values.items() if n.startswith("tag.")]
    if tags:
        given = split_values(options.get("tag", ""))
        options["tag"] = join_values([*(given if isinstance(given, list) else []), *tags])
    return options


def _destination(values: Mapping[str, str], source: str, template: str | None) -> str:
    if given := values.get("destination"):
        return given
    if template is None:
        raise UsageError("destination is missing; give one, or --destination 's3://bucket/{stem}'")
    path = _path_of(source)
    fillings = {
        "stem": path.stem,
        "name": path.name,
        "path": values.get("path") or str(path.with_suffix("")),
    }

    def fill(match: re.Match[str]) -> str:
        if match[1] not in fillings:
            raise UsageError(
                f"--destination: {match[0]} is not known; write {{stem}}, {{name}} or {{path}}"
            )
        return fillings[match[1]]

    return _PLACEHOLDER.sub(fill, template)


def _path_of(source: str) -> PurePosixPath:
    """Return the path of a source, without its bucket or host."""
    scheme, _, rest = source.partition("://")
    if scheme.lower() in {"http", "https"}:
        return PurePosixPath(unquote(urlsplit(source).path).strip("/"))
    return PurePosixPath(rest.partition("/")[2].strip("/"))


def digest_of(submission: Submission) -> str:
    """Name a row by all that is submitted, so that it is recognized after an interruption."""
    said = {
        "source": submission.source,
        "destination": submission.destination.rstrip("/"),
        "options": dict(submission.options),
        "academy": submission.academy,
        "priority": submission.priority,
        "vcpus": submission.vcpus,
        "memory": submission.memory_mib,
    }
    # What is not given is left out: a column that is added later leaves digests as they are.
    text = json.dumps({k: v for k, v in said.items() if v not in (None, {})}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]
