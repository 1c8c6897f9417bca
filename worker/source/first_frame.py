"""Reads the video track of a source, and decodes its first frame for what no header says."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.ffmpeg.inputs import show_first_frames, show_key_frames
from worker.media.aspects import may_change_aspect, read_changes
from worker.media.ffprobe import is_mpeg_container, video_stream
from worker.media.first_frame import FirstFrame, is_frame_end, read_first_frame
from worker.media.packets import PacketTally
from worker.media.streams import VideoStream
from worker.runtime.child import Line
from worker.runtime.process import FailedError, Processes
from worker.runtime.workspace import Workspace

_NAME = "ffprobe (first frame)"

Raw = Mapping[str, Any]


def read_video(
    source: Path, raw: Raw, tally: PacketTally, raw_format: Raw, workspace: Workspace
) -> VideoStream:
    """Describe a video track by its header, its packets and its first frame.

    Raises:
        WorkerError: as `Processes.events` raises it.

    """
    first = _decode_first_frame(source, raw["index"], workspace)
    video = video_stream(raw, tally.packets(), first, raw_format)
    is_mpeg = is_mpeg_container(str(raw_format.get("format_name", "")))
    if not may_change_aspect(video.height, is_mpeg=is_mpeg):
        return video
    rows = _list_key_frames(source, video.index, workspace)
    changes = read_changes(rows, origin_s=float(raw_format.get("start_time", 0)))
    return replace(video, aspect_changes=changes)


def _list_key_frames(source: Path, index: int, workspace: Workspace) -> list[str]:
    rows: list[str] = []
    # Newer FFmpeg gives all frames the first one's aspect, so that no filter sees a change.
    with contextlib.suppress(FailedError), Processes(workspace) as processes:
        processes.start("ffprobe (key frames)", show_key_frames(source, index))
        rows = [event.text for event in processes.events() if isinstance(event, Line)]
    return rows


def _decode_first_frame(source: Path, index: int, workspace: Workspace) -> FirstFrame | None:
    lines: list[str] = []
    # Where it fails, the encode finds out whether anything can be decoded.
    with contextlib.suppress(FailedError), Processes(workspace) as processes:
        processes.start(_NAME, show_first_frames(source, index))
        for event in processes.events():
            if isinstance(event, Line) and not (lines and is_frame_end(lines[-1])):
                lines.append(event.text)
                if is_frame_end(event.text):
                    processes.stop(_NAME)
    return read_first_frame(lines)
