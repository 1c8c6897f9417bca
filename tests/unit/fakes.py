"""A store that records, and may be made to fail; a clock that tests set."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable

from worker.errors import WorkerError
from worker.layout import File, LargeFile
from worker.runtime.budget import Budget
from worker.storage.base import Content, Parts, PreconditionFailedError, StoredObject
from worker.storage.retrying import RetryingStore


class RecordingStore:
    """Objects in memory; `puts` is the order they were written in."""

    def __init__(self, *, honors_conditions: bool = True) -> None:
        self.honors_conditions = honors_conditions
        self.objects: dict[str, bytes] = {}
        # What is listed of an object instead of its own size and ETag.
        self.listed: dict[str, StoredObject] = {}
        self.puts: list[str] = []
        self.deleted: list[str] = []
        self.failure: WorkerError | None = None
        self.fails_at_put: int | None = None

    def put(self, file: File) -> StoredObject:
        if self.failure and self.fails_at_put in {None, len(self.puts)}:
            raise self.failure
        self.puts.append(file.key)
        self.objects[file.key] = file.data
        return StoredObject(bytes=len(file.data), etag=_etag(file.data))

    def put_large(self, file: LargeFile, parts: Parts) -> StoredObject:  # noqa: ARG002
        return self.put(
            File(
                key=file.key,
                data=file.path.read_bytes(),
                content_type=file.content_type,
                cache_control=file.cache_control,
            )
        )

    def give_up_large(self, file: LargeFile, parts: Parts) -> None:
        """Nothing is left."""

    def replace(self, file: File, *, etag: str | None) -> StoredObject:
        found = self.get(file.key)
        if self.honors_conditions and (found.etag if found else None) != etag:
            raise PreconditionFailedError(file.key)
        return self.put(file)

    def get(self, key: str) -> Content | None:
        data = self.objects.get(key)
        return None if data is None else Content(data=data, etag=_etag(data))

    def get_start(self, key: str, length: int) -> bytes | None:
        data = self.objects.get(key)
        return None if data is None else data[:length]

    def list(self, prefix: str) -> dict[str, StoredObject]:
        return {
            key: self.listed.get(key) or StoredObject(bytes=len(data), etag=_etag(data))
            for key, data in self.objects.items()
            if key.startswith(prefix)
        }

    def delete(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self.deleted.append(key)
            self.objects.pop(key, None)


def _etag(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()  # noqa: S324


def retrying(store: RecordingStore, budget: Budget | None = None) -> RetryingStore:
    """Wrap a store as the worker does; tests/unit/conftest.py makes it give up at once."""
    return RetryingStore(store, budget or Budget(time_limit_s=600, clock=time.monotonic))


class Clock:
    """Time that passes when a test sets it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s
