"""The results of an audit so far, in a file: what did not change is not judged again."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from ops.audit.finding import Result
from ops.errors import UsageError
from worker.records.base import UnreadableRecordError


class State:
    """JSON lines, one for each destination; the last one of a destination counts.

    Each is written at once, so an audit may end at any moment. A line that was cut then is passed
    over.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._lock = threading.Lock()
        self._results: dict[str, Result] = {}

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        try:
            self._read(self._path)
            self._file = self._path.open("a", encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--state {self._path} cannot be used: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        text = path.read_text(encoding="utf-8")
        for line in text.splitlines():
            try:
                result = Result.from_json(line.encode())
            except UnreadableRecordError:
                continue
            self._results[result.destination] = result
        if text and not text.endswith("\n"):
            # The next line must not continue the one that was cut.
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")

    def find(self, destination: str, listing: str, *, is_deep: bool) -> Result | None:
        """Return what was found before, if nothing there has changed since."""
        result = self._results.get(destination)
        if result is None or result.listing != listing or not result.is_settled:
            return None
        return result if result.is_deep or not is_deep else None

    def add(self, result: Result) -> None:
        """Write a result; several threads may."""
        with self._lock:
            if self._file:
                self._file.write(result.to_json().decode())
                self._file.flush()
