"""How an operator command can fail, with exit statuses of sysexits.

OpsError
├── UsageError          64  EX_USAGE
├── NotThereError       66  EX_NOINPUT
├── UnreachableError    69  EX_UNAVAILABLE
├── UnexpectedError     70  EX_SOFTWARE
│   └── InternalError   70
├── LaterError          75  EX_TEMPFAIL
├── DeploymentError     76  EX_PROTOCOL
├── DeniedError         77  EX_NOPERM
└── MisconfiguredError  78  EX_CONFIG
"""

from __future__ import annotations

import traceback
from typing import ClassVar

OK = 0
DRIFT = 1
DAMAGE = 1
UNREADABLE = 65
INTERRUPTED = 130


class OpsError(Exception):
    """A command that failed; the message names what to do next."""

    exit_status: ClassVar[int]


class UsageError(OpsError):
    """The command line cannot be used."""

    exit_status = 64


class NotThereError(OpsError):
    """The job, stack, queue or job definition that was named does not exist."""

    exit_status = 66


class UnreachableError(OpsError):
    """AWS does not answer, or not in a way that can be read."""

    exit_status = 69


class UnexpectedError(OpsError):
    """AWS refused a call for another reason, or a job failed and reported no exit status."""

    exit_status = 70


class InternalError(UnexpectedError):
    """A fault of the command itself."""


class LaterError(OpsError):
    """Not now: another deployment is in progress, calls are throttled, or waiting took too long."""

    exit_status = 75


class DeploymentError(OpsError):
    """CloudFormation could not execute the change, or its state accepts none."""

    exit_status = 76


class DeniedError(OpsError):
    """There are no credentials, they have expired, or they lack a permission."""

    exit_status = 77


class MisconfiguredError(OpsError):
    """The profile or region that was asked for is not configured."""

    exit_status = 78


def internal(error: Exception) -> InternalError:
    """Return what an error that nothing expected means to an operator."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" in {frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in last)
    return InternalError(
        f"a fault of this command, not of AWS:{where}: {type(error).__name__}: {error}. Nothing is"
        " known of what it was to find out; report this line"
    )
