"""The FFmpeg commands for audio: to encode it, to measure it and to try it. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ffmpeg

from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.decode import from_origin
from worker.ffmpeg.encode import segment_options
from worker.ffmpeg.inputs import open_input, seconds
from worker.layout import AUDIO, SEGMENT_PATTERN
from worker.media.streams import AudioStream
from worker.plan.plan import AudioPlan, Plan, Span, plan_audio
from worker.runtime.command import Command

_LAYOUTS = {1: "mono", 2: "stereo"}
_PEAK_LIMIT = 0.89  # -1 dB, for what the AAC encoder adds.
_TRIED_S = 10


def encode_audio(plan: Plan, audio: AudioPlan, source: Path) -> Command:
    """Build the FFmpeg that encodes the whole audio into its own rendition."""
    if plan.media.audio is None:
        raise ValueError("the plan's source has no audio")
    track = open_input(source)[str(plan.media.audio.index)]
    stream = (
        _mix(track.filter("asetpts", from_origin(plan.media)), plan.media.audio, audio)
        # async=1 fills gaps and trims overlaps, first_pts=0 a late start, so that audio keeps its
        # time to within 20 ms; without them it moves towards the start at every gap.
        .filter("aresample", audio.sample_rate_hz, **{"async": 1}, first_pts=0, min_hard_comp=0.02)
        # Audio lasts exactly as long as the video: players stall where a rendition ends early.
        .filter("apad")
        .filter("atrim", end=seconds(plan.grid.duration_s))
    )
    whole = Span(first=0, end=plan.grid.segment_count, rungs=(), preset="")
    output = ffmpeg.output(
        stream,
        f"{AUDIO}/{SEGMENT_PATTERN}",
        acodec="aac",
        audio_bitrate=audio.bit_rate_bps,
        **segment_options(plan, whole, AUDIO),
        segment_time=seconds(plan.grid.segment_s),
    )
    # What cannot be decoded becomes silence, with a warning: FFmpeg alone would end with an error
    # where that is more than two thirds, and the video is worth more.
    return ffmpeg_command([output.global_args("-max_error_rate", "1")], pipes=[AUDIO])


def measure_loudness(source: Path, stream: AudioStream) -> Command:
    """Build the FFmpeg that measures how loud the audio is as it would be published (EBU R128).

    It writes a summary on stderr: integrated loudness as `I: … LUFS`.
    """
    mixed = _mix(open_input(source)[str(stream.index)], stream, plan_audio(stream))
    # A line for each 0.1 s is logged at the level verbose, which is not asked for. One channel is
    # played on both sides, and is as loud as that.
    meter = mixed.filter("ebur128", framelog="verbose", dualmono=1)
    return ffmpeg_command([ffmpeg.output(meter, "-", f="null")], level="info")


def try_audio(source: Path, stream: AudioStream) -> Command:
    """Build the FFmpeg that decodes the beginning of the audio, to see whether it can."""
    # Not sought: a file without an index would be sought to its end.
    until_s = (stream.packets.start_s or 0.0) + _TRIED_S
    tried = ffmpeg.output(open_input(source)[str(stream.index)], "-", f="null", t=until_s)
    return ffmpeg_command([tried], copy_times=False)


def _mix(track: Any, stream: AudioStream, audio: AudioPlan) -> Any:
    """Make as many channels as planned of any number, at a level that is not clipped."""
    layout = _LAYOUTS[audio.channels]
    mixed = track.filter("aformat", sample_fmts="fltp", channel_layouts=layout)
    if audio.gain_db:
        mixed = mixed.filter("volume", f"{audio.gain_db:.2f}dB")
    if audio.gain_db > 0 or stream.channels > audio.channels:
        # Channels that are mixed (ITU-R BS.775 weights), or raised, may add up to more than full
        # scale. Without `level` it leaves what is below the limit alone, with `latency` its time.
        mixed = mixed.filter("alimiter", limit=_PEAK_LIMIT, level=0, latency=1)
    return mixed
