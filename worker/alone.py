"""Runs one FFmpeg by itself, to its end, and reads what it said."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from worker.command import PROGRESS
from worker.errors import EncoderKilledError
from worker.limits import FILE_BYTES
from worker.process import Build, Ended, FailedError, Line, Processes, Tools

# That one FFmpeg came to nothing: no reason to end a job that can do without what it was to make.
CAME_TO_NOTHING = (FailedError, EncoderKilledError)
_DECODED = re.compile(r"Input stream #0:(\d+) .*?(\d+) frames decoded")


def run_alone(
    name: str,
    build: Build,
    *,
    folder: Path,
    tools: Tools,
    labels: Sequence[str] = (PROGRESS,),
    on_line: Callable[[Line], None] = lambda _: None,
    file_bytes: int = FILE_BYTES,
) -> tuple[str, ...]:
    """Run it in a folder, and return what it said last on stderr.

    Its progress, or what else it writes on the pipes of these labels, shows that it does not stand
    still; `on_line` gets each line.

    Raises:
        FailedError: it ended with a positive status.
        EncoderKilledError: it was killed, or stood still for the stall time-out.
        WorkerError: as `Processes.events` raises it.

    """
    tail: tuple[str, ...] = ()
    with Processes(
        budget=tools.budget,
        folder=folder,
        stall_timeout_s=tools.stall_timeout_s,
        file_bytes=file_bytes,
    ) as processes:
        processes.start(name, labels, build)
        for event in processes.events():
            if isinstance(event, Ended):
                tail = event.tail
            else:
                on_line(event)
    return tail


def decoded_frames(tail: Sequence[str]) -> dict[int, int]:
    """Return how many frames of each of its source's tracks an FFmpeg says that it decoded."""
    decoded: dict[int, int] = {}
    for line in tail:
        if match := _DECODED.search(line):
            index, frames = int(match[1]), int(match[2])
            decoded[index] = decoded.get(index, 0) + frames
    return decoded
