"""Goes on asking while a store is away: the only layer that retries a call.

A store that answers 500 or 503, resets connections or is down is asked again for two minutes, with
jitter, inside the job's budget; a stop ends the waiting at once, wherever it is. A long transfer
that breaks off in the end was no absence, and is asked for again as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog
import tenacity

from worker.apart import run_apart
from worker.budget import Budget
from worker.errors import StorageUnavailableError
from worker.store.base import Content, Store, StoredObject

T = TypeVar("T")

PATIENCE_S = 120.0
# So long no store is waited for in silence (the clients' time-outs); what took longer was answered.
_SILENCE_S = 35.0
_LONGEST_WAIT_S = 10.0

log = structlog.get_logger(__name__)


def ask(function: Callable[[], T], budget: Budget, *, linger_s: float = 0.0) -> T:
    """Call a function of a store in a thread of its own, until it answers.

    Raises:
        StorageUnavailableError: it stayed away for two minutes.
        WorkerError: what else it raises, or the budget's reason to stop.

    """
    return run_apart(
        lambda: ask_again(function, budget, linger_s=linger_s), lambda: budget.check(linger_s)
    )


def ask_again(function: Callable[[], T], budget: Budget, *, linger_s: float = 0.0) -> T:
    """Do as `ask` does, in the caller's thread: a stop is noticed between two attempts."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(StorageUnavailableError),
        stop=_Patience(lambda: budget.elapsed_s),
        wait=tenacity.wait_random_exponential(multiplier=0.25, max=_LONGEST_WAIT_S),
        sleep=lambda seconds: budget.sleep(seconds, linger_s),
        before_sleep=_tell,
        reraise=True,
    )
    return retrying(function)


class _Patience:
    """Says when to stop asking: the waiting, and what the attempts took of it, make two minutes.

    An attempt counts for a silence at most, so that one transfer of hours is not the end of all;
    four of them are.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._away_s = 0.0
        self._waited_s = 0.0
        self._seen_s = clock()

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        """Count the attempt that just failed, and the wait before it."""
        now_s = self._clock()
        waited_s = state.idle_for - self._waited_s
        self._away_s += waited_s + min(_SILENCE_S, max(0.0, now_s - self._seen_s - waited_s))
        self._waited_s, self._seen_s = state.idle_for, now_s
        return self._away_s >= PATIENCE_S


def _tell(state: tenacity.RetryCallState) -> None:
    reason = state.outcome.exception() if state.outcome else None
    log.warning("storage_retried", attempt=state.attempt_number, reason=str(reason))


class SteadyStore:
    """A store that is asked again while it is away, and never waited for after a stop.

    `linger_s`: for so long after a stop its calls may still be made and finished.
    """

    def __init__(self, store: Store, budget: Budget, *, linger_s: float = 0.0) -> None:
        self._store = store
        self._budget = budget
        self._linger_s = linger_s

    def __str__(self) -> str:
        return str(self._store)

    def lingering(self, seconds: float) -> SteadyStore:
        """Return the same store for what may go on after a stop."""
        return SteadyStore(self._store, self._budget, linger_s=seconds)

    def put(self, key: str, data: bytes, *, content_type: str, cache_control: str) -> StoredObject:
        """Write an object."""
        return self._ask(
            lambda: self._store.put(
                key, data, content_type=content_type, cache_control=cache_control
            )
        )

    def replace(
        self, key: str, data: bytes, *, etag: str | None, content_type: str, cache_control: str
    ) -> StoredObject:
        """Write an object if it is the expected one.

        An attempt whose answer was lost may have succeeded: then the next one finds a change.
        """
        return self._ask(
            lambda: self._store.replace(
                key, data, etag=etag, content_type=content_type, cache_control=cache_control
            )
        )

    def get(self, key: str) -> Content | None:
        """Read an object; None where there is none."""
        return self._ask(lambda: self._store.get(key))

    def get_start(self, key: str, length: int) -> bytes | None:
        """Read the first bytes of an object; None where there is none."""
        return self._ask(lambda: self._store.get_start(key, length))

    def list(self, prefix: str) -> dict[str, StoredObject]:
        """List objects."""
        return self._ask(lambda: self._store.list(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects."""
        names = list(keys)
        self._ask(lambda: self._store.delete(names))

    def _ask(self, function: Callable[[], T]) -> T:
        return ask(function, self._budget, linger_s=self._linger_s)
