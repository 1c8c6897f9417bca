"""The file that makes a list restartable: what was done with each row, a line each.

A line is appended and on disk before the next step: `submitting` before SubmitJob, `submitted`
after its answer, `ended` when the job has. Where a process died between the first two, Batch itself
answers whether there is a job (`ops.bulk.known`).
"""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Self

from pydantic import Field

from ops.errors import LaterError, UsageError
from worker.records.base import Record, UnreadableRecordError
from worker.records.job import MessageRecord

EndState = Literal["published", "refused", "failed", "skipped"]


class RowEnd(Record):
    """How a row ended; `refused` is the source's fault (exit status 65)."""

    state: EndState
    exit_status: int | None = None
    outcome: str = ""
    code: str | None = None
    message: str = ""
    advice: str = ""
    teacher_message: MessageRecord | None = None
    seconds: float | None = Field(default=None, description="From the job's start to its end.")
    vcpus: float | None = None


class StateLine(Record):
    """What was done with a row."""

    _indent: ClassVar[int | None] = None

    at: datetime
    row: str = Field(description="Digest of the row.")
    event: Literal["submitting", "submitted", "ended"]
    job_id: str | None = None
    end: RowEnd | None = None


class State:
    """The open file; one process has it at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self.last: dict[str, StateLine] = {}

    def __enter__(self) -> Self:
        """Read what there is.

        Raises:
            LaterError: another process works through the same list.
            UsageError: the file cannot be written.

        """
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UsageError(
                f"the state file {self._path} cannot be written: {error.strerror}; name another"
                " with --state"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise LaterError(
                f"another process works through this list: it has {self._path} open"
            ) from error
        self._read()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file; that releases it."""
        os.close(self._descriptor)

    def job_id(self, row: str) -> str | None:
        """Return the job that was submitted for a row."""
        line = self.last.get(row)
        return line.job_id if line else None

    def add(
        self,
        row: str,
        event: Literal["submitting", "submitted", "ended"],
        *,
        job_id: str | None = None,
        end: RowEnd | None = None,
    ) -> None:
        """Append a line; it is on disk when this returns."""
        line = StateLine(at=datetime.now(UTC), row=row, event=event, job_id=job_id, end=end)
        data = line.to_json()
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fsync(self._descriptor)
        self.last[row] = line

    def _read(self) -> None:
        data = self._path.read_bytes()
        for text in data.splitlines():
            try:
                line = StateLine.from_json(text)
            except UnreadableRecordError:
                # Torn: the process died while it was written.
                continue
            self.last[line.row] = line
        if data and not data.endswith(b"\n"):
            os.write(self._descriptor, b"\n")
