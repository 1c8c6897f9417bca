"""Types of the options' values, with what makes a value unusable."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

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
# What any program must read of one (BCP 47, section 4.4.1); it names a folder.
_MAX_LANGUAGE_CHARS = 35
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What stands for the key's name in the URI of a key.
KEY_ID = "{key_id}"
_LEAST_SECRET_BYTES = 32
# What a URI consists of (RFC 3986), less `#`: a fragment is never sent.
_URI = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_MAX_URI_CHARS = 1024


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


def check_key_uri(value: str) -> str:
    """Refuse a key's URI that a player could not use, or that would publish a password.

    Raises:
        ValueError: with what to write instead.

    """
    if value.count(KEY_ID) != 1:
        raise ValueError(f"must hold {KEY_ID} once: https://api.example/keys/{KEY_ID}")
    if len(value) > _MAX_URI_CHARS or not _URI.fullmatch(value.replace(KEY_ID, "")):
        raise ValueError(
            f"is not a URL of at most {_MAX_URI_CHARS} characters without blanks, quotes, # and"
            " other braces; encode them (%20)"
        )
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        host = ""
    if not host or KEY_ID in parts.netloc:
        raise ValueError(f"must name a host: https://api.example/keys/{KEY_ID}")
    if "@" in parts.netloc:
        raise ValueError("has a user or password, which every viewer would read")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError("must begin with https://; http:// is for localhost alone")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_key_secret(value: SecretStr) -> SecretStr:
    """Refuse a secret that could be guessed, or that the API would hardly have alike.

    Raises:
        ValueError: with what to give instead; it holds nothing of the secret.

    """
    secret = value.get_secret_value()
    if secret != secret.strip():
        raise ValueError(
            "begins or ends with a blank or line break; remove it, here and in the API"
        )
    if not secret.isprintable():
        raise ValueError("is no plain text (UTF-8); make one with `openssl rand -base64 48`")
    if len(secret.encode()) < _LEAST_SECRET_BYTES:
        raise ValueError(
            f"is shorter than {_LEAST_SECRET_BYTES} bytes; make one with `openssl rand -base64 48`"
        )
    return value


KeyUri = Annotated[str, AfterValidator(check_key_uri)]
KeySecret = Annotated[SecretStr, AfterValidator(check_key_secret)]
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
    is_short = len(code.strip()) <= _MAX_LANGUAGE_CHARS
    if not is_short or language_code(code.strip()) is None or language_name(code.strip()) is None:
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


def _check_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("names a format twice")
    return values


Downloads = Annotated[
    tuple[Literal["mp4", "m4a"], ...], BeforeValidator(split_values), AfterValidator(_check_once)
]
