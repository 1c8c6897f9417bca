"""What a store of results can do, and a file to be downloaded from one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from worker.errors import CannotWriteError, NoSourceError, StorageUnavailableError
from worker.layout import File, LargeFile

# As many objects as S3 deletes by one request.
DELETE_BATCH = 1000


class BrokenOffError(StorageUnavailableError):
    """A transfer broke off in the middle: worth continuing from there."""


class ListingDeniedError(CannotWriteError):
    """The store lets objects be written and read, but not listed."""


class PreconditionFailedError(Exception):
    """An object is not the one that was to be replaced: another process wrote it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredObject:
    """An object as the store lists it. `etag` is opaque: only equality means anything."""

    bytes: int
    etag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """An object as it was read, with the ETag of this very content."""

    data: bytes
    etag: str


@dataclass(kw_only=True, slots=True)
class Parts:
    """How far the upload of a large file is, from one attempt to the next: the parts stored."""

    upload_id: str | None = None
    etags: list[str] = field(default_factory=list)


class Store(Protocol):
    """A destination. Keys are relative to it, with `/` between their parts.

    Every method raises CannotWriteError where the store refuses, and StorageUnavailableError where
    it does not answer; both name the key. Each makes one attempt: `RetryingStore` makes more.
    """

    def put(self, file: File) -> StoredObject:
        """Write an object whole or not at all; a reader never sees a part of it."""
        ...

    def put_large(self, file: LargeFile, parts: Parts) -> StoredObject:
        """Write an object from a file, as `put` does; an upload in parts continues after `parts`.

        Raises:
            OSError: the file cannot be read.

        """
        ...

    def give_up_large(self, file: LargeFile, parts: Parts) -> None:
        """Delete the parts of an upload that was begun."""
        ...

    def replace(self, file: File, *, etag: str | None) -> StoredObject:
        """Write an object if it is still the one with this ETag; None: if there is none.

        Not every store honors the condition (RFC 9110, section 13.1); one that does not writes.

        Raises:
            PreconditionFailedError: it is another by now.

        """
        ...

    def get(self, key: str) -> Content | None:
        """Read a small object; None where there is none."""
        ...

    def get_start(self, key: str, length: int) -> bytes | None:
        """Read the first bytes of an object, fewer where it has fewer; None where there is none."""
        ...

    def list(self, prefix: str) -> dict[str, StoredObject]:
        """Return all objects whose key starts with `prefix`."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; one that does not exist is no error."""
        ...


class RemoteFile(Protocol):
    """A file elsewhere. `identity` names this very content; `size_bytes` None: not announced."""

    size_bytes: int | None
    takes_ranges: bool
    identity: str

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end), or all from 0 where ranges are not served.

        Raises:
            BrokenOffError: in the middle; the caller may ask for the rest.
            NoSourceError: it is gone, replaced, or reading is denied.
            StorageUnavailableError: the store does not answer.

        """
        ...


@contextlib.contextmanager
def naming_part(number: int, of: int) -> Iterator[None]:
    """Say in an error of reading a source which of several parts it is of, from 1."""
    try:
        yield
    except (NoSourceError, StorageUnavailableError) as error:
        if of > 1:
            error.args = (f"part {number} of {of}: {error}", *error.args[1:])
        raise


def was_replaced(what: object, why: str) -> str:
    """Write the message that a source is no longer the one that was opened."""
    return f"{what} was replaced while it was read ({why}); submit the job again"
