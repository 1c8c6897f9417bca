"""The FFmpeg commands for audio: to decode, measure and encode it. Pure.

One FFmpeg decodes, and hands PCM to another that measures or encodes. FFmpeg builds its filters
anew where channels, layout or rate change on the way, and what they had counted is lost: the second
one never sees such a change.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.decode import from_origin
from worker.ffmpeg.encode import segment_options
from worker.ffmpeg.inputs import open_input, seconds
from worker.ffmpeg.speech.clean import RATE_HZ, clean_speech
from worker.ffmpeg.speech.measure import PIPES, measure_speech
from worker.layout import AUDIO, SEGMENT_PATTERN
from worker.media.ffprobe import is_mpeg_container
from worker.media.streams import AudioStream, Media
from worker.plan.plan import AudioPlan, Plan, Side, Span
from worker.runtime.command import Command

# The FIFO on which decoded audio is handed on, in NUT: it keeps times to the sample.
DECODED = "decoded.nut"

_LAYOUTS = {1: "mono", 2: "stereo"}
_SIDES: dict[Side, str] = {"both": "0.5*c0+0.5*c1", "left": "c0", "right": "c1"}
# At these it is not resampled before it is laid on its time.
_KEPT_RATES_HZ = (44_100, 48_000)
_PEAK_LIMIT = 0.89  # -1 dB, for what the AAC encoder adds.
_TRIED_S = 10
# NUT has no times below zero.
_SHIFT_S = Fraction(10)
# Samples in a frame of MPEG audio, whose decoders find the sample rate in the frames.
_MPEG_SAMPLES = {"mp1": 384, "mp2": 1152, "mp3": 1152}
_MPEG_RATES_HZ = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
# Around a change of sample rate: a few frames, and what a muxer gathers.
_CHANGE_S = 0.25
# The shortest gap that is filled, and the longest that packets may come late without being one.
_SHORTEST_GAP_S, _LONGEST_LATENESS_S = 0.02, 0.2
# By how much samples may be stretched to follow a drift: three hundredths of a semitone.
_MOST_STRETCH = 0.002


def decode_audio(media: Media, source: Path, *, is_trial: bool = False) -> Command:
    """Build the FFmpeg that decodes a source's audio to PCM of one layout and rate, into `DECODED`.

    A trial decodes the beginning, to see whether it can.
    """
    stream = _track(media)
    # Of the frames in a PES packet only the first has a time; those that FFmpeg fills in are wrong
    # where the sample rate has changed. From the samples themselves they come out right.
    exact = {"fflags": "nofillin"} if is_mpeg_container(media.container) else {}
    decoded = _alike(open_input(source, **exact)[str(stream.index)], media)
    output = ffmpeg.output(
        decoded,
        DECODED,
        f="null" if is_trial else "nut",
        acodec="pcm_f32le",
        map_metadata=-1,
        **({"t": _TRIED_S} if is_trial else {}),
    )
    if not is_trial:
        # What cannot be decoded becomes silence, with a warning: FFmpeg alone would end with an
        # error where that is more than two thirds, and the video is worth more.
        output = output.global_args("-max_error_rate", "1")
    return ffmpeg_command([output])


def encode_audio(plan: Plan, audio: AudioPlan) -> Command:
    """Build the FFmpeg that encodes what is decoded into an audio rendition."""
    stream = _track(plan.media)
    decoded = open_input(Path(DECODED))
    encoded = (
        _level(_unshifted(decoded["0"]), stream, audio)
        .filter("aresample", audio.sample_rate_hz, first_pts=0, **_laid(stream))
        # Audio lasts exactly as long as the video: players stall where a rendition ends early.
        .filter("apad")
        .filter("atrim", end=seconds(plan.grid.duration_s))
    )
    whole = Span(first=0, end=plan.grid.segment_count, rungs=(), preset="")
    output = ffmpeg.output(
        encoded,
        f"{AUDIO}/{SEGMENT_PATTERN}",
        acodec="aac",
        audio_bitrate=audio.bit_rate_bps,
        **segment_options(plan, whole, AUDIO),
        segment_time=seconds(plan.grid.segment_s),
    )
    # It reads to the end: who decodes would fail where nobody reads.
    rest = ffmpeg.output(decoded["a"], "-", f="null", acodec="copy")
    return ffmpeg_command([output, rest], pipes=[AUDIO])


def measure_audio(media: Media, *, has_loudness: bool, has_speech: bool = False) -> Command:
    """Build the FFmpeg that measures what is decoded, as it would be published.

    It writes a summary on stderr: for each side, and for half of their difference, `Peak level dB`;
    and with `has_loudness` (EBU R128) `I: … LUFS`. With `has_speech` it prints on the pipes of
    `measure_speech`.
    """
    stream = _track(media)
    measured = open_input(Path(DECODED))["0"]
    speech = []
    if has_speech:
        copies = measured.filter_multi_output("asplit", 2)
        measured = copies[0]
        speech = measure_speech(copies[1], decoded_rate_hz(stream), media.duration_s)
    if has_loudness:
        # A line for each 0.1 s is logged at the level verbose, which is not asked for. One channel
        # is played on both sides, and is as loud as that.
        plain = AudioPlan(channels=stream.mixed_channels, bit_rate_bps=0)
        measured = _loudness(_level(measured, stream, plain))
    if stream.mixed_channels > 1:
        measured = measured.filter("pan", args="2.1|c0=c0|c1=c1|c2=0.5*c0-0.5*c1")
    # Of all that it can measure the peak alone takes no time.
    measured = measured.filter("astats", measure_overall="none", measure_perchannel="Peak_level")
    outputs = [ffmpeg.output(measured, "-", f="null"), *speech]
    return ffmpeg_command(outputs, level="info", pipes=PIPES if has_speech else ())


def measure_cleaned(media: Media, audio: AudioPlan) -> Command:
    """Build the FFmpeg that measures how loud what is decoded is when its speech is cleaned.

    It writes `I: … LUFS` on stderr.
    """
    cleaned = _level(_unshifted(open_input(Path(DECODED))["0"]), _track(media), audio)
    return ffmpeg_command([ffmpeg.output(_loudness(cleaned), "-", f="null")], level="info")


def decoded_rate_hz(stream: AudioStream) -> int:
    """Return the sample rate to which a track is decoded: its own where most have it."""
    return stream.sample_rate_hz if stream.sample_rate_hz in _KEPT_RATES_HZ else 48_000


def _track(media: Media) -> AudioStream:
    if media.audio is None:
        raise ValueError("the source has no audio")
    return media.audio


def _alike(track: Any, media: Media) -> Any:
    """Give all frames one layout and rate; nothing here has anything to remember of the last."""
    stream = _track(media)
    shifted = replace(media, origin_s=media.origin_s - _SHIFT_S)
    timed = _without_wrong_times(track.filter("asetpts", from_origin(shifted)), stream)
    if stream.mix == "first":
        timed = timed.filter("pan", args="mono|c0=c0")
    elif stream.mix == "sum":
        weight = 1 / math.sqrt(stream.channels)
        terms = "+".join(f"{weight:.4f}*c{i}" for i in range(stream.channels))
        timed = timed.filter("pan", args=f"mono|c0={terms}")
    return timed.filter(
        "aformat",
        sample_fmts="fltp",
        channel_layouts=_LAYOUTS[stream.mixed_channels],
        sample_rates=decoded_rate_hz(stream),
    )


def _without_wrong_times(track: Any, stream: AudioStream) -> Any:
    """Leave out the frames of MPEG audio that FFmpeg gives a time far from their own.

    The first frame of another sample rate carries the rate before it, and up to FFmpeg 6.0 a time
    that is wrong by the ratio of both: minutes, in a long recording. It is not where frames of that
    rate are.
    """
    samples = _MPEG_SAMPLES.get(stream.codec, 0)
    where: dict[int, str] = {}
    for stretch in stream.packets.clock.stretches if samples else ():
        rate_hz = _nearest_rate_hz(samples / stretch.packet_s)
        bounds = (stretch.start_s - _CHANGE_S, stretch.end_s + _CHANGE_S)
        first, last = (f"{float(_SHIFT_S) + at_s:.3f}" for at_s in bounds)
        where[rate_hz] = where.get(rate_hz, "") + f"+between(t,{first},{last})"
    if not where:
        return track
    allowed = (f"(not(eq(sample_rate,{rate_hz})){times})" for rate_hz, times in where.items())
    return track.filter("aselect", "*".join(allowed))


def _nearest_rate_hz(found_hz: float) -> int:
    # A container may round the lengths of packets.
    return min(_MPEG_RATES_HZ, key=lambda rate_hz: abs(rate_hz - found_hz))


def _unshifted(track: Any) -> Any:
    return track.filter("asetpts", f"PTS-{seconds(_SHIFT_S)}/TB")


def _loudness(track: Any) -> Any:
    return track.filter("ebur128", framelog="verbose", dualmono=1)


def _level(track: Any, stream: AudioStream, audio: AudioPlan) -> Any:
    """Take the planned channels, with their speech cleaned, at a level that is not clipped."""
    mixed = track
    if audio.side:
        mixed = mixed.filter("pan", args=f"mono|c0={_SIDES[audio.side]}")
    if audio.cleaning:
        # Its filters keep what they are given in a row: gaps are filled before.
        laid = mixed.filter("aresample", RATE_HZ, first_pts=0, **_laid(stream))
        mixed = clean_speech(laid, audio.cleaning)
    if audio.gain_db:
        mixed = mixed.filter("volume", f"{audio.gain_db:.2f}dB")
    if audio.gain_db > 0 or audio.cleaning or stream.channels > max(_LAYOUTS):
        # Channels that are mixed (ITU-R BS.775 weights), or raised, may add up to more than full
        # scale. Without `level` it leaves what is below the limit alone, with `latency` its time.
        mixed = mixed.filter("alimiter", limit=_PEAK_LIMIT, level=0, latency=1)
    return mixed


def _laid(stream: AudioStream) -> dict[str, Any]:
    """Return how aresample lays samples: one after the other, and where they are missing silence.

    Without `async` audio moves towards the start at every gap. Packets that come late are no gap:
    they must be later than that to be one. What drifts is timed before it is cut.
    """
    clock = stream.packets.clock
    if clock.agrees:
        return {"async": 1, "min_hard_comp": _SHORTEST_GAP_S}
    gap_s = min(_LONGEST_LATENESS_S, max(_SHORTEST_GAP_S, _SHORTEST_GAP_S / 2 + 2 * clock.jitter_s))
    return {
        # Samples a second.
        "async": round(_MOST_STRETCH * decoded_rate_hz(stream)),
        "min_comp": round(gap_s - _SHORTEST_GAP_S / 4, 3),
        "min_hard_comp": round(gap_s, 3),
        "comp_duration": 1,
        # Or FFmpeg 5.1 starts the resampler where it begins to stretch, and fills from zero again.
        "flags": "res",
    }
