"""The small files of a run, which name its segments: written several at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from worker.apart import Crew
from worker.store import SteadyStore, Store


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file to be written, with what the store is to tell of it."""

    key: str
    data: bytes
    content_type: str
    cache_control: str

    def put_into(self, store: Store) -> None:
        """Write it.

        Raises:
            WorkerError: as the store raises it.

        """
        store.put(
            self.key, self.data, content_type=self.content_type, cache_control=self.cache_control
        )


def put_all(store: SteadyStore, files: Iterable[File], *, threads: int) -> None:
    """Write all of them, in no order, and wait until they are there.

    Raises:
        WorkerError: the first failure, as the store raises it.

    """
    with Crew("publish", threads) as crew:
        for writing in [crew.submit(partial(file.put_into, store)) for file in files]:
            # The store's own budget bounds it.
            writing.result()
