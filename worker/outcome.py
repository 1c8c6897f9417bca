"""How a job ended, in one value: exit status, name, message, and what to do."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from worker.errors import PUBLISHED, CannotWriteError, InternalError, WorkerError
from worker.location import hide_queries


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the exit status, the last log line and status.json all say."""

    exit_status: int
    name: str
    message: str
    resubmit: str = "no need"


def published(message: str) -> Outcome:
    """Return the one good outcome."""
    return Outcome(exit_status=PUBLISHED, name="published", message=message)


def outcome_of(error: BaseException) -> Outcome:
    """Name the outcome of an error; one that is not the worker's own is a bug (status 70)."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        error = CannotWriteError(f"the work folder cannot be written: {error.strerror}")
    if not isinstance(error, WorkerError):
        error = InternalError(
            f"a bug of the worker: {type(error).__name__}: {hide_queries(str(error))};"
            " the traceback is in the log"
        )
    return Outcome(
        exit_status=error.exit_status,
        name=error.outcome,
        message=str(error),
        resubmit=error.resubmit,
    )
