"""Reads a source once: what its container and streams are, and when each packet plays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from worker.description import (
    audio_stream,
    choose_picture,
    choose_sound,
    is_encrypted,
    may_jump,
    pictures_of,
    promised_duration_s,
    sounds_of,
    text_stream,
    texts_of,
    video_stream,
)
from worker.errors import BadSourceError
from worker.inputs import show_packets, show_streams
from worker.media import Media
from worker.packets import PacketTally
from worker.process import STDOUT, FailedError, Line, Processes, Tools

# A description of thousands of streams is an attack, not a lecture.
_MAX_DESCRIPTION_BYTES = 4 << 20
# Of each kind: more tracks than a production has. Each costs memory while packets are counted.
_MAX_TRACKS = 16
# Two days of 60 pictures a second. They are kept in memory, eight bytes each.
_MAX_PACKETS = 10_400_000


def probe(source: Path, tools: Tools, *, language: str | None = None) -> Media:
    """Describe a local file; of several sounds the one in `language` is taken where there is one.

    The header alone is not believed: every packet is read (not decoded), so that a cut upload is
    noticed before it is encoded, and lengths are where content ends and not what a field says.

    Raises:
        BadSourceError: not a video that FFmpeg can read, or one without a picture.

    """
    with Processes(
        budget=tools.budget, folder=source.parent, stall_timeout_s=tools.stall_timeout_s
    ) as processes:
        raw = _describe(processes, source, tools.ffprobe)
        raw_format, streams = raw.get("format", {}), raw.get("streams", ())
        pictures, sounds = pictures_of(streams)[:_MAX_TRACKS], sounds_of(streams)[:_MAX_TRACKS]
        texts = texts_of(streams)[:_MAX_TRACKS]
        if is_encrypted(streams):
            raise BadSourceError(
                "the video is protected (DRM) and cannot be read; upload it without protection"
            )
        if not pictures:
            raise BadSourceError(_no_picture(raw))
        origin_s = Fraction(raw_format.get("start_time", "0"))
        tallies = {
            stream["index"]: PacketTally(origin_s=float(origin_s))
            for stream in (*pictures, *sounds, *texts)
        }
        _count_packets(processes, source, tools.ffprobe, tallies)
    counts = {index: tally.count for index, tally in tallies.items()}
    picture = choose_picture(pictures, counts)
    if picture is None:
        raise BadSourceError("the video track holds no picture: the upload is empty or cut short")
    # A track that is declared and empty is no sound.
    sound = choose_sound(sounds, counts, language=language)
    chosen = [tallies[s["index"]] for s in (picture, sound) if s is not None]
    return Media(
        container=str(raw_format["format_name"]),
        origin_s=origin_s,
        promised_s=promised_duration_s(raw_format, picture),
        video=video_stream(picture, tallies[picture["index"]].packets()),
        audio=audio_stream(sound, tallies[sound["index"]].packets()) if sound else None,
        texts=tuple(text_stream(s) for s in texts if counts[s["index"]]),
        jumps=sum(tally.jumps for tally in chosen) if may_jump(raw_format) else 0,
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
    processes: Processes, source: Path, ffprobe_path: str, tallies: Mapping[int, PacketTally]
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


def _count_packet(row: str, tallies: Mapping[int, PacketTally]) -> None:
    index, pts, dts, duration, size, flags, *_ = (*row.split(","), "", "", "", "", "", "")
    tally = tallies.get(int(index)) if index.isdigit() else None
    if tally is None:
        return
    # D: an edit list takes the packet's content out of the presentation.
    if "D" in flags:
        tally.hidden += 1
        return
    if tally.count >= _MAX_PACKETS:
        raise BadSourceError("the file has absurdly many packets; it is refused")
    size_bytes = int(size) if size.isdigit() else 0
    tally.add(_time(pts), _time(dts), _time(duration), size_bytes, is_key="K" in flags)


def _time(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _no_picture(raw: dict[str, Any]) -> str:
    kinds = sorted({str(s.get("codec_type")) for s in raw.get("streams", ())})
    if "audio" in kinds:
        return "the file holds sound but no video; upload a video"
    found = ", ".join(kinds) or "nothing"
    return f"the file holds no video track that can be read (found: {found})"


def _unreadable(tail: Sequence[str]) -> str:
    reason = next((line.strip() for line in reversed(tail) if line.strip()), "no reason given")
    # ffprobe's last line is `file:/path: reason`; the path is the worker's own and says nothing.
    return f"the file is not a video that can be read ({reason.rpartition(': ')[2]})"
