"""A store that remembers, and may be told to fail."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from worker.errors import WorkerError
from worker.store import StoredObject


class RecordingStore:
    """Objects in memory; `puts` is the order they were written in."""

    def __init__(self) -> None:
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
        return StoredObject(bytes=len(data), etag=hashlib.md5(data).hexdigest())  # noqa: S324

    def get(self, key: str) -> bytes | None:
        return self.objects.get(key)

    def list(self, prefix: str) -> dict[str, StoredObject]:
        return {
            key: StoredObject(bytes=len(data), etag=hashlib.md5(data).hexdigest())  # noqa: S324
            for key, data in self.objects.items()
            if key.startswith(prefix)
        }

    def delete(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self.deleted.append(key)
            self.objects.pop(key, None)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s
