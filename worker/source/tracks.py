"""What all tracks together say of a file: what it is, how long, and whether it is one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import structlog

from worker.config.job import Job
from worker.errors import BadSourceError, SourceFault
from worker.ffmpeg.diagnostics import no_audio_decoder, no_decoder
from worker.media.ffprobe import container_names, is_encrypted, unknown_video
from worker.source.repair.appended import Part

Raw = Mapping[str, Any]
Ends = Mapping[int, float | None]
NO_ENDS: Ends = {}

# Containers that record their duration. The others (MPEG-TS, raw streams, …) have it estimated by
# ffprobe from the bit rate, which says nothing about a truncated upload.
_DECLARING_CONTAINERS = frozenset({"mov", "matroska", "flv", "avi", "asf", "mxf", "flac", "mp3"})
# By how much a track is longer than others at least, to be what a container's duration is of.
_OF_ANOTHER_S = 2.0
# What is behind the end of all tracks, where it is no recording: a few packets of something else.
_LEAST_PACKETS = 25
# Packets of MPEG-TS, with what some recorders put between them; a table comes every 0.1 s.
_TS_BYTES, _TS_SYNC = (188, 192, 204), 0x47
_SEARCHED_BYTES = 8 << 20

log = structlog.get_logger(__name__)


def declared_duration_s(
    raw_format: Raw, chosen: Sequence[Raw], others: Sequence[Raw], *, ends_s: Ends = NO_ENDS
) -> float | None:
    """Return the duration that the container records of what is chosen; None: it records none.

    The container's is that of its longest track. Where that is one of the `others` (subtitles, a
    second language), it says nothing of the chosen ones: the tracks' own durations count, or else
    none does. `ends_s` has where the packets of a track end.

    A fragmented MP4 has no index of its samples (`nb_frames`), and its header was written
    before the recording. An MP3 has one where its first frame counts the others: that one says as
    well with how many samples the encoder began, and so the audio begins late.
    """
    duration = raw_format.get("duration")
    names = container_names(raw_format)
    if duration is None or _DECLARING_CONTAINERS.isdisjoint(names):
        return None
    if "mov" in names and "nb_frames" not in chosen[0]:
        return None
    if "mp3" in names and not float(raw_format.get("start_time", 0)):
        return None
    declared_s = float(duration)
    own_s, others_s = (
        max(filter(None, map(_own_duration_s, tracks)), default=None) for tracks in (chosen, others)
    )
    if own_s is not None:
        is_others = others_s is not None and others_s > own_s + _OF_ANOTHER_S
        return min(declared_s, own_s) if is_others else declared_s
    found = (ends_s.get(s["index"]) for s in others)
    is_others = any(end_s is not None and end_s > declared_s - _OF_ANOTHER_S for end_s in found)
    return None if is_others else declared_s


def _own_duration_s(track: Raw) -> float | None:
    """Read what a container records of one track. Matroska's text has the container's beside it."""
    tag = str(track.get("tags", {}).get("DURATION", ""))
    if clock := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", tag):
        hours, minutes, seconds = clock.groups()
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    text = str(track.get("duration", ""))
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def refuse_unusable(
    streams: Sequence[Raw], videos: Sequence[Raw], audios: Sequence[Raw], job: Job
) -> None:
    """Refuse a file without a track that could be transcoded; warn where its audio could not be.

    Raises:
        BadSourceError: with what there is instead.

    """
    audio_only = job.audio_only == "allow"
    if is_encrypted(streams):
        raise protected()
    if videos:
        _warn_of_unknown_audio(streams, audios)
        return
    if tag := unknown_video(streams):
        raise no_decoder(tag)
    if audios and audio_only:
        return
    kinds = sorted({str(s.get("codec_type")) for s in streams})
    if "audio" in kinds:
        if audio_only:
            raise no_audio_decoder(_unknown_audio(streams))
        # Beside a video it is refused all the same.
        among = ", if no part has video," if len(job.sources) > 1 else ""
        raise BadSourceError(
            f"the file holds audio but no video; upload a video, or{among} submit it again with"
            " --audio-only allow to publish the audio alone",
            code=SourceFault.AUDIO_ONLY,
        )
    found = ", ".join(kind for kind in kinds if kind != "video") or "nothing else"
    raise BadSourceError(
        f"the file holds no video track that can be read (found: {found})",
        code=SourceFault.NO_VIDEO,
    )


def _warn_of_unknown_audio(streams: Sequence[Raw], audios: Sequence[Raw]) -> None:
    """Log that the only audio there is has a codec that FFmpeg does not know."""
    unknown = [s for s in streams if s.get("codec_type") == "audio"]
    if unknown and not audios:
        log.warning("audio_undecodable", codec=_unknown_audio(streams), track=unknown[0]["index"])


def _unknown_audio(streams: Sequence[Raw]) -> str:
    tags = (s.get("codec_tag_string") for s in streams if s.get("codec_type") == "audio")
    return str(next(tags, None) or "unknown")


def protected() -> BadSourceError:
    """Make the refusal of a video that only its own player can read."""
    return BadSourceError(
        "the video is protected (DRM) and cannot be read; upload it without protection",
        code=SourceFault.PROTECTED,
    )


@dataclass(slots=True)
class TrackExtents:
    """From where to where in the file each track's packets are.

    Where MPEG-TS recordings are put end to end whose tracks have other identifiers (PIDs), FFmpeg
    reads on, and takes those of the second for further tracks, beside the first ones.
    """

    _tracks: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def add(self, index: int, position: int) -> None:
        """Count a packet that begins at a position."""
        first, last, count = self._tracks.get(index, (position, position, 0))
        self._tracks[index] = min(first, position), max(last, position), count + 1

    def beginnings(self) -> tuple[int, ...]:
        """Return where the first packet is of each recording but the first.

        There all tracks so far have ended, and others begin.
        """
        recordings: list[tuple[int, int, int]] = []
        for first, last, count in sorted(self._tracks.values()):
            if recordings and first <= recordings[-1][1]:
                begun, ends, before = recordings[-1]
                recordings[-1] = begun, max(ends, last), before + count
            else:
                recordings.append((first, last, count))
        real = [first for first, _, count in recordings if count >= _LEAST_PACKETS]
        return tuple(real[1:])


def cut_before_tables(source: Path, beginnings: Sequence[int]) -> list[Part]:
    """Cut MPEG-TS before the table (PAT) that precedes each of these; none where one has no table.

    A part is a file by itself: the tables name its tracks.
    """
    if not beginnings:
        return []
    with source.open("rb") as file:
        tables = [_table_before(file, position) for position in beginnings]
    starts = [0, *(position for position in tables if position)]
    if len(starts) <= len(beginnings):
        return []
    ends = [*starts[1:], source.stat().st_size]
    return [Part(start=start, end=end) for start, end in zip(starts, ends, strict=True)]


def _table_before(file: IO[bytes], position: int) -> int | None:
    """Find the last packet before a position in which a PAT begins (ISO/IEC 13818-1, 2.4.3.2)."""
    begin = max(0, position - _SEARCHED_BYTES)
    file.seek(begin)
    data = file.read(position - begin)
    for size in _TS_BYTES:
        for at in range(len(data) - size, -1, -size):
            if data[at] != _TS_SYNC:
                break
            # The start of a section, of PID 0.
            if data[at + 1] & 0x5F == 0x40 and not data[at + 2]:  # noqa: PLR2004
                return begin + at
    return None
