"""A file behind an https URL, read in ranges."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import urllib3
from urllib3.exceptions import HTTPError

from worker.config.location import HttpsLocation
from worker.errors import NoSourceError, StorageUnavailableError
from worker.storage.answers import Version, check_range, read_size, read_total, stream
from worker.storage.base import BrokenOffError, was_replaced
from worker.storage.public_address import SourcePool

_TIMEOUT = urllib3.Timeout(connect=5, read=30)
# Redirects alone: the caller repeats, and can be stopped.
_RETRIES = urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=3)
_SERVER_ERROR = 500
_TOO_MANY_REQUESTS = 429
_PARTIAL = 206
_WHOLE = 200
_NO_SUCH_RANGE = 416


class HttpsSource:
    """A URL. Without support for ranges it is read from its start each time.

    Raises:
        NoSourceError: the server refuses (missing, expired signature), or its address is private.
        StorageUnavailableError: the server does not answer.

    """

    def __init__(self, location: HttpsLocation, *, connections: int, allow_private: bool) -> None:
        self._location = location
        self._pool = SourcePool(
            allow_private=allow_private,
            https_only=location.url.lower().startswith("https:"),
            maxsize=connections,
            timeout=_TIMEOUT,
            retries=_RETRIES,
        )
        # A presigned URL is signed for GET alone, so one byte is requested instead of a HEAD.
        with self._get(0, 1) as first:
            self._version, status = _version(first), first.status
        if status == _NO_SUCH_RANGE:
            # An empty file has no first byte (RFC 9110, section 15.5.17).
            with self._get(0, None) as whole:
                self._version, status = _version(whole), whole.status
        self.size_bytes = self._version.size_bytes
        self.takes_ranges = status == _PARTIAL and self.size_bytes is not None
        size = "" if self.size_bytes is None else self.size_bytes
        version = self._version.etag or f"{size} {self._version.last_modified or ''}"
        # Without the query: a new signature for the same file is the same source.
        self.identity = f"https {str(location).removesuffix('?…')} {version}"

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end), or all from 0 where ranges are not served."""
        try:
            with self._get(start, end if self.takes_ranges else None) as answer:
                self._check(answer, start, end)
                yield from stream(answer)
        except HTTPError as error:
            raise BrokenOffError(
                f"reading {self._location} broke off: {type(error).__name__}; submit the job again"
            ) from error

    def _check(self, answer: urllib3.BaseHTTPResponse, start: int, end: int) -> None:
        """Make sure that an answer is of the file that was opened, and of the requested range."""
        if answer.status == _NO_SUCH_RANGE:
            raise NoSourceError(was_replaced(self._location, "it is shorter: HTTP 416"))
        self._version.check(_version(answer), self._location)
        if not self.takes_ranges:
            return
        if answer.status != _PARTIAL:
            raise NoSourceError(
                f"{self._location} stopped serving ranges (HTTP {answer.status});"
                " submit the job again"
            )
        check_range(answer.headers.get("Content-Range"), start, end, self._location)

    @contextlib.contextmanager
    def _get(self, start: int, end: int | None) -> Iterator[urllib3.BaseHTTPResponse]:
        headers = {"Accept-Encoding": "identity"}
        if end is not None:
            headers["Range"] = f"bytes={start}-{end - 1}"
        try:
            answer = self._pool.request(
                "GET", self._location.url, headers=headers, preload_content=False
            )
        except HTTPError as error:
            raise self._unavailable(type(error).__name__) from error
        try:
            if answer.status >= _SERVER_ERROR or answer.status == _TOO_MANY_REQUESTS:
                raise self._unavailable(f"HTTP {answer.status}")
            is_no_range = end is not None and answer.status == _NO_SUCH_RANGE
            if answer.status not in {_WHOLE, _PARTIAL} and not is_no_range:
                raise NoSourceError(
                    f"cannot read {self._location}: the server answers HTTP {answer.status};"
                    " check the address, or sign it again if it expired"
                )
            yield answer
        finally:
            # Not returned to the pool half read: the next request would read the rest.
            answer.close()

    def _unavailable(self, why: str) -> StorageUnavailableError:
        return StorageUnavailableError(
            f"cannot read {self._location}: {why}; submit the job again when the server answers"
        )


def _version(answer: urllib3.BaseHTTPResponse) -> Version:
    headers = answer.headers
    is_partial = answer.status == _PARTIAL
    return Version(
        size_bytes=read_total(headers.get("Content-Range"))
        if is_partial
        else read_size(headers.get("Content-Length")),
        etag=headers.get("ETag"),
        last_modified=headers.get("Last-Modified"),
    )
