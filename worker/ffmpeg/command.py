"""Turns an ffmpeg-python graph into a command. Pure: nothing is started here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ffmpeg

from worker.runtime.command import PROGRESS, Command, pipe_url


def ffmpeg_command(
    outputs: Sequence[Any],
    *,
    pipes: Sequence[str] = (),
    reports_progress: bool = True,
    copy_times: bool = True,
    filter_threads: int = 0,
    level: str = "verbose",
) -> Command:
    """Make the command of some outputs of an ffmpeg-python graph, whose pipes are these.

    Without `copy_times` FFmpeg puts the source's start at zero and repairs its timestamps. Each
    filter has `filter_threads`; 0: one for each core. Level `verbose` is needed where the number of
    decoded frames is: only there FFmpeg reports it.
    """
    words = ["-hide_banner", "-nostdin", "-nostats", "-y"]
    words += [*(["-copyts"] if copy_times else []), "-loglevel", f"level+{level}"]
    if filter_threads:
        words += ["-filter_complex_threads", str(filter_threads)]
    if reports_progress:
        words += ["-progress", pipe_url(PROGRESS)]
        pipes = (*pipes, PROGRESS)
    merged = ffmpeg.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]
    # compile() sorts options by name, and puts global ones last.
    _, *args = ffmpeg.compile(merged.global_args(*words))
    return Command("ffmpeg", tuple(args), tuple(pipes))
