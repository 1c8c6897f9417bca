"""An object of S3, or of what is compatible with it, as a source."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from worker.config.location import S3Location
from worker.errors import NoSourceError
from worker.storage.answers import Version, check_range, read_total, stream
from worker.storage.base import BrokenOffError, was_replaced
from worker.storage.s3 import etag_of
from worker.storage.s3_errors import BROKEN, RefusedSourceError, errors_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_NO_SUCH_RANGE = 416


class S3Source:
    """An object to be read in ranges; every range is of the version that was opened.

    Raises:
        NoSourceError: there is no such object, or reading it is denied.
        StorageUnavailableError: the store does not answer.

    """

    def __init__(self, client: S3Client, location: S3Location) -> None:
        self._client = client
        self._location = location
        first = self._get_first()
        self._version = _version(first)
        self.size_bytes = self._version.size_bytes
        # An answer without is of an empty object, or of a store that has no ranges.
        self.takes_ranges = "ContentRange" in first
        name = f"{location.bucket} {location.key}"
        self.identity = f"s3 {name} {etag_of(first)} {self.size_bytes}"

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end); a broken connection raises in the middle."""
        try:
            answer = self._get(start, end if self.takes_ranges else None)
        except RefusedSourceError as refusal:
            if refusal.status == _NO_SUCH_RANGE:
                why = f"it is shorter: {refusal.code}, HTTP {refusal.status}"
                raise NoSourceError(was_replaced(self._location, why)) from refusal
            raise
        with contextlib.closing(answer["Body"]) as body:
            self._version.check(_version(answer), self._location)
            if self.takes_ranges:
                check_range(answer.get("ContentRange"), start, end, self._location)
            try:
                # botocore's own methods return only what is full, as urllib3's `stream` does.
                yield from stream(body._raw_stream)  # type: ignore[attr-defined] # noqa: SLF001
            except BROKEN as error:
                raise BrokenOffError(
                    f"reading {self._location} broke off: {type(error).__name__};"
                    " submit the job again"
                ) from error

    def _get_first(self) -> GetObjectOutputTypeDef:
        """Request one byte: the answer to a HEAD has no body, and so no code that says why not.

        Expired credentials are 400 then, as is what another attempt would not change.
        """
        try:
            answer = self._get(0, 1)
        except RefusedSourceError as refusal:
            if refusal.status != _NO_SUCH_RANGE:
                raise
            # An empty object has no first byte.
            answer = self._get(0, None)
        # Read to its end, so that its connection serves the next request.
        with contextlib.closing(answer["Body"]) as body, self._errors():
            body.read(1)
        return answer

    def _get(self, start: int, end: int | None) -> GetObjectOutputTypeDef:
        bucket, key = self._location.bucket, self._location.key
        with self._errors():
            if end is None:
                answer = self._client.get_object(Bucket=bucket, Key=key)
            else:
                wanted = f"bytes={start}-{end - 1}"
                answer = self._client.get_object(Bucket=bucket, Key=key, Range=wanted)
            # Each has one, so one without is another's answer.
            etag_of(answer)
            return answer

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return errors_of("read", str(self._location), refused=RefusedSourceError)


def _version(answer: GetObjectOutputTypeDef) -> Version:
    content_range = answer.get("ContentRange")
    return Version(
        size_bytes=read_total(content_range) if content_range else answer.get("ContentLength"),
        etag=answer["ETag"],
        last_modified=None,
    )
