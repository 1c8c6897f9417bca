"""The FFmpeg commands that copy tracks and encode no video. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ffmpeg

from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.inputs import open_input
from worker.media.streams import Media, VideoStream
from worker.plan.plan import TextPlan
from worker.runtime.command import Command, pipe_url

USER_DATA = "user_data"
# By codec, what is kept of each packet: SEI messages (Rec. ITU-T H.264 and H.265,
# table 7-1), or MPEG-2's user_data (ISO/IEC 13818-2, table 6-1).
USER_DATA_FILTERS = {
    "h264": "h264_mp4toannexb,filter_units=pass_types=6",
    "hevc": "hevc_mp4toannexb,filter_units=pass_types=39|40",
    "mpeg2video": "filter_units=pass_types=178",
}


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
