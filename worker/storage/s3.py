"""S3 and what is compatible with it (R2, MinIO, Ceph), as a store."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import ClientError

from worker.config.location import S3Location
from worker.config.values import StoreKeys
from worker.layout import File, LargeFile
from worker.storage.base import (
    DELETE_BATCH,
    Content,
    ListingDeniedError,
    Parts,
    PreconditionFailedError,
    StoredObject,
)
from worker.storage.s3_errors import (
    NOT_IMPLEMENTED,
    NoETagError,
    RefusedError,
    RefusedSourceError,
    errors_of,
)
from worker.storage.s3_parts import headers_of, send

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ANSWER_S = 30.0
_CONNECT_TIMEOUT_S = 3
_DENIED = "AccessDenied"
# 404: it is gone. 409 is not among them: another write is under way, and may fail.
_CHANGED = frozenset({"PreconditionFailed", "NoSuchKey", "404", "412"})

# As RFC 9110 has an ETag; as Ceph RGW (seen in 18.2) compares it, which answers 412 to a right one
# in quotes; and no condition, where a store refuses both.
_ETAG_FORMS = ('"{}"', "{}", "")

log = structlog.get_logger(__name__)


def make_client(
    location: S3Location,
    *,
    endpoint: str | None,
    region: str | None,
    keys: StoreKeys | None,
    connections: int,
    answer_s: float | None = None,
    refused: type[RefusedError | RefusedSourceError] = RefusedError,
) -> S3Client:
    """Make a client for a location that may be shared by `connections` threads.

    Without `keys` the credentials are AWS's: of a role, a profile, or the environment.
    Credentials are fetched here, so a provider that fails is a store that does not answer. An
    answer is waited for `answer_s` seconds; None: 30.

    Raises:
        StorageUnavailableError: the provider of the credentials fails.
        CannotWriteError: the configuration of the credentials cannot be used; or `refused`.

    """
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=answer_s or ANSWER_S,
        # The retrying store repeats, and can be stopped.
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=connections + 4,
        # Compatible stores have no name for every bucket, and some refuse the CRC32 that boto3
        # adds by default; Content-MD5 protects every PUT on all of them.
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    with errors_of("open", str(location), refused=refused):
        return boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=region,
            config=config,
            aws_access_key_id=keys.access_key_id if keys else None,
            aws_secret_access_key=keys.secret_access_key if keys else None,
        )


class S3Store:
    """A prefix of a bucket.

    `denied_is_missing`: an object that may not be read counts as none, as S3 answers so for a
    missing one without s3:ListBucket. One that is there all the same is not replaced: conditional
    writes find it.
    """

    def __init__(
        self, client: S3Client, location: S3Location, *, denied_is_missing: bool = False
    ) -> None:
        self._client = client
        self._denied_is_missing = denied_is_missing
        self._bucket = location.bucket
        self._prefix = f"{location.key}/"
        self._forms: Sequence[str] = _ETAG_FORMS

    def __str__(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}"

    def put(self, file: File) -> StoredObject:
        """Write an object by one PUT, whose content the store checks against its MD5."""
        return self._put(file, {})

    def put_large(self, file: LargeFile, parts: Parts) -> StoredObject:
        """Write an object from a file: in parts where one PUT would be long."""
        with errors_of("write", f"{self}{file.key}"):
            answer = send(
                self._client, file, parts, bucket=self._bucket, key=self._prefix + file.key
            )
            return StoredObject(bytes=file.bytes, etag=etag_of(answer))

    def give_up_large(self, file: LargeFile, parts: Parts) -> None:
        """Delete the parts of an upload that was begun."""
        with errors_of("delete", f"{self}{file.key}"):
            self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=self._prefix + file.key, UploadId=parts.upload_id or ""
            )

    def replace(self, file: File, *, etag: str | None) -> StoredObject:
        """Write an object by one conditional PUT, or a plain one where the store has no other."""
        if etag is None:
            return self._put_if(file, {"IfNoneMatch": "*"})
        while True:
            form = self._forms[0]
            try:
                return self._put_if(file, {"IfMatch": form.format(etag)} if form else {})
            except PreconditionFailedError:
                found = self.get(file.key)
                if found is None or found.etag != etag:
                    raise
                # A right condition was refused; the last form is none, which never is.
                self._forms = self._forms[1:]

    def _put_if(self, file: File, condition: Mapping[str, Any]) -> StoredObject:
        try:
            return self._put(file, condition)
        except RefusedError as refusal:
            if refusal.code in _CHANGED:
                raise PreconditionFailedError(file.key) from refusal
            if refusal.status != NOT_IMPLEMENTED or not condition:
                raise
        # Alibaba's OSS answers so. The lease's probe finds that conditions are not honored.
        return self._put(file, {})

    def _put(self, file: File, expected: Mapping[str, Any]) -> StoredObject:
        digest = hashlib.md5(file.data, usedforsecurity=False).digest()
        with errors_of("write", f"{self}{file.key}"):
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + file.key,
                Body=file.data,
                ContentMD5=base64.b64encode(digest).decode(),
                **headers_of(file),
                **expected,
            )
            return StoredObject(bytes=len(file.data), etag=etag_of(answer))

    def get(self, key: str) -> Content | None:
        """Read an object; None where there is none."""
        try:
            with errors_of("read", f"{self}{key}"):
                try:
                    answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
                except self._client.exceptions.NoSuchKey:
                    return None
                return Content(data=answer["Body"].read(), etag=etag_of(answer))
        except RefusedError as refusal:
            if refusal.code != _DENIED or not self._denied_is_missing:
                raise
            log.warning("read_denied", reason=str(refusal))
            return None

    def get_start(self, key: str, length: int) -> bytes | None:
        """Read a range; a store that does not know ranges answers with more, which is not read."""
        with errors_of("read", f"{self}{key}"):
            try:
                answer = self._client.get_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    Range=f"bytes=0-{length - 1}",
                )
            except self._client.exceptions.NoSuchKey:
                return None
            with contextlib.closing(answer["Body"]) as body:
                return body.read(length)

    def list(self, prefix: str) -> dict[str, StoredObject]:
        """List objects, 1,000 a call."""
        try:
            with errors_of("list", f"{self}{prefix}"):
                return dict(self._listed(prefix))
        except RefusedError as refusal:
            if refusal.code != _DENIED:
                raise
            raise ListingDeniedError(f"{refusal}: s3:ListBucket is what it takes") from refusal

    def _listed(self, prefix: str) -> Iterator[tuple[str, StoredObject]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        for page in pages:
            for item in page.get("Contents", ()):
                # Without an ETag it is no object that was recorded, and is read.
                stored = StoredObject(bytes=item["Size"], etag=item.get("ETag", "").strip('"'))
                yield item["Key"].removeprefix(self._prefix), stored

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, 1,000 a call."""
        names = [self._prefix + key for key in keys]
        for at in range(0, len(names), DELETE_BATCH):
            self._delete_batch(names[at : at + DELETE_BATCH])

    def _delete_batch(self, names: Sequence[str]) -> None:
        with errors_of("delete", str(self)):
            answer = self._client.delete_objects(
                Bucket=self._bucket,
                Delete={"Objects": [{"Key": name} for name in names], "Quiet": True},
            )
        # The answer is 200 all the same, and names each object that was not deleted.
        for fault in answer.get("Errors", ()):
            response: Any = {"Error": fault, "ResponseMetadata": answer["ResponseMetadata"]}
            with errors_of("delete", f"s3://{self._bucket}/{fault.get('Key')}"):
                raise ClientError(response, "DeleteObjects")


def etag_of(answer: Mapping[str, Any]) -> str:
    """Return the ETag of an answer without its quotes.

    Raises:
        NoETagError: it has none; S3 always sends one, so it was cut on its way or made elsewhere.

    """
    etag: str = answer.get("ETag", "").strip('"')
    if not etag:
        raise NoETagError
    return etag
