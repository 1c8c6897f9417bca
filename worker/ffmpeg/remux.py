"""The FFmpeg commands that copy tracks and encode no video. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import ffmpeg

from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.inputs import READS_ON, open_input
from worker.media.ffprobe import is_mpeg_container
from worker.media.streams import Media, VideoStream
from worker.media.timeline import CLOCK_HZ, START_OFFSET_S
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
DownloadFormat = Literal["mp4", "m4a"]
Shifts = Sequence[tuple[int, float]]

# What MPEG-TS carries with its parameters in the stream, so that joined parts may differ in them.
_IN_MPEG = frozenset(
    {"h264", "hevc", "mpeg1video", "mpeg2video", "aac", "ac3", "eac3", "mp2", "mp3"}
)


def copy_format(recordings: Iterable[Media]) -> CopyFormat:
    """Choose the container for a copy of the tracks of some recordings."""
    for media in recordings:
        codecs = {s.codec for s in media.tracks}
        # What MPEG carries it carries again, and some of it (AAC in LATM) nothing else does. But it
        # has no header that describes a track which begins late.
        if media.is_late or not (codecs <= _IN_MPEG or is_mpeg_container(media.container)):
            return "matroska"
    return "mpegts"


def rewrite_timestamps(
    media: Media,
    source: Path,
    output: str,
    *,
    container: CopyFormat,
    shifts: Mapping[int, Shifts],
    shown: Mapping[int, Shifts] | None = None,
) -> Command:
    """Build the FFmpeg that copies video and audio with other timestamps.

    `shifts` has for each track's index from which packet on times move by how many seconds more,
    `shown` by how many the presentation time of one packet does. The packets of audio are whole PES
    packets where those are kept.
    """
    reads_on = READS_ON if media.is_late else {}
    opened = open_input(source, **reads_on)
    copied_tracks = [] if media.video_track is None else [opened[str(media.video.index)]]
    indexes = [track.index for track in media.tracks]
    if media.audio:
        audio = open_input(source, fflags="noparse") if keeps_pes(media, container) else opened
        copied_tracks.append(audio[str(media.audio.index)])
    ticks_hz = CLOCK_HZ if container == "mpegts" else _MATROSKA_HZ
    filters = {
        f"bsf:{position}": _move(shifts[index], (shown or {}).get(index, ()), ticks_hz)
        for position, index in enumerate(indexes)
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


def _move(shifts: Shifts, shown: Shifts, ticks_hz: int) -> str:
    moved = "".join(f"+gte(N,{first})*{round(by_s * ticks_hz)}" for first, by_s in shifts)
    wild = "".join(f"+eq(N,{number})*{round(by_s * ticks_hz)}" for number, by_s in shown)
    return f"setts=pts='PTS{moved}{wild}':dts='DTS{moved}'"


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


def write_download(
    output: str,
    *,
    container: DownloadFormat,
    video: Path | None,
    audio: Path | None,
    dts: str = "",
    duration: str = "",
) -> Command:
    """Build the FFmpeg that puts segments, one after the other in a FIFO, into one file.

    Video and audio have a FIFO each; None: there is none. `dts` and `duration` are expressions for
    the decoding times and durations of packets of video.
    """
    tracks, options = [], dict[str, Any]()
    if video is not None:
        # Segments may carry the audio, too.
        tracks.append(open_input(video, f="mpegts")["v:0"])
        # FFmpeg 5.1 would take decoding times for both, where only the duration is named.
        options["bsf:v"] = f"setts=pts='PTS':dts='{dts}':duration='{duration}'"
        options["video_track_timescale"] = CLOCK_HZ
    if audio is not None:
        tracks.append(open_input(audio, f="mpegts")["a:0"])
        options["bsf:a"] = "aac_adtstoasc"
    if container == "m4a":
        # By it players know a file of audio alone.
        options["brand"] = "M4A "
    written = ffmpeg.output(
        *tracks,
        output,
        f="mp4",
        c="copy",
        # Back to the timeline's zero; what is before it, the AAC encoder's priming, is left out by
        # an edit list.
        output_ts_offset=-START_OFFSET_S,
        map_metadata=-1,
        # Neither a date nor FFmpeg's version: the same segments make the same file.
        fflags="+bitexact",
        # What a player needs before it can begin comes first.
        movflags="+faststart",
        # Or edit lists, and with them durations, would be rounded to the millisecond.
        movie_timescale=CLOCK_HZ,
        **options,
    )
    return ffmpeg_command([written])


def list_download(source: Path, kinds: Sequence[str]) -> Command:
    """Build the FFmpeg that lists the packets of a file, without decoding.

    `kinds` are `video` and `audio`, which it has; each is listed on the pipe of that name.
    """
    opened = open_input(source)
    outputs = [
        ffmpeg.output(opened[f"{kind[0]}:0"], pipe_url(kind), f="framecrc", c="copy")
        for kind in kinds
    ]
    return ffmpeg_command(outputs, pipes=list(kinds), level="error")
