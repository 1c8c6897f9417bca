"""Progress on a terminal: one bar for each step, which stays when the step is done."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class ProgressBars:
    """One bar for each step that was begun; log lines go above them."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[percent]:>5}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The bar of a step that failed stays where it was.
        if self._task is not None:
            self._progress.stop_task(self._task)
        self._progress.stop()

    def begin(self, label: str) -> None:
        """Fill the bar of the step before, and open one whose length is not known yet."""
        self.end()
        self._task = self._progress.add_task(label, total=None, percent="", detail="")

    def advance(self, share: float | None, detail: str) -> None:
        """Set how much of the step is done, 0 to 1, where that is known, and the text beside it."""
        if self._task is None:
            return
        if share is None:
            self._progress.update(self._task, detail=detail)
            return
        percent = f"{share:.0%}"
        self._progress.update(self._task, total=1, completed=share, percent=percent, detail=detail)

    def end(self) -> None:
        """Fill the bar of the step that is under way."""
        if self._task is not None:
            self._progress.update(self._task, total=1, completed=1, percent="100%")
            self._progress.stop_task(self._task)
            self._task = None
