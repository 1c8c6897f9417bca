"""One listing of a prefix, cut into the destinations of jobs that lie below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ops.errors import UnexpectedError
from worker.config.location import S3Location
from worker.layout import MANIFEST, MASTER, STATUS, THUMBNAIL, is_run_name
from worker.storage.base import Store, StoredObject
from worker.storage.local import LocalStore
from worker.storage.s3 import S3Store
from worker.storage.s3_errors import errors_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT_FILES = frozenset({MASTER, MANIFEST, STATUS, THUMBNAIL})
# Of a destination of a job, one of these is there.
_MARKS = frozenset({MASTER, MANIFEST, STATUS})
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedObject(StoredObject):
    """An object as the store lists it; one in an archive cannot be read until it is restored."""

    is_archived: bool = False


Listing = dict[str, ListedObject]


class Root(Protocol):
    """Where an audit begins; folders are relative to it, and `""` is the root itself."""

    def name(self, folder: str) -> str:
        """Return a folder as a job names its destination."""
        ...

    def objects(self, folder: str) -> Iterator[tuple[str, ListedObject]]:
        """List all below a folder, in the order of their keys, which are relative to it."""
        ...

    def open(self, name: str) -> Store:
        """Open a destination, by its whole name."""
        ...


class S3Root:
    """A bucket, or a prefix in one."""

    def __init__(self, client: S3Client, location: S3Location) -> None:
        self._client = client
        self._location = location

    def name(self, folder: str) -> str:
        """Return a folder as a job names its destination."""
        return f"s3://{self._location.bucket}/{self._key(folder)}"

    def objects(self, folder: str) -> Iterator[tuple[str, ListedObject]]:
        """List 1,000 objects a request."""
        prefix = f"{key}/" if (key := self._key(folder)) else ""
        with errors_of("list", self.name(folder)):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._location.bucket, Prefix=prefix
            )
            for page in pages:
                for item in page.get("Contents", ()):
                    yield (
                        item["Key"].removeprefix(prefix),
                        ListedObject(
                            bytes=item["Size"],
                            etag=item.get("ETag", "").strip('"'),
                            is_archived=item.get("StorageClass") in _ARCHIVES,
                        ),
                    )

    def open(self, name: str) -> Store:
        """Open a destination, by its whole name."""
        bucket = self._location.bucket
        key = name.removeprefix(f"s3://{bucket}/")
        return S3Store(self._client, S3Location(bucket=bucket, key=key))

    def _key(self, folder: str) -> str:
        return "/".join(part for part in (self._location.key, folder) if part)


class LocalRoot:
    """A folder of this machine; listing it reads every file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def name(self, folder: str) -> str:
        """Return a folder as a job names its destination."""
        return str(self._path / folder)

    def objects(self, folder: str) -> Iterator[tuple[str, ListedObject]]:
        """List by reading."""
        for key, stored in LocalStore(self._path / folder).list("").items():
            yield key, ListedObject(bytes=stored.bytes, etag=stored.etag)

    def open(self, name: str) -> Store:
        """Open a destination, by its whole name."""
        return LocalStore(Path(name))


@dataclass(kw_only=True, slots=True)
class Folder:
    """A folder that holds, or may hold, what a job published: its objects, by relative key.

    `others` are files beside the layout.
    """

    name: str
    objects: Listing = field(default_factory=dict)
    others: int = 0
    other_example: str = ""

    @property
    def prefix(self) -> str:
        """What all of its keys begin with."""
        return f"{self.name}/" if self.name else ""

    @property
    def is_destination(self) -> bool:
        """Whether a job has written there."""
        return not _MARKS.isdisjoint(self.objects)

    def add(self, key: str, stored: ListedObject) -> None:
        """Add an object; of other files only the number is kept, since there may be millions."""
        if "/" in key or key in ROOT_FILES:
            self.objects[key] = stored
        else:
            self.others += 1
            self.other_example = self.other_example or key


def folders(listing: Iterable[tuple[str, ListedObject]]) -> Iterator[Folder]:
    """Cut an ordered listing into folders; each is yielded as soon as it is complete.

    Raises:
        UnexpectedError: the listing has no order, so that what belongs together cannot be known.

    """
    being_read: dict[str, Folder] = {}
    done: set[str] = set()
    for key, stored in listing:
        for folder in [f for f in being_read.values() if not key.startswith(f.prefix)]:
            done.add(folder.name)
            yield being_read.pop(folder.name)
        name = folder_of(key)
        if name in done:
            raise UnexpectedError(
                f"the store lists {key} after all that follows {name}/: it keeps no order (as S3"
                " Express does not); audit one destination at a time"
            )
        folder = being_read.setdefault(name, Folder(name=name))
        folder.add(key.removeprefix(folder.prefix), stored)
    yield from being_read.values()


def folder_of(key: str) -> str:
    """Return the folder to which an object belongs: that above its run, or else its own.

    An academy may name its videos by 16 hex digits, too, so the last such part is the run.
    """
    *parts, name = key.split("/")
    runs = [i for i, part in enumerate(parts) if is_run_name(part)]
    if not runs or (name in ROOT_FILES and runs[-1] == len(parts) - 1):
        return "/".join(parts)
    return "/".join(parts[: runs[-1]])
