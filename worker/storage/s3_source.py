"""An object of S3, or of what is compatible with it, as a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from worker.config.location import S3Location
from worker.errors import NoSourceError
from worker.storage.base import BrokenOffError, was_replaced
from worker.storage.s3 import etag_of
from worker.storage.s3_errors import BROKEN, RefusedSourceError, errors_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READ_BYTES = 1 << 18
_OTHER_VERSION = 412


class S3Source:
    """An object to be read in ranges; every range is of the version that was opened.

    Raises:
        NoSourceError: there is no such object, or reading it is denied.
        StorageUnavailableError: the store does not answer.

    """

    def __init__(self, client: S3Client, location: S3Location) -> None:
        self._client = client
        self._location = location
        with errors_of("read", str(location), refused=RefusedSourceError):
            head = client.head_object(Bucket=location.bucket, Key=location.key)
            etag = etag_of(head)
        self._etag = head["ETag"]
        self.size_bytes: int | None = head["ContentLength"]
        self.takes_ranges = True
        self.identity = f"s3 {location.bucket} {location.key} {etag} {self.size_bytes}"

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end); a broken connection raises in the middle."""
        try:
            with errors_of("read", str(self._location), refused=RefusedSourceError):
                answer = self._client.get_object(
                    Bucket=self._location.bucket,
                    Key=self._location.key,
                    Range=f"bytes={start}-{end - 1}",
                    IfMatch=self._etag,
                )
        except RefusedSourceError as refusal:
            if refusal.status == _OTHER_VERSION:
                why = f"{refusal.code}, HTTP {refusal.status}"
                raise NoSourceError(was_replaced(self._location, why)) from refusal
            raise
        try:
            yield from answer["Body"].iter_chunks(_READ_BYTES)
        except BROKEN as error:
            raise BrokenOffError(
                f"reading {self._location} broke off: {type(error).__name__}; submit the job again"
            ) from error
