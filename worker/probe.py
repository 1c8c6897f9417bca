"""Reads a source once: what its container and streams are, and when each packet plays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from worker.errors import BadSourceError
from worker.inputs import show_packets, show_streams
from worker.media import (
    Media,
    PacketTally,
    audio_stream,
    choose_streams,
    promised_duration_s,
    video_stream,
)
from worker.process import STDOUT, FailedError, Line, Processes, Tools

_STALL_TIMEOUT_S = 60.0
# A description of thousands of streams is an attack, not a lecture.
_MAX_DESCRIPTION_BYTES = 4 << 20


def probe(source: Path, tools: Tools) -> Media:
    """Describe a local file.

    The header alone is not believed: every packet is read (not decoded), so that a cut upload is
    noticed before it is encoded, and lengths are where content ends and not what a field says.

    Raises:
        BadSourceError: not a video that FFmpeg can read, or one without a picture.

    """
    with Processes(
        budget=tools.budget, folder=source.parent, stall_timeout_s=_STALL_TIMEOUT_S
    ) as processes:
        raw = _describe(processes, source, tools.ffprobe)
        raw_video, raw_audio = choose_streams(raw.get("streams", ()))
        if raw_video is None:
            raise BadSourceError(_no_picture(raw))
        origin_s = Fraction(raw.get("format", {}).get("start_time", "0"))
        tallies = {
            str(stream["index"]): PacketTally(origin_s=float(origin_s))
            for stream in (raw_video, raw_audio)
            if stream is not None
        }
        _count_packets(processes, source, tools.ffprobe, tallies)
    pictures = tallies[str(raw_video["index"])].packets()
    if not pictures.count:
        raise BadSourceError("the video track holds no picture: the upload is empty or cut short")
    audio = None
    if raw_audio is not None:
        packets = tallies[str(raw_audio["index"])].packets()
        # A track that is declared and empty is no sound.
        audio = audio_stream(raw_audio, packets) if packets.count else None
    return Media(
        container=str(raw["format"]["format_name"]),
        origin_s=origin_s,
        promised_s=promised_duration_s(raw["format"]),
        video=video_stream(raw_video, pictures),
        audio=audio,
    )


def _describe(processes: Processes, source: Path, ffprobe_path: str) -> dict[str, Any]:
    processes.start("ffprobe", [STDOUT], lambda _: show_streams(source, ffprobe_path=ffprobe_path))
    text: list[str] = []
    size = 0
    try:
        for event in processes.events():
            if isinstance(event, Line):
                text.append(event.text)
                size += len(event.text)
                if size > _MAX_DESCRIPTION_BYTES:
                    raise BadSourceError("the file's description is absurdly long; it is refused")
    except FailedError as error:
        raise BadSourceError(_unreadable(error.tail)) from error
    try:
        raw = json.loads("\n".join(text))
    except ValueError as error:
        raise BadSourceError("ffprobe's description of the file cannot be read") from error
    return raw if isinstance(raw, dict) else {}


def _count_packets(
    processes: Processes, source: Path, ffprobe_path: str, tallies: dict[str, PacketTally]
) -> None:
    processes.start("ffprobe", [STDOUT], lambda _: show_packets(source, ffprobe_path=ffprobe_path))
    try:
        for event in processes.events():
            if isinstance(event, Line):
                _count_packet(event.text, tallies)
    except FailedError as error:
        # What was counted before the break stands; the plan decides whether it is enough.
        if not any(tally.count for tally in tallies.values()):
            raise BadSourceError(_unreadable(error.tail)) from error


def _count_packet(row: str, tallies: dict[str, PacketTally]) -> None:
    index, pts, duration, flags, *_ = (*row.split(","), "", "", "", "")
    tally = tallies.get(index)
    # D: an edit list takes the packet's content out of the presentation.
    if tally is not None and "D" not in flags:
        tally.add(_time(pts), _time(duration), is_key="K" in flags)


def _time(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _no_picture(raw: dict[str, Any]) -> str:
    kinds = sorted({str(s.get("codec_type")) for s in raw.get("streams", ())})
    if kinds == ["audio"]:
        return "the file holds sound but no picture; upload a video"
    found = ", ".join(kinds) or "nothing"
    return f"the file holds no video track that can be read (found: {found})"


def _unreadable(tail: Sequence[str]) -> str:
    reason = next((line.strip() for line in reversed(tail) if line.strip()), "no reason given")
    # ffprobe's last line is `file:/path: reason`; the path is the worker's own and says nothing.
    return f"the file is not a video that can be read ({reason.rpartition(': ')[2]})"
