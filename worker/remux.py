"""FFmpeg argument lists that copy tracks and encode nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import ffmpeg

from worker.command import compile_command
from worker.inputs import open_input
from worker.media import Media
from worker.plan import Plan


def straighten(
    media: Media, source: Path, *, ffmpeg_path: str, output: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the FFmpeg that copies picture and sound into a file whose clock runs through.

    Where the clock starts anew, or leaps by more than ten seconds, FFmpeg by itself (without
    -copyts) goes on from where it was, for all tracks alike.
    """
    opened = open_input(source)
    indexes = [media.video.index, *([media.audio.index] if media.audio else [])]
    # MPEG-TS carries parameter sets in the stream: parts put end to end may differ in them.
    copied = ffmpeg.output(
        *(opened[str(index)] for index in indexes),
        output,
        f="mpegts",
        c="copy",
        map_metadata=-1,
    )
    return compile_command([copied], ffmpeg_path, pipes, copy_times=False)


def extract_texts(
    plan: Plan, source: Path, *, ffmpeg_path: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the FFmpeg that writes each text track of a plan as `<name>.vtt`."""
    opened = open_input(source)
    texts = [
        ffmpeg.output(
            opened[str(text.stream.index)],
            f"{text.name}.vtt",
            f="webvtt",
            **{"c:s": "webvtt"},
            map_metadata=-1,
        )
        for text in plan.texts
    ]
    return compile_command(texts, ffmpeg_path, pipes)
