"""What of the upload is published: its files, joined in order, and a clip of them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import reduce
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from worker.config.location import HttpsLocation, Location, S3Location, parse_location
from worker.config.values import check_source

# The field of them.
SOURCE = "source"
MAX_SOURCES = 32
# Of the name of a part: it is the title of a chapter.
_MAX_NAME_CHARS, _NAMELESS = 100, "–"
# A list in one text. No s3:// or https:// location begins so: whoever names an upload cannot make
# several of it, and so cannot have another one joined to it.
_LIST = re.compile(r'\s*\[\s*"')
_UNITS = ("hours", "minutes", "seconds")
_SIXTIETHS = 60
_WHOLE, _SECONDS = re.compile(r"[0-9]{1,4}"), re.compile(r"[0-9]{1,7}(\.[0-9]{1,6})?")


def split_sources(text: str) -> list[str]:
    """Read one location, or a JSON list of several.

    Raises:
        ValueError: it begins as a list, and is none of texts.

    """
    if not _LIST.match(text):
        return [text]
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, list) or not all(isinstance(each, str) and each for each in values):
        raise ValueError('is no JSON list of locations; write ["s3://bucket/1.mp4", "s3://…"]')
    return values


def join_sources(values: Iterable[str]) -> str:
    """Write locations as one text, as the Batch parameter and the variable hold them.

    Empty values count as not given; each of the others may be a list itself. One is written as it
    stands.

    Raises:
        ValueError: as `split_sources` raises it.

    """
    texts = [text for value in values if value for text in split_sources(value)]
    if len(texts) <= 1:
        return "".join(texts)
    return json.dumps(texts, ensure_ascii=False)


def joined_identity(identities: Sequence[str]) -> str:
    """Name the content of parts that are joined in this order; of one part, its own name."""
    return identities[0] if len(identities) == 1 else json.dumps(list(identities))


def show_sources(sources: Iterable[Location]) -> str:
    """Write the parts of an upload for people, without the queries of URLs."""
    return " + ".join(map(str, sources))


def file_name(location: Location) -> str:
    """Return a file's own name, for messages: printable, and nothing secret in it."""
    if isinstance(location, S3Location):
        path = location.key
    elif isinstance(location, HttpsLocation):
        path = unquote(urlsplit(location.url).path)
    else:
        path = str(location.path)
    name = "".join(c if c.isprintable() else " " for c in PurePosixPath(path).name)
    return " ".join(name.split()) or _NAMELESS


def part_name(location: Location) -> str:
    """Name a part for its chapter: by its file's name without the ending."""
    return PurePosixPath(file_name(location)).stem[:_MAX_NAME_CHARS].rstrip() or _NAMELESS


def parse_moment(value: object) -> object:
    """Read `HH:MM:SS.mmm`, `MM:SS` or seconds, exactly.

    Raises:
        ValueError: with what to write instead.

    """
    if not isinstance(value, str):
        return value
    *whole, seconds = words = value.strip().split(":")
    is_clock = len(words) <= len(_UNITS) and all(map(_WHOLE.fullmatch, whole))
    # All but the first are sixtieths of the one before.
    if (
        not is_clock
        or not _SECONDS.fullmatch(seconds)
        or any(Fraction(word) >= _SIXTIETHS for word in words[1:])
    ):
        raise ValueError("write HH:MM:SS.mmm, MM:SS or seconds, such as 01:02:03.5 or 3723.5")
    return reduce(lambda total, word: _SIXTIETHS * total + Fraction(word), words, Fraction(0))


def _to_locations(value: object) -> object:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, Sequence):
        return value
    # A list may also be one of several values on the command line.
    texts = [text for each in given for text in _read(each)]
    if len(texts) > MAX_SOURCES:
        raise ValueError(f"there are {len(texts)}; {MAX_SOURCES} are joined at most")
    locations, faults = [], []
    for number, text in enumerate(texts, start=1):
        try:
            locations.append(_to_location(text))
        except ValueError as error:
            faults.append(f"part {number} of {len(texts)} {error}" if texts[1:] else str(error))
    if faults:
        raise ValueError("; ".join(faults))
    return locations


def _read(value: object) -> Sequence[object]:
    return split_sources(value) if isinstance(value, str) else [value]


def _to_location(value: object) -> object:
    location = parse_location(value) if isinstance(value, str) else value
    return check_source(location) if isinstance(location, S3Location) else location


def _check_end(value: Fraction | None, info: ValidationInfo) -> Fraction | None:
    # A field of the same model, validated before this one.
    start_s = info.data.get("from_s")
    if value is not None and start_s is not None and value <= start_s:
        raise ValueError("is not after --from; nothing would be left")
    return value


Sources = Annotated[tuple[Location, ...], BeforeValidator(_to_locations)]
Moment = Annotated[Fraction, BeforeValidator(parse_moment)]
ClipEnd = Annotated[Moment | None, AfterValidator(_check_end)]
