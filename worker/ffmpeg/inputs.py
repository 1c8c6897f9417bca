"""How FFmpeg and ffprobe may open a source, and the ffprobe commands. Pure."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from worker.plan.refusals import MAX_PIXELS
from worker.runtime.command import STDOUT, Command

# Containers that an upload may be. A playlist, concat script, SDP or image sequence is none of
# them: those make FFmpeg open whatever they name.
_DEMUXERS = (
    "aac,aiff,amr,asf,av1,avi,caf,dv,flac,flv,gif,h261,h263,h264,hevc,ivf,m4v,matroska,webm,mov,"
    "mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,vc1,w64,wav,wtv,yuv4mpegpipe"
)
# A recording that was joined in the middle of a GOP may begin with as many that show nothing.
_FIRST_PACKETS = 600
# FFmpeg searches 5 MB for tracks, and seven seconds of MPEG. What it has read it keeps in memory.
READS_ON = {"analyzeduration": "3600M", "probesize": "128M"}
_INPUT_GUARD = {"protocol_whitelist": "file", "format_whitelist": _DEMUXERS}


def open_input(source: Path, **options: Any) -> Any:
    """Open a source as an input of an ffmpeg-python graph, with input options."""
    # `file:` and an absolute path: a name with a dash, a colon or a percent sign stays a name.
    return ffmpeg.input(f"file:{source}", **_INPUT_GUARD, **options)


def show_streams(source: Path, *, reads_on: bool = False) -> Command:
    """Build the ffprobe that describes container, streams and programs as JSON.

    It may read on for a track that begins later than others.
    """
    # The hash stands for the decoder's configuration in a container's header.
    shown = ("-show_format", "-show_streams", "-show_programs", "-show_data_hash", "md5")
    further = [w for name, value in READS_ON.items() for w in (f"-{name}", value) if reads_on]
    return _ffprobe(*further, *shown, "-print_format", "json", f"file:{source}")


def show_packets(source: Path) -> Command:
    """Build the ffprobe that reads every packet: `stream,pts,dts,duration,size,pos,flags` as CSV.

    `pos` is that of the time in the file: `N/A` where it has none. The kinds of a packet's side
    data follow, in the row or on lines of their own.
    """
    entries = (
        "packet=stream_index,pts_time,dts_time,duration_time,size,pos,flags"
        ":packet_side_data=side_data_type"
    )
    csv = "csv=print_section=0:escape=none"
    return _ffprobe("-show_entries", entries, "-print_format", csv, f"file:{source}")


def show_index(source: Path, *, track: int | None = None) -> Command:
    """Build the ffprobe that lists the packets of one track or of all: `stream,pts,size,pos,flags`.

    As CSV. Keyframes are those of the container's index, to which FFmpeg seeks. A parser adds
    others, from which a decoder could start as well.
    """
    selected = () if track is None else ("-select_streams", str(track))
    return _ffprobe(
        *("-fflags", "+nofillin+noparse", *selected),
        *("-show_entries", "packet=stream_index,pts_time,size,pos,flags"),
        *("-print_format", "csv=print_section=0:escape=none", f"file:{source}"),
    )


def show_texts(source: Path) -> Command:
    """Build the ffprobe that prints every packet of the text tracks, with its bytes."""
    entries = "packet=stream_index,pts_time,duration_time,data"
    return _ffprobe(
        *("-select_streams", "s", "-show_entries", entries, "-show_data"),
        *("-print_format", "default", f"file:{source}"),
    )


def show_first_frames(source: Path, index: int) -> Command:
    """Build the ffprobe that decodes the first frames of a track and describes them as JSON."""
    entries = (
        "frame=best_effort_timestamp_time,width,height,sample_aspect_ratio"
        ":frame_side_data=side_data_type,displaymatrix,rotation"
    )
    return _ffprobe(
        *("-max_pixels", str(MAX_PIXELS), "-select_streams", str(index)),
        *("-read_intervals", f"%+#{_FIRST_PACKETS}", "-show_frames", "-show_entries", entries),
        *("-print_format", "json", f"file:{source}"),
    )


def show_key_frames(source: Path, index: int) -> Command:
    """Build the ffprobe that decodes a track's key frames: `time,sample aspect ratio` as CSV."""
    return _ffprobe(
        *("-max_pixels", str(MAX_PIXELS), "-skip_frame", "nokey", "-select_streams", str(index)),
        *("-show_entries", "frame=best_effort_timestamp_time,sample_aspect_ratio"),
        *("-print_format", "csv=print_section=0", f"file:{source}"),
    )


def _ffprobe(*words: str) -> Command:
    guard = [word for name, value in _INPUT_GUARD.items() for word in (f"-{name}", value)]
    return Command("ffprobe", ("-hide_banner", "-loglevel", "error", *guard, *words), (STDOUT,))


def seconds(value: Fraction | int) -> str:
    """Write seconds as FFmpeg reads them, to the microsecond."""
    return f"{float(value):.6f}"
