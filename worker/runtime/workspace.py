"""What a job's programs run with: a folder, the programs themselves, and the budget."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from worker.errors import CannotWriteError
from worker.runtime.budget import Budget
from worker.runtime.command import Program
from worker.runtime.sandbox import Sandbox
from worker.runtime.work_folder import open_folder, remove_old_folders


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """The programs to run, how they are restricted, and how long one may make no progress."""

    ffmpeg: str = "ffmpeg"
    ffprobe: str = "ffprobe"
    stall_timeout_s: float = 180.0
    sandbox: Sandbox = field(default_factory=Sandbox)

    def path_of(self, program: Program) -> str:
        """Return the path of a program, or its name on PATH."""
        return {"ffmpeg": self.ffmpeg, "ffprobe": self.ffprobe}[program]


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """A folder of the job's own, the programs that run in it, and their budget."""

    folder: Path
    tools: Tools
    budget: Budget

    def of_file(self, number: int) -> Workspace:
        """Return the workspace of one of several files, from 1: what is made of each has a name.

        FFmpeg may read what is in its workspace's folder; all are below that of the first.
        """
        if number == 1:
            return self
        folder = self.folder / f"file{number}"
        folder.mkdir(exist_ok=True)
        return replace(self, folder=folder)

    def add_fifo(self, name: str) -> None:
        """Make a FIFO in the folder, by which one program reads what another one writes."""
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self.folder / name)


@contextlib.contextmanager
def open_workspace(parent: Path | None, *, tools: Tools, budget: Budget) -> Iterator[Workspace]:
    """Make a folder for one job below `parent`, and remove it with all that is in it.

    What killed jobs left there is removed first, so that it takes no space from this one.

    Raises:
        CannotWriteError: it cannot be made.
        WorkerError: the budget's reason to stop.

    """
    remove_old_folders(parent, budget.check)
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(open_folder(parent))
        except OSError as error:
            raise CannotWriteError(
                f"the work folder cannot be made: {error}; name a writable one with --work-dir"
            ) from error
        yield Workspace(folder=folder, tools=tools, budget=budget)
