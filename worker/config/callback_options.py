"""The options of callbacks: what makes a value unusable, and reading them apart from the rest."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Iterable
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
)

from worker.config.location import HttpsLocation, parse_location, redact
from worker.config.option import secret, split_values, variable

JOB_ID = r"^[A-Za-z0-9_.:-]{1,128}$"
_MAX_TAGS = 10
# A value may hold any letters, but nothing that breaks a line or cannot be written as UTF-8.
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}=[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}")
# Standard Webhooks, "Signature scheme": the form of a secret, and the length of its key in bytes.
_PREFIX = "whsec_"
_LEAST_KEY, _LONGEST_KEY = 24, 64


def random_job_id() -> str:
    """Name a job to which nobody gave a name."""
    return uuid.uuid4().hex


def signing_key(secret: SecretStr) -> bytes:
    """Return the key that a secret of Standard Webhooks holds.

    Raises:
        ValueError: it is not `whsec_` and 24 to 64 bytes in base64; the message does not show it.

    """
    text = secret.get_secret_value()
    encoded = text.removeprefix(_PREFIX)
    try:
        # Others write it without its padding.
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or not _LEAST_KEY <= len(key) <= _LONGEST_KEY:
        raise ValueError(
            f"is no secret of Standard Webhooks: write {_PREFIX} and {_LEAST_KEY} to"
            f" {_LONGEST_KEY} random bytes in base64 (docs/callbacks.md)"
        )
    return key


def tags_of(tag: Iterable[str]) -> dict[str, str]:
    """Return tags by their keys."""
    return dict(text.split("=", 1) for text in tag)


def _check_secret(value: SecretStr) -> SecretStr:
    signing_key(value)
    return value


def _to_url(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    location = parse_location(value)
    if not isinstance(location, HttpsLocation):
        raise ValueError("is no URL; write https://host/path")  # noqa: TRY004 (pydantic gathers ValueErrors)
    parts = urlsplit(location.url)
    if parts.username is not None:
        raise ValueError("holds a user name; callbacks are signed, so leave it out")
    # A field of the same model, validated before this one.
    if parts.scheme.lower() != "https" and not info.data.get("allow_private_notify"):
        raise ValueError(
            "must begin with https://, or anyone on the way could read and change callbacks; for a"
            " test on one machine, give --allow-private-notify"
        )
    return location


def _check_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise ValueError(
                "write KEY=VALUE: of a key letters, digits, _ . and -, 64 at most; of a value 256"
                " characters at most, none of them a control character"
            )
        if redact(tag) != tag:
            raise ValueError("holds the query of a URL, which may be a secret; tags are shown")
    if len(tags) > _MAX_TAGS:
        raise ValueError(f"there are {len(tags)} tags; {_MAX_TAGS} are taken")
    if len(tags_of(tags)) < len(tags):
        raise ValueError("two tags have the same key")
    return tags


_NotifyUrl = Annotated[HttpsLocation, BeforeValidator(_to_url)]
_NotifySecret = Annotated[SecretStr, AfterValidator(_check_secret)]
_Tags = Annotated[tuple[str, ...], BeforeValidator(split_values), AfterValidator(_check_tags)]


class CallbackFields(BaseModel):
    """The options of callbacks, as fields of a job."""

    # Before `notify`, whose validation reads it.
    allow_private_notify: bool = variable(
        default=False,
        changes_output=False,
        description="accept a --notify URL over http, or at an address that is not on the internet:"
        " this machine, its network, its cloud's metadata",
    )
    notify: _NotifyUrl | None = variable(
        None,
        changes_output=False,
        metavar="URL",
        description="https URL that gets a signed POST when the job starts, moves on, has published"
        " and fails (docs/callbacks.md); WORKER_NOTIFY_SECRET signs it",
    )
    notify_secret: _NotifySecret | None = secret(
        description="the secret of --notify, as Standard Webhooks writes it: whsec_ and 24 to 64"
        " random bytes in base64",
    )
    tag: _Tags = variable(
        (),
        changes_output=False,
        metavar="KEY=VALUE",
        description="a name of your own for the video, such as lesson=4711: in callbacks,"
        " manifest.json and every log line; may be repeated, ten at most",
    )


class CallbackOptions(BaseModel):
    """What callbacks need of a job's options. A job that is refused for others can still report it.

    The fields are those of `worker.config.job.Job`, from which it can be validated.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)

    allow_private_notify: bool = False
    notify: _NotifyUrl
    notify_secret: _NotifySecret
    job_id: str = Field(default_factory=random_job_id, pattern=JOB_ID)
    tag: _Tags = ()
