"""FFmpeg argument lists for sound: to encode it, and to learn of it before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ffmpeg

from worker.command import SEGMENT_PATTERN, compile_command, segment_options
from worker.decode import from_origin
from worker.inputs import open_input, seconds
from worker.media import AudioStream
from worker.plan import AUDIO, AudioPlan, Plan, Span, plan_audio

_LAYOUTS = {1: "mono", 2: "stereo"}
_PEAK_LIMIT = 0.89  # -1 dB, for what the AAC encoder adds.
_TRIED_SOUND_S = 10


def encode_audio(
    plan: Plan, audio: AudioPlan, source: Path, *, ffmpeg_path: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the FFmpeg that encodes the whole sound into its own rendition."""
    if plan.media.audio is None:
        raise ValueError("the plan's source has no audio")
    track = open_input(source)[str(plan.media.audio.index)]
    sound = (
        _mix(track.filter("asetpts", from_origin(plan.media)), plan.media.audio, audio)
        # async=1 fills gaps and trims overlaps, first_pts=0 a late start, so that sound keeps its
        # place to within 20 ms; without them it creeps towards the start at every gap.
        .filter("aresample", audio.sample_rate_hz, **{"async": 1}, first_pts=0, min_hard_comp=0.02)
        # Sound lasts exactly as long as the picture: players stall where a rendition ends early.
        .filter("apad")
        .filter("atrim", end=seconds(plan.grid.duration_s))
    )
    whole = Span(first=0, end=plan.grid.segment_count, rungs=(), preset="")
    output = ffmpeg.output(
        sound,
        f"{AUDIO}/{SEGMENT_PATTERN}",
        acodec="aac",
        audio_bitrate=audio.bit_rate_bps,
        **segment_options(plan, whole, pipes[AUDIO]),
        segment_time=seconds(plan.grid.segment_s),
    )
    # What cannot be decoded becomes silence, with a warning: FFmpeg alone would end with an error
    # where that is more than two thirds, and the picture is worth more.
    return compile_command([output.global_args("-max_error_rate", "1")], ffmpeg_path, pipes)


def measure_loudness(
    source: Path, stream: AudioStream, *, ffmpeg_path: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the FFmpeg that says how loud the sound is as it would be published (EBU R128).

    It writes a summary on stderr: integrated loudness as `I: … LUFS`.
    """
    sound = _mix(open_input(source)[str(stream.index)], stream, plan_audio(stream))
    # A line for each 0.1 s is told at the level verbose, which is not asked for. One channel is
    # played on both sides, and is as loud as that.
    meter = sound.filter("ebur128", framelog="verbose", dualmono=1)
    measured = ffmpeg.output(meter, "-", f="null")
    return compile_command([measured], ffmpeg_path, pipes, level="info")


def try_sound(
    source: Path, stream: AudioStream, *, ffmpeg_path: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the FFmpeg that decodes the beginning of the sound, to see whether it can."""
    # Not sought: a file without an index would be sought to its end.
    until_s = (stream.packets.start_s or 0.0) + _TRIED_SOUND_S
    tried = ffmpeg.output(open_input(source)[str(stream.index)], "-", f="null", t=until_s)
    return compile_command([tried], ffmpeg_path, pipes, copy_times=False)


def _mix(sound: Any, stream: AudioStream, audio: AudioPlan) -> Any:
    """Make as many channels as planned of any number, at a level that is not clipped."""
    layout = _LAYOUTS[audio.channels]
    sound = sound.filter("aformat", sample_fmts="fltp", channel_layouts=layout)
    if audio.gain_db:
        sound = sound.filter("volume", f"{audio.gain_db:.2f}dB")
    if audio.gain_db > 0 or stream.channels > audio.channels:
        # Channels that are mixed (ITU-R BS.775 weights), or raised, may add up to more than full
        # scale. Without `level` it leaves what is below the limit alone, `latency` its time.
        sound = sound.filter("alimiter", limit=_PEAK_LIMIT, level=0, latency=1)
    return sound
