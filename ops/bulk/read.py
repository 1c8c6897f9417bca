"""Reads what is to be submitted: a CSV file, JSON lines, or the uploads below a prefix."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ops.errors import UsageError
from worker.config.location import S3Location
from worker.config.option import join_values
from worker.config.sources import SOURCE, join_sources

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Beyond it a list is a mistake, or better split: all of it is held in memory.
MAX_ROWS = 100_000
VIDEO_PATTERNS = (
    *("*.mp4", "*.m4v", "*.mov", "*.mkv", "*.webm", "*.avi", "*.wmv", "*.flv", "*.mpg", "*.mpeg"),
    *("*.ts", "*.m2ts", "*.mts", "*.3gp"),
)
_TAGS = "tags"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A row as it was written: texts by column. `fault` where it could not be read."""

    line: int
    values: Mapping[str, str]
    fault: str = ""


def read_list(path: Path) -> list[Entry]:
    """Read a list; a row that cannot be read is an entry with a fault.

    Raises:
        UsageError: the file cannot be read, is not UTF-8, or has no rows or too many.

    """
    readers = {".csv": _read_csv, ".jsonl": _read_json_lines, ".ndjson": _read_json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"--list {path}: its name ends with .csv or .jsonl, which says its form")
    try:
        # Spreadsheets write a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _bounded(reader(file), str(path))
    except OSError as error:
        raise UsageError(f"--list {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"--list {path} is not UTF-8 (byte {error.start}); save it as `CSV UTF-8`"
        ) from error
    except csv.Error as error:
        raise UsageError(f"--list {path} is no CSV: {error}") from error


def read_prefix(client: S3Client, prefix: S3Location, patterns: Sequence[str]) -> list[Entry]:
    """List the uploads below a prefix whose names match; numbered in the order of their keys.

    Raises:
        UsageError: there are none, or too many.

    """
    start = f"{prefix.key}/" if prefix.key else ""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=start)
    keys = (
        item["Key"]
        for page in pages
        for item in page.get("Contents", ())
        # Consoles make folders as empty objects whose keys end with a slash.
        if not item["Key"].endswith("/")
        and any(fnmatchcase(item["Key"].lower(), pattern.lower()) for pattern in patterns)
    )
    entries = (
        Entry(
            line=number,
            values={
                "source": f"s3://{prefix.bucket}/{key}",
                # For `{path}` in the template of destinations.
                "path": str(PurePosixPath(key.removeprefix(start)).with_suffix("")),
            },
        )
        for number, key in enumerate(keys, start=1)
    )
    return _bounded(entries, f"--prefix {prefix} (names like {' '.join(patterns)})")


def _bounded(entries: Iterable[Entry], name: str) -> list[Entry]:
    taken: list[Entry] = []
    for entry in entries:
        taken.append(entry)
        if len(taken) > MAX_ROWS:
            raise UsageError(f"{name} holds more than {MAX_ROWS} rows; split it")
    if not taken:
        raise UsageError(f"{name} holds nothing to submit")
    return taken


def _read_csv(file: Iterable[str]) -> Iterator[Entry]:
    rows = csv.reader(file, strict=True)
    heading = next(rows, None)
    if heading is None:
        return
    columns = [_column(name) for name in heading]
    if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
        raise UsageError(f"the heading of the list names {', '.join(twice)} more than once")
    before = rows.line_num
    for cells in rows:
        # A cell may hold line breaks: a row is named by its first line.
        line, before = before + 1, rows.line_num
        if not any(cell.strip() for cell in cells):
            continue
        fault = ""
        if len(cells) > len(columns):
            fault = f"has {len(cells)} cells; the heading names {len(columns)}"
        pairs = zip(columns, (cell.strip() for cell in cells), strict=False)
        yield Entry(line=line, values={name: v for name, v in pairs if name and v}, fault=fault)


def _read_json_lines(file: Iterable[str]) -> Iterator[Entry]:
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            yield Entry(line=line, values={}, fault=f"is not JSON: {error}")
            continue
        if not isinstance(row, dict):
            yield Entry(line=line, values={}, fault="is no JSON object")
            continue
        try:
            yield Entry(line=line, values=dict(_texts(row)))
        except ValueError as error:
            yield Entry(line=line, values={}, fault=str(error))


def _texts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in row.items():
        if name == _TAGS and isinstance(value, dict):
            yield from ((f"tag.{key}", _text(f"{_TAGS}.{key}", v)) for key, v in value.items())
        elif value is not None and (text := _text(name, value)):
            yield _column(name), text


def _text(name: str, value: object) -> str:
    """Return a value as a person writes it on a command line.

    Raises:
        ValueError: it has no such form.

    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value).strip()
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return join_sources(value) if _column(name) == SOURCE else join_values(value)
    raise ValueError(f"{name}: write a text, a number, true or false, or a list of texts")


def _column(name: str) -> str:
    """Return the name of a column as options are named: `Time-Limit` → `time_limit`."""
    name = name.strip()
    if name.lower().startswith("tag."):
        return "tag." + name[len("tag.") :]
    return name.lower().removeprefix("--").replace("-", "_")
