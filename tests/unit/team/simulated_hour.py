"""An hour of one machine of a team, on a store that counts its requests and a clock that is set.

The loops of the worker's threads run one after the other, each through the whole hour.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from types import SimpleNamespace

import pytest

from tests.unit.fakes import RecordingStore
from worker.layout import File, LargeFile
from worker.monitoring import status
from worker.storage import lease
from worker.storage.base import Content, Parts, StoredObject
from worker.team import heartbeat, machines, standing, team

HOUR_S = 3600.0
_PAGE = 1000


class CountingStore:
    """A store that counts what S3 bills: of a listing, each thousand objects."""

    def __init__(self, objects: RecordingStore) -> None:
        self.requests = 0
        self._objects = objects

    def put(self, file: File) -> StoredObject:
        self.requests += 1
        return self._objects.put(file)

    def put_large(self, file: LargeFile, parts: Parts) -> StoredObject:
        self.requests += 1
        return self._objects.put_large(file, parts)

    def give_up_large(self, file: LargeFile, parts: Parts) -> None:
        self.requests += 1
        self._objects.give_up_large(file, parts)

    def replace(self, file: File, *, etag: str | None) -> StoredObject:
        self.requests += 1
        return self._objects.replace(file, etag=etag)

    def get(self, key: str) -> Content | None:
        self.requests += 1
        return self._objects.get(key)

    def get_start(self, key: str, length: int) -> bytes | None:
        self.requests += 1
        return self._objects.get_start(key, length)

    def list(self, prefix: str) -> dict[str, StoredObject]:
        found = self._objects.list(prefix)
        self.requests += max(1, math.ceil(len(found) / _PAGE))
        return found

    def delete(self, keys: Iterable[str]) -> None:
        names = list(keys)
        self.requests += math.ceil(len(names) / _PAGE)
        self._objects.delete(names)


class Hour:
    """Simulated time, and the loops that would be threads; `on_advance` is called as it passes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.loops: list[Callable[[], object]] = []
        self.on_advance: Callable[[], object] = lambda: None
        for module in (lease, heartbeat, machines, standing, team):
            monkeypatch.setattr(module, "now_s", self)
        simulated = SimpleNamespace(Lock=threading.Lock, Event=lambda: _Event(self))
        for module in (heartbeat, status):
            monkeypatch.setattr(module, "threading", simulated)
            monkeypatch.setattr(module, "start_thread", lambda _name, loop: self.loops.append(loop))

    def __call__(self) -> float:
        return self.now_s

    @property
    def is_over(self) -> bool:
        return self.now_s >= HOUR_S

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
        self.on_advance()

    def run(self, loop: Callable[[], object]) -> None:
        self.now_s = 0.0
        loop()
        assert self.is_over


class _Event:
    """Waiting for it lets time pass; at the end of the hour it is set, which ends each loop."""

    def __init__(self, hour: Hour) -> None:
        self._hour = hour
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set or self._hour.is_over

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False

    def wait(self, seconds: float) -> bool:
        if not self.is_set():
            self._hour.advance(seconds)
        return self.is_set()
