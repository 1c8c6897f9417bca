"""The FFmpeg commands that copy tracks and encode no video. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ffmpeg

from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.inputs import open_input
from worker.media.streams import Media
from worker.plan.plan import TextPlan
from worker.runtime.command import Command


def rewrite_timestamps(media: Media, source: Path, output: str) -> Command:
    """Build the FFmpeg that copies video and audio into a file whose timestamps run through.

    Where timestamps restart, or leap by more than ten seconds, FFmpeg by itself (without -copyts)
    continues from where it was, for all tracks alike.
    """
    opened = open_input(source)
    indexes = [media.video.index, *([media.audio.index] if media.audio else [])]
    # MPEG-TS carries parameter sets in the stream: joined parts may differ in them.
    copied = ffmpeg.output(
        *(opened[str(index)] for index in indexes),
        output,
        f="mpegts",
        c="copy",
        map_metadata=-1,
    )
    return ffmpeg_command([copied], copy_times=False)


def copy_webvtt(texts: Sequence[TextPlan], source: Path) -> Command:
    """Build the FFmpeg that writes tracks of WebVTT as `<name>.vtt`: text and settings as they are.

    Settings travel beside the text, where ffprobe does not show them.
    """
    opened = open_input(source)
    copied = [
        ffmpeg.output(
            opened[str(text.stream.index)],
            f"{text.name}.vtt",
            f="webvtt",
            **{"c:s": "copy"},
            map_metadata=-1,
        )
        for text in texts
    ]
    return ffmpeg_command(copied)
