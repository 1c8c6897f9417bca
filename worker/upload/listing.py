"""Lists a finished run, for its verification."""

from __future__ import annotations

import structlog

from worker.hls.run import Run
from worker.layout import run_prefix
from worker.runtime.budget import Budget
from worker.storage.base import ListingDeniedError, StoredObject
from worker.storage.retrying import RetryingStore
from worker.upload.verify import store_faults

# S3 lists what was written before. Some compatible stores list it seconds later; what is missing
# after half a minute is not coming.
_WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0)

log = structlog.get_logger(__name__)


def list_run(run: Run, store: RetryingStore, budget: Budget) -> dict[str, StoredObject] | None:
    """List a run; while that lacks what was uploaded, list again, for half a minute.

    None where the job may not list: then the store's answers to the writes have to do.

    Raises:
        WorkerError: the store cannot be listed, or the budget's reason to stop.

    """
    prefix = run_prefix(run.name)
    try:
        listing = store.list(prefix)
    except ListingDeniedError:
        return None
    for wait_s in _WAITS_S:
        fault = next(store_faults(run, listing), None)
        if fault is None:
            break
        log.warning("listing_repeated", reason=fault, wait_s=wait_s)
        budget.sleep(wait_s)
        listing = store.list(prefix)
    return listing
