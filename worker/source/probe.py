"""Reads a source once: its container and streams, and when each packet is shown."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from worker.config.job import Job
from worker.errors import BadSourceError, SourceFault
from worker.ffmpeg.inputs import show_packets, show_streams
from worker.media.ffprobe import (
    ENCRYPTED_PACKET,
    audio_stream,
    audio_tracks,
    choose_video,
    cover_track,
    in_program_of,
    is_mpeg_container,
    is_still_image,
    may_begin_late,
    rank_audio,
    text_stream,
    text_tracks,
    video_tracks,
)
from worker.media.packets import LONGEST_STEP_S, PacketTally
from worker.media.sections.model import Section
from worker.media.sections.tally import SectionTally
from worker.media.streams import Media
from worker.runtime.child import Line
from worker.runtime.process import FailedError, Processes
from worker.runtime.workspace import Workspace
from worker.source.first_frame import read_video
from worker.source.tracks import (
    TrackExtents,
    declared_duration_s,
    protected,
    refuse_unusable,
)

# A description of thousands of streams is an attack, not a lecture.
_MAX_DESCRIPTION_BYTES = 4 << 20
# Of each kind: more tracks than a production has. Each costs memory while packets are counted.
_MAX_TRACKS = 16
# Two days of 60 frames a second. They are kept in memory, eight bytes each.
_MAX_PACKETS = 10_400_000

Raw = Mapping[str, Any]
_Tallies = Mapping[int, PacketTally]


def probe(source: Path, job: Job, workspace: Workspace) -> Media:
    """Describe a local file; of several audio tracks one in the job's language, if there is one.

    The header alone is not believed: every packet is read (not decoded), so that a cut upload is
    noticed before it is encoded, and lengths are where content ends and not what a field says.

    Raises:
        BadSourceError: FFmpeg cannot read it, or it has no track that the job accepts.

    """
    with Processes(workspace) as processes:
        raw, is_late = _describe_all(processes, source)
        raw_format, streams = raw.get("format", {}), raw.get("streams", ())
        videos, audios, texts = (
            find(streams)[:_MAX_TRACKS] for find in (video_tracks, audio_tracks, text_tracks)
        )
        refuse_unusable(streams, videos, audios, job)
        origin_s = Fraction(raw_format.get("start_time", "0"))
        tallies = {s["index"]: _tally(s, origin_s) for s in (*videos, *audios, *texts)}
        extents = TrackExtents() if raw_format.get("format_name") == "mpegts" else None
        _count_packets(processes, source, tallies, extents)
    counts = {index: tally.count for index, tally in tallies.items()}
    video = _choose_video(videos, counts, raw_format)
    programs = raw.get("programs", ())
    audios, texts = (in_program_of(video, tracks, programs) for tracks in (audios, texts))
    # A track that is declared and empty is not used.
    ranked = rank_audio(audios, counts, language=job.audio_language)
    if not (video or ranked):
        raise _empty("audio")
    chosen = [s for s in (video, *ranked[:1]) if s is not None]
    audio_streams = [audio_stream(s, tallies[s["index"]].packets()) for s in ranked]
    others = [s for s in streams if s not in chosen]
    ends_s = {index: tally.end_s for index, tally in tallies.items()}
    return Media(
        container=str(raw_format["format_name"]),
        origin_s=origin_s,
        declared_s=declared_duration_s(raw_format, chosen, others, ends_s=ends_s),
        video_track=read_video(source, video, tallies[video["index"]], raw_format, workspace)
        if video
        else None,
        audio=next(iter(audio_streams), None),
        other_audio=tuple(audio_streams[1:]),
        texts=tuple(text_stream(s) for s in texts if counts[s["index"]]),
        jumps=sum(tallies[s["index"]].jumps for s in chosen),
        cover=None if video else cover_track(streams),
        is_late=is_late,
        has_own_clock=len(programs) > 1 and _begins_s(chosen, tallies) > LONGEST_STEP_S,
        recordings_at=extents.beginnings() if extents else (),
    )


def _begins_s(chosen: Sequence[Raw], tallies: _Tallies) -> float:
    """Return when tracks begin, from the container's start."""
    times = (tallies[s["index"]].times_s for s in chosen)
    return min((min(each) for each in times if each), default=0.0)


def _choose_video(videos: Sequence[Raw], counts: Mapping[int, int], raw_format: Raw) -> Raw | None:
    """Choose the video; None where the file is audio alone.

    Raises:
        BadSourceError: it holds no frame, or is an image.

    """
    if not videos:
        return None
    video = choose_video(videos, counts)
    if video is None:
        raise _empty("video")
    if is_still_image(raw_format, counts[video["index"]]):
        raise BadSourceError(
            "the file is a still image, not a video; upload a video", code=SourceFault.NO_VIDEO
        )
    return video


