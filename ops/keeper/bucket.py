"""A bucket, listed folder by folder, with a bound on requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws import code_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

_MISSING = frozenset({"NoSuchKey", "404"})
_DELETED = 1000


class SpentError(Exception):
    """No more requests may be made in this run."""


@dataclass(slots=True)
class Allowance:
    """The requests that a run may still make."""

    left: int

    def spend(self) -> None:
        """Count a request.

        Raises:
            SpentError: none is left.

        """
        if self.left <= 0:
            raise SpentError
        self.left -= 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """What lies directly below a prefix: names of objects and, with their slash, of folders."""

    prefix: str
    names: frozenset[str]
    folders: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """Requests to one bucket, each counted."""

    client: S3Client
    name: str
    allowance: Allowance

    def level(self, prefix: str) -> Level:
        """List one level; folders are whole prefixes, in the order of the store."""
        names: set[str] = set()
        folders: list[str] = []
        listing = self.client.get_paginator("list_objects_v2")
        pages = listing.paginate(Bucket=self.name, Prefix=prefix, Delimiter="/")
        for page in self._counted(pages):
            names |= {item["Key"].removeprefix(prefix) for item in page.get("Contents", ())}
            folders += [item["Prefix"] for item in page.get("CommonPrefixes", ())]
        return Level(prefix=prefix, names=frozenset(names), folders=tuple(folders))

    def objects(self, prefix: str) -> dict[str, datetime]:
        """Map the keys of all objects below a prefix to when they were written."""
        listing = self.client.get_paginator("list_objects_v2")
        return {
            item["Key"]: item["LastModified"]
            for page in self._counted(listing.paginate(Bucket=self.name, Prefix=prefix))
            for item in page.get("Contents", ())
        }

    def read(self, key: str) -> bytes | None:
        """Read a small object; None where there is none."""
        self.allowance.spend()
        try:
            return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        except ClientError as error:
            if code_of(error) in _MISSING:
                return None
            raise

    def write(self, key: str, data: bytes) -> None:
        """Write a small object; not counted, as it is what the next run starts from."""
        self.client.put_object(
            Bucket=self.name,
            Key=key,
            Body=data,
            ContentType="application/json",
            CacheControl="no-cache",
        )

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, 1,000 a request at most.

        Raises:
            ClientError: one could not be deleted.

        """
        names = list(keys)
        for at in range(0, len(names), _DELETED):
            self.allowance.spend()
            some = names[at : at + _DELETED]
            answer = self.client.delete_objects(
                Bucket=self.name,
                Delete={"Objects": [{"Key": key} for key in some], "Quiet": True},
            )
            for fault in answer.get("Errors", ()):
                code, message = fault.get("Code", "unknown"), fault.get("Message", "")
                raise ClientError(
                    {"Error": {"Code": code, "Message": f"{fault.get('Key')}: {message}"}},
                    "DeleteObjects",
                )

    def _counted(
        self, pages: Iterable[ListObjectsV2OutputTypeDef]
    ) -> Iterator[ListObjectsV2OutputTypeDef]:
        self.allowance.spend()
        for page in pages:
            yield page
            if page["IsTruncated"]:
                self.allowance.spend()
