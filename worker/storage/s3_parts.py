"""Uploads a large file to S3 in parts; an attempt goes on after the last part that was stored."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from worker.layout import File, LargeFile
from worker.storage.base import Parts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Held in memory one at a time. S3 takes 10,000 parts, and 5 GiB in one PUT.
PART_BYTES = 64 << 20


def headers_of(file: File | LargeFile) -> dict[str, Any]:
    """Return what an object is served with, as S3's requests name it."""
    headers = {"ContentType": file.content_type, "CacheControl": file.cache_control}
    if file.content_disposition:
        headers["ContentDisposition"] = file.content_disposition
    return headers


def send(
    client: S3Client, file: LargeFile, parts: Parts, *, bucket: str, key: str
) -> Mapping[str, Any]:
    """Store a file, and return the store's last answer, which has its ETag.

    Raises:
        ClientError: as the client raises it; `parts` has what is stored by then.

    """
    where: Any = {"Bucket": bucket, "Key": key}
    with file.path.open("rb") as source:
        if file.bytes <= PART_BYTES:
            return client.put_object(**where, **_body(source.read()), **headers_of(file))
        if parts.upload_id is None:
            parts.upload_id = client.create_multipart_upload(**where, **headers_of(file))[
                "UploadId"
            ]
        where["UploadId"] = parts.upload_id
        source.seek(len(parts.etags) * PART_BYTES)
        while data := source.read(PART_BYTES):
            number = len(parts.etags) + 1
            answer = client.upload_part(**where, **_body(data), PartNumber=number)
            parts.etags.append(answer["ETag"])
    return _complete(client, parts, where)


def _body(data: bytes) -> dict[str, Any]:
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    return {"Body": data, "ContentMD5": base64.b64encode(digest).decode()}


def _complete(client: S3Client, parts: Parts, where: Mapping[str, Any]) -> Mapping[str, Any]:
    numbered = [{"PartNumber": i, "ETag": etag} for i, etag in enumerate(parts.etags, start=1)]
    listed: Any = {"Parts": numbered}
    with suppress(client.exceptions.NoSuchUpload):
        answer = client.complete_multipart_upload(**where, MultipartUpload=listed)
        if answer.get("ETag"):
            return answer
    # It was completed by an attempt whose answer was lost, of which Ceph says so without an ETag;
    # else there is no such object.
    return client.head_object(Bucket=where["Bucket"], Key=where["Key"])
