"""Stores the small files of a run, which name its segments: several at a time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from worker.layout import File
from worker.runtime.threads import DaemonThreadPool
from worker.storage.retrying import RetryingStore


def put_all(store: RetryingStore, files: Iterable[File], *, threads: int) -> None:
    """Write all of them, in no order, and wait until they are there.

    Raises:
        WorkerError: the first failure, as the store raises it.

    """
    with DaemonThreadPool("publish", threads) as pool:
        for writing in [pool.submit(partial(store.put, file)) for file in files]:
            # The store's own budget bounds it.
            writing.result()