def _empty(kind: str) -> BadSourceError:
    content = {"video": "frame", "audio": "sample"}[kind]
    return BadSourceError(
        f"the {kind} track holds no {content}: the upload is empty or cut short",
        code=SourceFault.EMPTY,
    )


def find_sections(source: Path, media: Media, workspace: Workspace) -> tuple[Section, ...]:
    """Read the packets of the chosen tracks once more: where their timestamps restart or leap."""
    indexes = {str(s.index) for s in media.tracks}
    tally = SectionTally(is_mpeg=is_mpeg_container(media.container))

    def count(row: str) -> None:
        index, pts, dts, duration, _, pos, *_ = (*row.split(","), *[""] * 5)
        if index in indexes:
            times = _time(pts), _time(dts), _time(duration)
            tally.add(int(index), *times, is_timed=pos.isdigit())

    # One that breaks off has been read as far before.
    with Processes(workspace) as processes, contextlib.suppress(FailedError):
        _read_packets(processes, source, count)
    return tally.sections()


def parameters(source: Path, workspace: Workspace) -> list[dict[str, Any]]:
    """Describe the decoder's configuration of each track, as far as a container's header has it."""
    names = ("codec_name", "extradata_hash", "channels", "sample_rate", "sample_fmt")
    with Processes(workspace) as processes:
        streams = _describe(processes, source).get("streams", ())
    return [{name: stream.get(name) for name in names} for stream in streams]


def _describe_all(processes: Processes, source: Path) -> tuple[dict[str, Any], bool]:
    """Describe a file, and say whether FFmpeg had to read on for a track that begins late."""
    raw = _describe(processes, source)
    if not may_begin_late(raw.get("format", {}), raw.get("streams", ())):
        return raw, False
    further = _describe(processes, source, reads_on=True)
    usable, found = (
        len(video_tracks(each.get("streams", ()))) + len(audio_tracks(each.get("streams", ())))
        for each in (raw, further)
    )
    return (further, True) if found > usable else (raw, False)


def _describe(processes: Processes, source: Path, *, reads_on: bool = False) -> dict[str, Any]:
    processes.start("ffprobe", show_streams(source, reads_on=reads_on))
    text: list[str] = []
    size = 0
    try:
        for event in processes.events():
            if isinstance(event, Line):
                text.append(event.text)
                size += len(event.text)
                if size > _MAX_DESCRIPTION_BYTES:
                    raise BadSourceError(
                        "the file declares far more streams than a video has; it is refused",
                        code=SourceFault.TOO_COMPLEX,
                    )
    except FailedError as error:
        raise _unreadable(error.tail) from error
    try:
        raw = json.loads("\n".join(text))
    except ValueError as error:
        raise BadSourceError(
            "ffprobe's description of the file cannot be read", code=SourceFault.UNREADABLE
        ) from error
    return raw if isinstance(raw, dict) else {}


def _tally(stream: Raw, origin_s: Fraction) -> PacketTally:
    return PacketTally(origin_s=float(origin_s), keeps_clock=stream["codec_type"] == "audio")


def _count_packets(
    processes: Processes, source: Path, tallies: _Tallies, extents: TrackExtents | None
) -> None:
    try:
        _read_packets(processes, source, lambda row: _count_packet(row, tallies, extents))
    except FailedError as error:
        # What was counted before the break stands; the plan decides whether it is enough.
        if not any(tally.count for tally in tallies.values()):
            raise _unreadable(error.tail) from error


def _read_packets(processes: Processes, source: Path, count: Callable[[str], None]) -> None:
    processes.start("ffprobe", show_packets(source))
    for event in processes.events():
        if isinstance(event, Line):
            count(event.text)


def _count_packet(row: str, tallies: _Tallies, extents: TrackExtents | None) -> None:
    index, pts, dts, duration, size, position, flags, *_ = (*row.split(","), *[""] * 6)
    if extents is not None and index.isdigit() and position.isdigit():
        extents.add(int(index), int(position))
    tally = tallies.get(int(index)) if index.isdigit() else None
    if tally is None:
        return
    if ENCRYPTED_PACKET in row:
        raise protected()
    # D: an edit list takes the packet's content out of the presentation.
    if "D" in flags:
        tally.hidden += 1
        return
    if tally.count >= _MAX_PACKETS:
        raise BadSourceError(
            "the file has far more packets than a video; it is refused",
            code=SourceFault.TOO_COMPLEX,
        )
    size_bytes = int(size) if size.isdigit() else 0
    tally.add(_time(pts), _time(dts), _time(duration), size_bytes, is_key="K" in flags)


def _time(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _unreadable(tail: Sequence[str]) -> BadSourceError:
    reason = next((line.strip() for line in reversed(tail) if line.strip()), "no reason given")
    # ffprobe's last line is `file:/path: reason`; the path is the worker's own.
    return BadSourceError(
        f"the file is not a video that can be read ({reason.rpartition(': ')[2]})",
        code=SourceFault.UNREADABLE,
    )
