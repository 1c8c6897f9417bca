"""The FFmpeg commands for audio: to decode, measure and encode it. Pure.

One FFmpeg decodes, and hands PCM to another that measures or encodes. FFmpeg builds its filters
anew where channels, layout or rate change on the way, and what they had counted is lost: the second
one never sees such a change. Where several parts are joined, the second one lays each of them, one
after the other, as samples without times into one pipe, from which a third one encodes them all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.decode import from_origin
from worker.ffmpeg.encode import segment_options
from worker.ffmpeg.inputs import open_input, seconds
from worker.ffmpeg.speech.clean import clean_speech
from worker.ffmpeg.speech.measure import PIPES, measure_speech
from worker.layout import AUDIO, SEGMENT_PATTERN
from worker.media.ffprobe import is_mpeg_container
from worker.media.streams import AudioStream, Media
from worker.plan.parts import UNHEARD, Heard, Side
from worker.plan.plan import AudioPlan, Plan, Span
from worker.runtime.command import Command

# The FIFO on which decoded audio is handed on, in NUT: it keeps times to the sample.
DECODED = "decoded.nut"
# That on which the parts of a run are handed on: samples in a row, exactly as many as are planned.
LAID = "laid.pcm"

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
# Before a clip, as much is decoded as decoders need to be right, and containers to find it.
_SEEK_MARGIN_S = 2
# After a clip, more than the resampler holds.
_READ_ON_S = 1
# Containers in which audio can be sought to the sample. Times of others are in milliseconds: only
# counted from the start its samples are right.
_EXACT_CONTAINERS = frozenset({"mov", "mpegts"})
# The shortest gap that is filled, and the longest that packets may come late without being one.
_SHORTEST_GAP_S, _LONGEST_LATENESS_S = 0.02, 0.2
# Where parts of files are joined or cut, audio that begins late does so to the sample.
_EXACT_S = 0.00001
# By how much samples may be stretched to follow a drift: three hundredths of a semitone.
_MOST_STRETCH = 0.002


def decode_audio(
    media: Media, source: Path, *, length_s: Fraction | None = None, is_trial: bool = False
) -> Command:
    """Build the FFmpeg that decodes a source's audio to PCM of one layout and rate, into `DECODED`.

    Of a clip only what is needed: `length_s` of it, where that is given. A trial decodes the
    beginning, to see whether it can.
    """
    stream = _track(media)
    # Of the frames in a PES packet only the first has a time; those that FFmpeg fills in are wrong
    # where the sample rate has changed. From the samples themselves they come out right.
    options: dict[str, Any] = {"fflags": "nofillin"} if is_mpeg_container(media.container) else {}
    lead_s = _lead_s(media)
    if (sought_s := media.begins_s - lead_s - _SEEK_MARGIN_S) > 0:
        options |= {"ss": seconds(sought_s), "noaccurate_seek": None}
    decoded = _alike(open_input(source, **options)[str(stream.index)], media)
    if media.begins_s > lead_s:
        decoded = decoded.filter("atrim", start=seconds(_SHIFT_S))
    if length_s is not None:
        decoded = decoded.filter("atrim", end=seconds(_SHIFT_S + lead_s + length_s + _READ_ON_S))
    written: dict[str, Any] = {"f": "null", "t": _TRIED_S} if is_trial else {"f": "nut"}
    output = ffmpeg.output(decoded, DECODED, acodec="pcm_f32le", map_metadata=-1, **written)
    if not is_trial:
        # What cannot be decoded becomes silence, with a warning: FFmpeg alone would end with an
        # error where that is more than two thirds, and the video is worth more.
        output = output.global_args("-max_error_rate", "1")
    return ffmpeg_command([output])


def encode_audio(plan: Plan, audio: AudioPlan) -> Command:
    """Build the FFmpeg that encodes what is decoded into an audio rendition, of one part.

    Where the part has no samples it is silence.
    """
    _track(plan.media)  # Without one there is no rendition.
    laid, rest = _lay(plan, audio)
    # Audio lasts exactly as long as the video: players stall where a rendition ends early.
    laid = laid.filter("atrim", end=seconds(plan.grid.duration_s))
    return ffmpeg_command([_encode(laid, plan, audio), *rest], pipes=[AUDIO])


def lay_audio(plan: Plan, audio: AudioPlan, index: int) -> Command:
    """Build the FFmpeg that writes what is decoded of a part into `LAID`, to the sample.

    Of a part without samples it is silence.
    """
    part = plan.parts[index]
    begin, end = (
        round(frame / plan.grid.rate * audio.sample_rate_hz)
        for frame in (part.first_frame, part.end_frame)
    )
    laid, rest = _lay(plan.alone(index), audio)
    laid = laid.filter("atrim", end_sample=end - begin)
    output = ffmpeg.output(laid, LAID, f="f32le", acodec="pcm_f32le")
    return ffmpeg_command([output, *rest])


def encode_laid_audio(plan: Plan, audio: AudioPlan) -> Command:
    """Build the FFmpeg that encodes what was laid of all parts into an audio rendition."""
    laid = ffmpeg.input(
        f"file:{LAID}",
        f="f32le",
        protocol_whitelist="file",
        sample_rate=audio.sample_rate_hz,
        ch_layout=_LAYOUTS[audio.channels],
    )
    return ffmpeg_command([_encode(laid["0"], plan, audio)], pipes=[AUDIO])


def _lay(plan: Plan, audio: AudioPlan) -> tuple[Any, list[Any]]:
    """Put what is decoded of one part at its level and on its time, without an end.

    Returns it, and the outputs that read what is decoded to its end: who decodes would fail where
    nobody reads. Without samples nothing is decoded: a NUT without a packet cannot be opened.
    """
    part = plan.parts[0]
    if not part.has_samples(plan.grid.rate):
        source = f"anullsrc=sample_rate={audio.sample_rate_hz}"
        source += f":channel_layout={_LAYOUTS[audio.channels]}"
        return ffmpeg.input(source, f="lavfi")["0"], []
    decoded = open_input(Path(DECODED))
    stream, heard = _track(part.media), part.heard
    laid = _laid(stream)
    if "min_comp" not in laid and not part.is_whole(plan.grid.rate):
        laid["min_comp"] = _EXACT_S
    timed = decoded["0"].filter("asetpts", f"PTS-{seconds(_SHIFT_S)}/TB")
    track = _level(timed, stream, heard, laid)
    track = track.filter("aresample", audio.sample_rate_hz, first_pts=0, **laid)
    if lead_s := _lead_s(part.media):
        track = track.filter("atrim", start_sample=round(lead_s * audio.sample_rate_hz))
        track = track.filter("asetpts", "N/SR/TB")
    if part.channels < audio.channels:
        track = track.filter("pan", args="stereo|c0=c0|c1=c0")
    rest = ffmpeg.output(decoded["a"], "-", f="null", acodec="copy")
    return track.filter("apad"), [rest]


def _encode(track: Any, plan: Plan, audio: AudioPlan) -> Any:
    whole = Span(first=0, end=plan.grid.segment_count, rungs=(), preset="")
    return ffmpeg.output(
        track,
        f"{AUDIO}/{SEGMENT_PATTERN}",
        acodec="aac",
        audio_bitrate=audio.bit_rate_bps,
        **segment_options(plan, whole, AUDIO),
        segment_time=seconds(plan.grid.segment_s),
    )


def measure_audio(
    media: Media, *, has_loudness: bool, speech_s: float | None = None, heard: Heard = UNHEARD
) -> Command:
    """Build the FFmpeg that measures what is decoded, as it would be published after `heard`.

    It writes a summary on stderr: for each side, and for half of their difference, `Peak level dB`;
    and with `has_loudness` (EBU R128) `I: … LUFS`. With `speech_s`, its length, it prints what
    `read_speech` reads.
    """
    stream = _track(media)
    measured = open_input(Path(DECODED))["0"]
    lead_s = _lead_s(media)
    if lead_s:
        measured = measured.filter("atrim", start=seconds(_SHIFT_S + lead_s))
    speech: list[Any] = []
    if speech_s is not None:
        measured, speech = measure_speech(measured, decoded_rate_hz(stream), speech_s)
    if has_loudness:
        # A line for each 0.1 s is logged at the level verbose, which is not asked for. One channel
        # is played on both sides, and is as loud as that. What is cleaned is filled up from zero.
        timed = measured.filter("asetpts", f"PTS-{seconds(_SHIFT_S + lead_s)}/TB")
        measured = _level(timed, stream, heard, _laid(stream))
        measured = measured.filter("ebur128", framelog="verbose", dualmono=1)
    if stream.mixed_channels > 1 and not heard.side:
        measured = measured.filter("pan", args="2.1|c0=c0|c1=c1|c2=0.5*c0-0.5*c1")
    # Of all that it can measure the peak alone takes no time.
    measured = measured.filter("astats", measure_overall="none", measure_perchannel="Peak_level")
    outputs = [ffmpeg.output(measured, "-", f="null"), *speech]
    return ffmpeg_command(outputs, level="info", pipes=PIPES if speech else ())


def decoded_rate_hz(stream: AudioStream) -> int:
    """Return the sample rate to which a track is decoded: its own where most have it."""
    return stream.sample_rate_hz if stream.sample_rate_hz in _KEPT_RATES_HZ else 48_000


def _track(media: Media) -> AudioStream:
    if media.audio is None:
        raise ValueError("the source has no audio")
    return media.audio


def _lead_s(media: Media) -> Fraction:
    """Return how long before t=0 of a clip audio is decoded and laid, to be cut by its samples."""
    is_exact = not _EXACT_CONTAINERS.isdisjoint(media.container.split(","))
    return Fraction(0) if is_exact else media.begins_s


def _alike(track: Any, media: Media) -> Any:
    """Give all frames one layout and rate; nothing here has anything to remember of the last."""
    stream = _track(media)
    begin_s = _SHIFT_S + _lead_s(media)
    shifted = replace(media, origin_s=media.origin_s - begin_s)
    timed = _without_wrong_times(track.filter("asetpts", from_origin(shifted)), stream, begin_s)
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


def _without_wrong_times(track: Any, stream: AudioStream, begin_s: Fraction) -> Any:
    """Leave out the frames of MPEG audio that FFmpeg gives a time far from their own.

    The first frame of another sample rate carries the rate before it, and up to FFmpeg 6.0 a time
    that is wrong by the ratio of both: minutes, in a long recording. It is not where frames of that
    rate are.
    """
    samples = _MPEG_SAMPLES.get(stream.codec, 0)
    where: dict[int, str] = {}
    for stretch in stream.packets.clock.stretches if samples else ():
        # The nearest one: a container may round the lengths of packets.
        away = {abs(hz - samples / stretch.packet_s): hz for hz in _MPEG_RATES_HZ}
        rate_hz = away[min(away)]
        bounds = (stretch.start_s - _CHANGE_S, stretch.end_s + _CHANGE_S)
        first, last = (f"{float(begin_s) + at_s:.3f}" for at_s in bounds)
        where[rate_hz] = where.get(rate_hz, "") + f"+between(t,{first},{last})"
    if not where:
        return track
    allowed = (f"(not(eq(sample_rate,{rate_hz})){times})" for rate_hz, times in where.items())
    return track.filter("aselect", "*".join(allowed))


def _level(track: Any, stream: AudioStream, heard: Heard, laid: Mapping[str, Any]) -> Any:
    """Take the planned channels, with their speech cleaned, at a level that is not clipped."""
    mixed = track
    if heard.side:
        mixed = mixed.filter("pan", args=f"mono|c0={_SIDES[heard.side]}")
    if heard.cleaning:
        mixed = clean_speech(mixed, heard.cleaning, laid)
    if heard.gain_db:
        mixed = mixed.filter("volume", f"{heard.gain_db:.2f}dB")
    if heard.gain_db > 0 or heard.cleaning or stream.channels > max(_LAYOUTS):
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
