"""Runs one FFmpeg to its end, and reads what it reports."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from worker.errors import EncoderKilledError
from worker.runtime.child import Line
from worker.runtime.command import Command
from worker.runtime.process import Ended, FailedError, Processes
from worker.runtime.sandbox import MAX_FILE_BYTES
from worker.runtime.workspace import Workspace

# That one FFmpeg failed: no reason to end a job that can do without what it was to make.
FFMPEG_FAILURES = (FailedError, EncoderKilledError)
_DECODED = re.compile(r"Input stream #0:(\d+) .*?(\d+) frames decoded")
_WRITTEN = re.compile(r"Output stream #0:0 \(audio\): .*?\((\d+) samples\)")


def run_ffmpeg(
    name: str,
    command: Command,
    workspace: Workspace,
    *,
    on_line: Callable[[Line], None] = lambda _: None,
    file_bytes: int = MAX_FILE_BYTES,
) -> tuple[str, ...]:
    """Run it, and return its last lines on stderr.

    Its progress, or what else it writes on its pipes, shows that it does not stand still; `on_line`
    gets each line.

    Raises:
        FailedError: it ended with a positive status.
        EncoderKilledError: it was killed, or made no progress for the stall time-out.
        WorkerError: as `Processes.events` raises it.

    """
    tail: tuple[str, ...] = ()
    with Processes(workspace, file_bytes=file_bytes) as processes:
        processes.start(name, command)
        for event in processes.events():
            if isinstance(event, Ended):
                tail = event.tail
            else:
                on_line(event)
    return tail


def written_samples(tail: Sequence[str]) -> int:
    """Return how many samples of audio an FFmpeg with one output reports as written."""
    return sum(int(match[1]) for line in tail if (match := _WRITTEN.search(line)))


def decoded_frames(tail: Sequence[str]) -> dict[int, int]:
    """Return how many frames of each track of its source an FFmpeg reports as decoded."""
    decoded: dict[int, int] = {}
    for line in tail:
        if match := _DECODED.search(line):
            index, frames = int(match[1]), int(match[2])
            decoded[index] = decoded.get(index, 0) + frames
    return decoded


def run_through_pipe(
    decode: Command,
    read: Command,
    pipe: str,
    workspace: Workspace,
    *,
    on_line: Callable[[Line], None] = lambda _: None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Run two FFmpegs, the second of which reads what the first one writes into a FIFO.

    Returns the last lines of both; `on_line` gets what they write on pipes. Raises as `run_ffmpeg`
    does.
    """
    workspace.add_fifo(pipe)
    tails: dict[str, tuple[str, ...]] = {}
    writer, reader = "ffmpeg (audio decode)", "ffmpeg (audio check)"
    with Processes(workspace) as processes:
        processes.start(writer, decode)
        # It skips what is before a clip, and shows nothing of that.
        processes.start(reader, read, fed_by={writer})
        for event in processes.events():
            if isinstance(event, Ended):
                tails[event.child] = event.tail
            else:
                on_line(event)
    return tails.get(writer, ()), tails.get(reader, ())
