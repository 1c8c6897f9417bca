"""Types of the options' values, with what makes a value unusable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from worker.config.location import (
    HttpsLocation,
    LocalLocation,
    Location,
    S3Location,
    parse_location,
)
from worker.config.option import split_values, variable_name
from worker.media.language import language_code, language_name, language_tag

# An S3 key has 1,024 bytes; the rest is for `<run>/1080p/00000.ts` and what else lies below.
_MAX_PREFIX_BYTES = 900
_MOST_SUBTITLES = 16
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreKeys:
    """Credentials of a store apart from AWS's; neither is shown."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)


def keys_in(environment: Mapping[str, str]) -> StoreKeys | None:
    """Read the credentials of a store from the environment, as a job does; None for AWS's own."""
    names = (variable_name(name) for name in ("s3_access_key_id", "s3_secret_access_key"))
    key_id, key = (environment.get(name) for name in names)
    return StoreKeys(access_key_id=key_id, secret_access_key=key) if key_id and key else None


Preset = Literal[
    "auto", "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"
]

SandboxMode = Literal["auto", "required", "off"]


def _split_ladder(value: object) -> object:
    if not isinstance(value, str) or value == "auto":
        return value
    try:
        return [int(part) for part in value.split(",")]
    except ValueError as error:
        raise ValueError("write auto, or heights such as 1080,720,480") from error


def _to_location(value: object) -> object:
    return parse_location(value) if isinstance(value, str) else value


Heights = Annotated[
    tuple[Annotated[int, Field(ge=2, le=4320)], ...], Field(min_length=1, max_length=8)
]
Ladder = Annotated[Literal["auto"] | Heights, BeforeValidator(_split_ladder)]


def check_source(value: Location) -> Location:
    """Refuse a bucket without a key.

    Raises:
        ValueError: with what to write instead.

    """
    if isinstance(value, S3Location) and not value.key:
        raise ValueError("names a bucket but no object; write s3://bucket/key")
    return value


def check_destination(value: Location) -> Location:
    """Refuse what is not a folder of a store, or has a prefix that players resolve otherwise.

    Raises:
        ValueError: with what to write instead.

    """
    if isinstance(value, HttpsLocation):
        raise ValueError(  # noqa: TRY004 (pydantic gathers ValueErrors, not TypeErrors)
            "cannot be an https URL; write s3://bucket/prefix or a local folder"
        )
    if isinstance(value, S3Location):
        _check_prefix(value.key)
    if isinstance(value, LocalLocation) and _is_file(value.path):
        raise ValueError(f"{value.path} is a file; name a folder")
    return value


def _check_prefix(key: str) -> None:
    if not key:
        raise ValueError("names a bucket but no prefix; write s3://bucket/prefix")
    if not {"", ".", ".."}.isdisjoint(key.split("/")) or _CONTROL.search(key):
        # A player or CDN would resolve such parts, and request another object.
        raise ValueError("has empty, . or .. parts, or control characters; name a plain prefix")
    if len(key.encode()) > _MAX_PREFIX_BYTES:
        raise ValueError(f"the prefix is longer than {_MAX_PREFIX_BYTES} bytes")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise ValueError(f"cannot be used: {error.strerror}") from error


Source = Annotated[Location, BeforeValidator(_to_location), AfterValidator(check_source)]
Destination = Annotated[Location, BeforeValidator(_to_location), AfterValidator(check_destination)]


@dataclass(frozen=True, kw_only=True, slots=True)
class SubtitleSource:
    """A file of subtitles from outside the upload; `language` is a BCP 47 tag."""

    language: str
    location: Location


def _to_subtitles(value: object) -> object:
    if not isinstance(value, str):
        return value
    code, _, text = value.partition("=")
    if not text:
        raise ValueError("write LANGUAGE=LOCATION, such as ko=s3://bucket/talk.srt")
    if language_code(code.strip()) is None or language_name(code.strip()) is None:
        raise ValueError("begins with no code of a language; write ko=…, en=… or zh-Hant=…")
    location = check_source(parse_location(text.strip()))
    return SubtitleSource(language=language_tag(code.strip()), location=location)


def _check_languages(values: tuple[SubtitleSource, ...]) -> tuple[SubtitleSource, ...]:
    languages = [value.language.lower() for value in values]
    if twice := {language for language in languages if languages.count(language) > 1}:
        raise ValueError(f"{', '.join(sorted(twice))} is given twice; one file for each language")
    return values


Subtitles = Annotated[
    tuple[Annotated[SubtitleSource, BeforeValidator(_to_subtitles)], ...],
    BeforeValidator(split_values),
    AfterValidator(_check_languages),
    Field(max_length=_MOST_SUBTITLES),
]
