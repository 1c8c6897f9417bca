"""Every way a job can end badly, each with its own exit status.

A message says what failed, on what, and what to do next; the log and status.json carry it
unchanged, so it never holds a secret.

WorkerError
├── BadParametersError      64  EX_USAGE
├── BadSourceError          65  EX_DATAERR
├── NoSourceError           66  EX_NOINPUT
├── StorageUnavailableError 69  EX_UNAVAILABLE
├── InternalError           70  EX_SOFTWARE
├── EncoderKilledError      71  EX_OSERR
├── CannotWriteError        73  EX_CANTCREAT
├── TakenError              75  EX_TEMPFAIL
├── VerificationError       76  EX_PROTOCOL
├── BadEnvironmentError     78  EX_CONFIG
├── BudgetSpentError       124  as timeout(1)
└── TerminatedError        143  128 + SIGTERM
"""

from __future__ import annotations

from typing import ClassVar

PUBLISHED = 0
# Noticed by FFmpeg, or by whoever reads what it left.
WORK_FOLDER_FULL = (
    "the work folder is full; give the job a larger volume, or name one with --work-dir, and submit"
    " it again: it goes on from here"
)


class WorkerError(Exception):
    """A job that ended without publishing; subclasses fix the status and what to do about it."""

    exit_status: ClassVar[int]
    outcome: ClassVar[str]
    resubmit: ClassVar[str]


class BadParametersError(WorkerError):
    """The job's parameters cannot be used; all faults are in the one message."""

    exit_status = 64
    outcome = "bad_parameters"
    resubmit = "no"


class BadSourceError(WorkerError):
    """The source is there but holds no video that can be published whole."""

    exit_status = 65
    outcome = "bad_source"
    resubmit = "no"


class NoSourceError(WorkerError):
    """The source is missing, or reading it is denied."""

    exit_status = 66
    outcome = "no_source"
    resubmit = "after mending"


class StorageUnavailableError(WorkerError):
    """The store or the network stayed away until the retries were spent."""

    exit_status = 69
    outcome = "storage_unavailable"
    resubmit = "yes"


class InternalError(WorkerError):
    """A bug of the worker's own; the traceback is in the log."""

    exit_status = 70
    outcome = "internal_error"
    resubmit = "after mending"


class EncoderKilledError(WorkerError):
    """FFmpeg died of a signal that the worker did not send, or stood still and was killed."""

    exit_status = 71
    outcome = "encoder_killed"
    resubmit = "on a larger job"


class CannotWriteError(WorkerError):
    """The destination refuses to be written, or the work folder is full."""

    exit_status = 73
    outcome = "cannot_write"
    resubmit = "after mending"


class TakenError(WorkerError):
    """Another live job owns the destination."""

    exit_status = 75
    outcome = "taken"
    resubmit = "later"


class VerificationError(WorkerError):
    """What was made is not what was planned; nothing was published."""

    exit_status = 76
    outcome = "output_failed_verification"
    resubmit = "yes, and report"


class BadEnvironmentError(WorkerError):
    """The machine or image lacks something that the worker needs."""

    exit_status = 78
    outcome = "bad_environment"
    resubmit = "after mending"


class BudgetSpentError(WorkerError):
    """The time limit would be passed; the job stopped by itself before it.

    `needed_s`: about how many seconds more it would take, where that is known.
    """

    exit_status = 124
    outcome = "budget_spent"
    resubmit = "yes"

    def __init__(self, message: str, *, needed_s: float | None = None) -> None:
        super().__init__(message)
        self.needed_s = needed_s


class TerminatedError(WorkerError):
    """SIGTERM or SIGINT asked the job to stop."""

    exit_status = 143
    outcome = "terminated"
    resubmit = "yes"
