"""The FFmpeg commands that copy tracks and encode no video. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import ffmpeg

from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.inputs import open_input
from worker.media.ffprobe import is_mpeg_container
from worker.media.streams import Media, VideoStream
from worker.media.timeline import CLOCK_HZ
from worker.plan.texts import TextPlan
from worker.runtime.command import Command, pipe_url

USER_DATA = "user_data"
# By codec, what is kept of each packet: SEI messages (Rec. ITU-T H.264 and H.265,
# table 7-1), or MPEG-2's user_data (ISO/IEC 13818-2, table 6-1).
USER_DATA_FILTERS = {
    "h264": "h264_mp4toannexb,filter_units=pass_types=6",
    "hevc": "hevc_mp4toannexb,filter_units=pass_types=39|40",
    "mpeg2video": "filter_units=pass_types=178",
}

# Matroska's own unit, which its muxer does not change.
_MATROSKA_HZ = 1000
CopyFormat = Literal["mpegts", "matroska"]
Shifts = Sequence[tuple[int, float]]

# What MPEG-TS carries with its parameters in the stream, so that joined parts may differ in them.
_IN_MPEG = frozenset(
    {"h264", "hevc", "mpeg1video", "mpeg2video", "aac", "ac3", "eac3", "mp2", "mp3"}
)


def copy_format(recordings: Iterable[Media]) -> CopyFormat:
    """Choose the container for a copy of the tracks of some recordings."""
    for media in recordings:
        codecs = {s.codec for s in (media.video, media.audio) if s}
        # What MPEG carries it carries again, and some of it (AAC in LATM) nothing else does.
        if not (codecs <= _IN_MPEG or is_mpeg_container(media.container)):
            return "matroska"
    return "mpegts"


def rewrite_timestamps(
    media: Media, source: Path, output: str, *, container: CopyFormat, shifts: Mapping[int, Shifts]
) -> Command:
    """Build the FFmpeg that copies video and audio with other timestamps.

    `shifts` has for each track's index from which packet on times move by how many seconds more.
    The packets of audio are whole PES packets where those are kept.
    """
    opened = open_input(source)
    copied_tracks = [opened[str(media.video.index)]]
    indexes = [media.video.index]
    if media.audio:
        audio = open_input(source, fflags="noparse") if keeps_pes(media, container) else opened
        copied_tracks.append(audio[str(media.audio.index)])
        indexes.append(media.audio.index)
    ticks_hz = CLOCK_HZ if container == "mpegts" else _MATROSKA_HZ
    filters = {
        f"bsf:{position}": _move(shifts[index], ticks_hz) for position, index in enumerate(indexes)
    }
    copied = ffmpeg.output(
        *copied_tracks,
        output,
        f=container,
        c="copy",
        # The packets are counted: none may be left out, as those before the first keyframe are.
        copyinkf=None,
        copypriorss=1,
        map_metadata=-1,
        # The unit of the shifts, on every FFmpeg.
        time_base=f"1/{ticks_hz}",
        **filters,
        # MPEG-TS would begin 1.4 s later otherwise, at every part.
        **({"muxdelay": 0, "muxpreload": 0} if container == "mpegts" else {}),
    )
    return ffmpeg_command([copied])


def keeps_pes(media: Media, container: CopyFormat) -> bool:
    """Whether a copy must keep PES packets of audio as they are.

    Of the AAC frames in one, only the first has a time. FFmpeg adds to it the length of a frame at
    the sample rate that it has read at the beginning; another one, later, is not noticed.
    """
    audio = media.audio
    is_adts = audio is not None and audio.codec == "aac"
    return is_adts and media.container == container == "mpegts"


def copy_tracks(source: Path, output: str) -> Command:
    """Build the FFmpeg that copies Matroska files put end to end into one that can be sought."""
    copied = ffmpeg.output(open_input(source), output, f="matroska", c="copy", copyinkf=None)
    return ffmpeg_command([copied])


def _move(shifts: Shifts, ticks_hz: int) -> str:
    moved = "".join(f"+gte(N,{first})*{round(by_s * ticks_hz)}" for first, by_s in shifts)
    return f"setts=pts='PTS{moved}':dts='DTS{moved}'"


def extract_user_data(video: VideoStream, source: Path) -> Command:
    """Build the FFmpeg that copies the user data of frames, in which captions are.

    Nothing is decoded. It goes to USER_DATA, and a list of its packets to the pipe of that name,
    in the order of decoding. The codec is one of USER_DATA_FILTERS.
    """
    opened = open_input(source)[str(video.index)]
    written = {
        "vcodec": "copy",
        # Where no frame decodes alone (intra refresh), none would be copied.
        "copyinkf": None,
        "bsf:v": USER_DATA_FILTERS[video.codec],
    }
    outputs = [
        ffmpeg.output(opened, USER_DATA, f="rawvideo", **written),
        ffmpeg.output(opened, pipe_url(USER_DATA), f="framecrc", **written),
        # Where frames have no user data, FFmpeg would seem to stand still.
        ffmpeg.output(opened, "-", f="null", vcodec="copy"),
    ]
    return ffmpeg_command(outputs, pipes=[USER_DATA], level="error")


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
