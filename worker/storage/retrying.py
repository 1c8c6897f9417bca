"""Repeats calls to a store that does not answer: the only layer that retries.

A call that raises StorageUnavailableError is made again for two minutes, with jitter, inside the
job's budget; a stop ends the waiting at once, wherever it is. Which answers raise it is decided
where they are read: `s3` and `https`. A long transfer that breaks off is made again as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import structlog
import tenacity

from worker.errors import StorageUnavailableError
from worker.layout import File, LargeFile
from worker.runtime.budget import Budget
from worker.runtime.threads import run_in_thread
from worker.storage.base import (
    DELETE_BATCH,
    Content,
    Parts,
    PreconditionFailedError,
    Store,
    StoredObject,
)

T = TypeVar("T")

PATIENCE_S = 120.0
# The longest that a client waits for an answer; an attempt that took longer transferred something.
_SILENCE_S = 35.0
_LONGEST_WAIT_S = 10.0
# After a stop, for deleting the parts of an upload that was begun.
_GIVE_UP_GRACE_S = 4.0

log = structlog.get_logger(__name__)


def retry_in_thread(function: Callable[[], T], budget: Budget, *, grace_s: float = 0.0) -> T:
    """Call a function of a store in a thread of its own, until it answers.

    Raises:
        StorageUnavailableError: it did not answer for two minutes.
        WorkerError: what else it raises, or the budget's reason to stop.

    """
    return run_in_thread(
        lambda: retry(function, budget, grace_s=grace_s), lambda: budget.check(grace_s)
    )


def retry(function: Callable[[], T], budget: Budget, *, grace_s: float = 0.0) -> T:
    """Do as `retry_in_thread`, in the caller's thread: a stop is noticed between two attempts."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(StorageUnavailableError),
        stop=_Patience(lambda: budget.elapsed_s),
        wait=tenacity.wait_random_exponential(multiplier=0.25, max=_LONGEST_WAIT_S),
        sleep=lambda seconds: budget.sleep(seconds, grace_s),
        before_sleep=_log_retry,
        reraise=True,
    )
    return retrying(function)


class _Patience:
    """Decides when to stop: the waiting, and what the attempts took of it, make two minutes.

    An attempt counts for 35 s at most, so that one transfer of hours does not use it all up; four
    of them do.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._unanswered_s = 0.0
        self._waited_s = 0.0
        self._seen_s = clock()

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        """Count the attempt that just failed, and the wait before it."""
        now_s = self._clock()
        waited_s = state.idle_for - self._waited_s
        self._unanswered_s += waited_s + min(_SILENCE_S, max(0.0, now_s - self._seen_s - waited_s))
        self._waited_s, self._seen_s = state.idle_for, now_s
        return self._unanswered_s >= PATIENCE_S


def _log_retry(state: tenacity.RetryCallState) -> None:
    reason = state.outcome.exception() if state.outcome else None
    log.warning("storage_retried", attempt=state.attempt_number, reason=str(reason))


class RetryingStore:
    """A store whose calls are repeated until it answers, and never waited for after a stop.

    `grace_s`: for so long after a stop its calls may still be made and finished. `may_write` is
    called before each attempt to write or delete, and raises where that is not to be made now.
    """

    def __init__(
        self,
        store: Store,
        budget: Budget,
        *,
        grace_s: float = 0.0,
        may_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._budget = budget
        self._grace_s = grace_s
        self._may_write = may_write

    def __str__(self) -> str:
        return str(self._store)

    def with_grace(self, seconds: float) -> RetryingStore:
        """Return the same store for calls that have a grace period after a stop."""
        return RetryingStore(self._store, self._budget, grace_s=seconds, may_write=self._may_write)

    def guarded(self, may_write: Callable[[], None]) -> RetryingStore:
        """Return the same store for a job that holds a lease, which `may_write` checks."""
        return RetryingStore(self._store, self._budget, grace_s=self._grace_s, may_write=may_write)

    def put(self, file: File) -> StoredObject:
        """Write an object."""
        return self._write(lambda: self._store.put(file))

    def put_large(self, file: LargeFile, parts: Parts) -> StoredObject:
        """Write an object from a file; what is stored of it is not sent again."""
        try:
            return self._write(lambda: self._store.put_large(file, parts))
        except Exception:
            self.give_up_large(file, parts)
            raise

    def give_up_large(self, file: LargeFile, parts: Parts) -> None:
        """Delete the parts of an upload that was begun; that they stay is only logged."""
        if parts.upload_id is None:
            return
        try:
            run_in_thread(
                lambda: self._store.give_up_large(file, parts),
                lambda: self._budget.check(_GIVE_UP_GRACE_S),
                timeout_s=_GIVE_UP_GRACE_S,
            )
        except Exception as error:  # noqa: BLE001 (the caller has an error already)
            log.warning("upload_not_deleted", key=file.key, reason=str(error))

    def replace(self, file: File, *, etag: str | None) -> StoredObject:
        """Write an object if it is the expected one.

        An attempt whose answer was lost may have succeeded, and the next one finds the change: that
        is this very content, and no other process's.
        """
        try:
            return self._write(lambda: self._store.replace(file, etag=etag))
        except PreconditionFailedError:
            found = self.get(file.key)
            if found is None or found.data != file.data:
                raise
            return StoredObject(bytes=len(found.data), etag=found.etag)

    def get(self, key: str) -> Content | None:
        """Read an object; None where there is none."""
        return self._retry(lambda: self._store.get(key))

    def get_start(self, key: str, length: int) -> bytes | None:
        """Read the first bytes of an object; None where there is none."""
        return self._retry(lambda: self._store.get_start(key, length))

    def list(self, prefix: str) -> dict[str, StoredObject]:
        """List objects."""
        return self._retry(lambda: self._store.list(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, as many at a time as one request does.

        A job that stands still in between may have been taken over when it goes on.
        """
        names = list(keys)
        for at in range(0, len(names), DELETE_BATCH):
            batch = names[at : at + DELETE_BATCH]
            self._write(partial(self._store.delete, batch))

    def _write(self, function: Callable[[], T]) -> T:
        def attempt() -> T:
            self._may_write()
            return function()

        return self._retry(attempt)

    def _retry(self, function: Callable[[], T]) -> T:
        return retry_in_thread(function, self._budget, grace_s=self._grace_s)
