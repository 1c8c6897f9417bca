"""Makes sure that a run is of one source, which may be replaced while it is read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from worker.errors import BadSourceError, NoSourceError, VerificationError, WorkerError
from worker.publish.leftovers import delete_unpublished
from worker.records.manifest import ManifestRecord
from worker.storage.open import OpenedParts
from worker.storage.retrying import RetryingStore

# After a stop; that of the last write of status.json follows.
_GRACE_S = 8.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class OneSource:
    """The source of a run; `run` returns its name, None where it has none yet.

    If the source was replaced, the run's segments are deleted: a later job, for which the first
    source was put back, would take them for that source's. A run that is published is left to its
    viewers: `previous` is the manifest that names it.
    """

    source: OpenedParts
    store: RetryingStore
    run: Callable[[], str | None]
    previous: ManifestRecord | None

    def check(self) -> None:
        """Compare the source with what was opened.

        Raises:
            NoSourceError: it is another one by now.

        """
        try:
            self.source.check_unchanged()
        except NoSourceError:
            if run := self.run():
                self._delete(run)
            raise

    @contextlib.contextmanager
    def reported_first(self) -> Iterator[None]:
        """Report a source that was replaced as that, and not as damaged, where both are true."""
        try:
            yield
        except (BadSourceError, VerificationError):
            self.check()
            raise

    def _delete(self, run: str) -> None:
        try:
            delete_unpublished(self.store.with_grace(_GRACE_S), run, self.previous)
        except WorkerError as error:
            log.warning("mixed_run_not_deleted", run=run, reason=str(error))
