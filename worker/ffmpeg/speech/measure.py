"""The filters that measure speech and what is heard beside it, and what they print. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import ffmpeg

from worker.plan.speech import BAND_EDGES_HZ, LINES_HZ, SpeechLevels
from worker.runtime.command import pipe_url

BANDS, VOICE, LINES = "bands", "voice", "lines"
PIPES = (BANDS, VOICE, LINES)

# Layouts with as many channels, and their channels in order.
_LAYOUTS = {
    8: ("7.1", "FL FR FC LFE BL BR SL SR"),
    16: ("hexadecagonal", "FL FR FC BL BR BC SL SR TFL TFC TFR TBL TBC TBR WL WR"),
}
# A pause between words lasts about as long.
_WINDOW_S = 0.2
# At these a voice has all its formants, and mains its hum.
_VOICE_HZ, _LINES_RATE_HZ = 8000, 2000
_FFT = 2048
_LINE_WIDTH_HZ, _LINE_WINDOW_S = 4, 0.5
# Of a longer recording as much is measured, in stretches spread over the whole.
_MEASURED_S, _STRETCH_S = 600.0, 4.0


def measure_speech(track: Any, rate_hz: int, duration_s: float) -> tuple[Any, list[Any]]:
    """Return a track of this rate again, and outputs that print levels of it on `PIPES`."""
    both = track.filter_multi_output("asplit", 2)
    one = both[1]
    if duration_s > _MEASURED_S:
        every_s = _STRETCH_S * duration_s / _MEASURED_S
        one = one.filter("aselect", f"lt(mod(t,{every_s:.1f}),{_STRETCH_S})")
    # Filters that join several tracks go by their times.
    one = one.filter("asetpts", "N/SR/TB").filter("aformat", channel_layouts="mono")
    copies = one.filter_multi_output("asplit", 3)
    bands = copies[0].filter_multi_output(
        "acrossover", split=" ".join(map(str, BAND_EDGES_HZ)), order="4th"
    )
    levels = _levels(
        _join([bands[i] for i in range(len(BAND_EDGES_HZ) + 1)]),
        round(rate_hz * _WINDOW_S),
    )
    # The spectrum of speech, and of most noise, falls: made level, flatness shows what is tonal.
    voice = (
        copies[1]
        .filter("aresample", _VOICE_HZ)
        .filter("highpass", f=_VOICE_HZ / 4, poles=1)
        .filter("aspectralstats", win_size=_FFT, overlap=0)
    )
    split = copies[2].filter("aresample", _LINES_RATE_HZ)
    split = split.filter_multi_output("asplit", len(LINES_HZ))
    lines = [_line(split[i], hz) for i, hz in enumerate(LINES_HZ)]
    joined = _levels(_join(lines), round(_LINES_RATE_HZ * _LINE_WINDOW_S))
    printed = {BANDS: levels, VOICE: _with_level(voice), LINES: joined}
    outputs = [
        ffmpeg.output(track.filter("ametadata", "print", file=pipe_url(pipe)), "-", f="null")
        for pipe, track in printed.items()
    ]
    return both[0], outputs


def read_speech(lines: Mapping[str, Iterable[str]]) -> SpeechLevels:
    """Read what was printed on each of `PIPES`."""
    bands = _columns(lines[BANDS], len(BAND_EDGES_HZ) + 1)
    found = _columns(lines[LINES], len(LINES_HZ))
    voice_db, flatness = array("d"), array("d")
    flat = 0.0
    for line in lines[VOICE]:
        name, _, value = line.partition("=")
        if name.endswith(".flatness"):
            flat = float(value)
        elif name.endswith(".RMS_level"):
            voice_db.append(float(value))
            flatness.append(flat)
    return SpeechLevels(bands_db=bands, lines_db=found, voice_db=voice_db, flatness=flatness)


def _columns(lines: Iterable[str], count: int) -> tuple[array[float], ...]:
    """Read `lavfi.astats.3.RMS_level=-40.1`: the level of the third channel in a window."""
    found = tuple(array("d") for _ in range(count))
    for line in lines:
        name, _, value = line.partition("=")
        if name.endswith(".RMS_level"):
            channel = int(name.split(".")[2]) - 1
            if channel < count:
                found[channel].append(float(value))
    return found


def _line(track: Any, hz: int) -> Any:
    for _ in range(2):
        track = track.filter("bandpass", f=hz, width_type="h", w=_LINE_WIDTH_HZ)
    return track


def _join(tracks: list[Any]) -> Any:
    layout, channels = _LAYOUTS[len(tracks)]
    # By itself it would give the first track to the channel in the middle.
    mapped = "|".join(f"{i}.0-{channel}" for i, channel in enumerate(channels.split()))
    return ffmpeg.filter(tracks, "join", inputs=len(tracks), channel_layout=layout, map=mapped)


def _levels(track: Any, samples: int) -> Any:
    return _with_level(track.filter("asetnsamples", samples, pad=0))


def _with_level(track: Any) -> Any:
    return track.filter(
        "astats", metadata=1, reset=1, measure_overall="none", measure_perchannel="RMS_level"
    )
