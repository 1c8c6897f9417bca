"""Where sources are read from and results are written to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_NO_BUCKET = re.compile(r"\.\.|\.-|-\.|[0-9]+(\.[0-9]+){3}")
# What Python makes of bytes that are not UTF-8.
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# A query that grants access to whoever has it: of S3, CloudFront, Google, Azure, or with a token.
_CREDENTIALS = re.compile(
    r"(^|[?&;])(x-amz-|x-goog-|sig=|[a-z0-9_.-]*(signature|token)=)", re.IGNORECASE
)
# The query of a URL, and what may be the query of one whose beginning is missing.
_QUERY = re.compile(r"""(https?://[^\s?"'<>]+)\?[^\s"'<>)]+|\?[\w.~%+-]+=[^\s"'<>)]*""")
_MAX_KEY_BYTES = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class S3Location:
    """An object (`key`) or a prefix in a bucket; the key has no leading or trailing slash."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpsLocation:
    """A URL, often presigned: its query is a secret and is never shown."""

    # Not in its repr either, which a traceback or a test may print.
    url: str = field(repr=False)

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        shown = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        return shown + parts.path + ("?…" if parts.query else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalLocation:
    """A file or folder of this machine; absolute."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Location = S3Location | HttpsLocation | LocalLocation


def title_of(location: Location) -> str:
    """Return the name of a file without its suffix, as its owner wrote it."""
    if isinstance(location, HttpsLocation):
        return PurePosixPath(unquote(urlsplit(location.url).path)).stem or "video"
    return PurePosixPath(str(location)).stem


def redact(text: str) -> str:
    """Leave out the queries of URLs: a presigned one grants access to whoever reads it.

    For text that others wrote, such as a library's exception or a log line.
    """
    return _QUERY.sub(lambda match: f"{match[1] or ''}?…", text)


def parse_location(text: str) -> Location:
    """Read `s3://bucket/key`, `https://…`, `http://…` or a local path.

    Raises:
        ValueError: not one of these; the message says why and shows no query string.

    """
    if "\x00" in text:
        raise ValueError("a location holds no NUL character")
    if _SURROGATE.search(text):
        raise ValueError("is not valid UTF-8; rename the file")
    match = _SCHEME.match(text)
    scheme = match.group(1).lower() if match else None
    if scheme in {"https", "http"}:
        return _parse_url(text)
    if _CREDENTIALS.search(text.partition("?")[2]):
        # A path or key is shown in logs and status.json as it stands.
        raise ValueError(
            "holds a signature or token after a `?`: a signed URL begins with https://, and a path"
            " or s3:// location has no query"
        )
    if scheme is None:
        return _parse_path(text)
    if scheme == "s3":
        return _parse_s3(text[len("s3://") :])
    raise ValueError(f"scheme {scheme}:// is not known; use s3://, https:// or a local path")


def _parse_path(text: str) -> LocalLocation:
    try:
        return LocalLocation(path=Path(text).expanduser().absolute())
    except RuntimeError as error:
        raise ValueError("names a home folder that does not exist; write the full path") from error


def _parse_s3(rest: str) -> S3Location:
    bucket, _, key = rest.partition("/")
    key = key.strip("/")
    if not _BUCKET.fullmatch(bucket) or _NO_BUCKET.search(bucket):
        raise ValueError(f"{bucket!r} is not a bucket name; write s3://bucket/key")
    if len(key.encode()) > _MAX_KEY_BYTES:
        raise ValueError(f"the key is longer than {_MAX_KEY_BYTES} bytes")
    return S3Location(bucket=bucket, key=key)


def _parse_url(text: str) -> HttpsLocation:
    if re.search(r"[\x00-\x20\x7f]", text):
        raise ValueError("the URL holds spaces or control characters; encode them (%20)")
    try:
        host, _ = urlsplit(text).hostname, urlsplit(text).port
    except ValueError:
        host = None
    if not host:
        raise ValueError("the URL names no host; write https://host/path")
    return HttpsLocation(url=text)
