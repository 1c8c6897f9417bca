"""Every way a job can fail, each with its own exit status.

A message says what failed, on what, and what to do next; the log and status.json carry it
unchanged, so it never holds a secret.

WorkerError
├── BadParametersError      64  EX_USAGE
├── BadSourceError          65  EX_DATAERR  with a `SourceFault` as its code
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

from enum import StrEnum
from typing import ClassVar

PUBLISHED = 0
# Raised where FFmpeg reports it, and where a segment that it left is read.
WORK_FOLDER_FULL = (
    "the work folder is full; give the job a larger volume, or name one with --work-dir, and submit"
    " it again: it continues from here"
)


class Resubmit(StrEnum):
    """What to do with a job that has ended, as the log, status.json and operators say it."""

    NOT_NEEDED = "not_needed"
    NO = "no"
    YES = "yes"
    LATER = "later"
    AFTER_FIX = "after_fix"
    ON_LARGER_JOB = "on_larger_job"
    YES_AND_REPORT = "yes_and_report"


class SourceFault(StrEnum):
    """What is wrong with a source: the code beside exit status 65.

    `worker.messages` has a sentence for the teacher for each of them.
    """

    UNREADABLE = "unreadable"
    NO_VIDEO = "no_video"
    AUDIO_ONLY = "audio_only"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    NO_DECODER = "no_decoder"
    PROTECTED = "protected"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    FRAME_TOO_LARGE = "frame_too_large"
    TOO_COMPLEX = "too_complex"
    UNSUPPORTED_COLOR = "unsupported_color"
    BROKEN_TIMESTAMPS = "broken_timestamps"
    BAD_SUBTITLES = "bad_subtitles"


class WorkerError(Exception):
    """A job that ended without publishing; subclasses fix the status and what to do about it."""

    exit_status: ClassVar[int]
    outcome: ClassVar[str]
    resubmit: ClassVar[Resubmit]


class BadParametersError(WorkerError):
    """The job's parameters cannot be used; all faults are in the one message."""

    exit_status = 64
    outcome = "bad_parameters"
    resubmit = Resubmit.NO


class BadSourceError(WorkerError):
    """The source is there but holds no video that can be published whole."""

    exit_status = 65
    outcome = "bad_source"
    resubmit = Resubmit.NO

    def __init__(self, message: str, *, code: SourceFault) -> None:
        super().__init__(message)
        self.code = code


class NoSourceError(WorkerError):
    """The source is missing, reading it is denied, or it was replaced while it was read."""

    exit_status = 66
    outcome = "no_source"
    resubmit = Resubmit.AFTER_FIX


class StorageUnavailableError(WorkerError):
    """The store, the network or the credentials' provider failed until the retries were spent."""

    exit_status = 69
    outcome = "storage_unavailable"
    resubmit = Resubmit.YES


class InternalError(WorkerError):
    """A bug in the worker; the traceback is in the log."""

    exit_status = 70
    outcome = "internal_error"
    resubmit = Resubmit.AFTER_FIX


class EncoderKilledError(WorkerError):
    """FFmpeg died of a signal that the worker did not send, or made no progress and was killed."""

    exit_status = 71
    outcome = "encoder_killed"
    resubmit = Resubmit.ON_LARGER_JOB


class CannotWriteError(WorkerError):
    """A request to the destination is denied, or the work folder is full."""

    exit_status = 73
    outcome = "cannot_write"
    resubmit = Resubmit.AFTER_FIX


class TakenError(WorkerError):
    """Another live job owns the destination."""

    exit_status = 75
    outcome = "taken"
    resubmit = Resubmit.LATER


class VerificationError(WorkerError):
    """What was made is not what was planned; nothing was published."""

    exit_status = 76
    outcome = "output_failed_verification"
    resubmit = Resubmit.YES_AND_REPORT


class BadEnvironmentError(WorkerError):
    """The machine or image lacks something that the worker needs."""

    exit_status = 78
    outcome = "bad_environment"
    resubmit = Resubmit.AFTER_FIX


class BudgetSpentError(WorkerError):
    """The time limit would be exceeded; the job stopped by itself before it.

    `needed_s`: about how many seconds more it would take, where that is known.
    """

    exit_status = 124
    outcome = "budget_spent"
    resubmit = Resubmit.YES

    def __init__(self, message: str, *, needed_s: float | None = None) -> None:
        super().__init__(message)
        self.needed_s = needed_s


class TerminatedError(WorkerError):
    """SIGTERM or SIGINT asked the job to stop."""

    exit_status = 143
    outcome = "terminated"
    resubmit = Resubmit.YES
