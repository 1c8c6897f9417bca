"""A store that remembers, and may be told to fail."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable

from worker.errors import WorkerError
from worker.runtime.budget import Budget
from worker.storage.base import Content, PreconditionFailedError, StoredObject
from worker.storage.retrying import RetryingStore


class RecordingStore:
    """Objects in memory; `puts` is the order they were written in."""

    def __init__(self, *, honours_conditions: bool = True) -> None:
        self.honours_conditions = honours_conditions
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.deleted: list[str] = []
        self.failure: WorkerError | None = None
        self.fails_at_put: int | None = None

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str,  # noqa: ARG002
        cache_control: str,  # noqa: ARG002
    ) -> StoredObject:
        if self.failure and self.fails_at_put in {None, len(self.puts)}:
            raise self.failure
        self.puts.append(key)
        self.objects[key] = data
        return StoredObject(bytes=len(data), etag=_etag(data))

    def replace(
        self, key: str, data: bytes, *, etag: str | None, content_type: str, cache_control: str
    ) -> StoredObject:
        found = self.get(key)
        if self.honours_conditions and (found.etag if found else None) != etag:
            raise PreconditionFailedError(key)
        return self.put(key, data, content_type=content_type, cache_control=cache_control)

    def get(self, key: str) -> Content | None:
        data = self.objects.get(key)
        return None if data is None else Content(data=data, etag=_etag(data))

    def get_start(self, key: str, length: int) -> bytes | None:
        data = self.objects.get(key)
        return None if data is None else data[:length]

    def list(self, prefix: str) -> dict[str, StoredObject]:
        return {
            key: StoredObject(bytes=len(data), etag=_etag(data))
            for key, data in self.objects.items()
            if key.startswith(prefix)
        }

    def delete(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self.deleted.append(key)
            self.objects.pop(key, None)


def _etag(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()  # noqa: S324


def steady(store: RecordingStore, budget: Budget | None = None) -> RetryingStore:
    """Wrap a store as the worker does; tests/unit/conftest.py takes its patience away."""
    return RetryingStore(store, budget or Budget(time_limit_s=600, clock=time.monotonic))


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s
