"""What is done to speech, decided from levels that were measured of it. Pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

# Upper edges of the bands whose levels are measured, in Hz; the last one has no end.
BAND_EDGES_HZ = (125, 250, 500, 1000, 2000, 4000, 8000)
# Where mains hum is: multiples of 50 and of 60 Hz. Beside each are frequencies where it is not.
_MAINS_HZ = (50, 60)
_HUM_HZ = (50, 60, 100, 120, 150, 180, 200, 240, 250, 300)
_NO_HUM_HZ = (75, 110, 135, 165, 220, 275)
LINES_HZ = tuple(sorted((*_HUM_HZ, *_NO_HUM_HZ)))

# Of windows with less nothing is concluded: silence, and what a codec makes of it.
_SILENT_DB = -90.0
_FEWEST_WINDOWS = 16
# Shares of the windows, from the quietest on: pauses are in the first, a voice in the last.
_PAUSES, _VOICE = 0.1, 0.95
_STEADY = (0.05, 0.15)
# Speech rises above its pauses by this at least; traffic, applause and most music do not.
_LEAST_RISE_DB = 8.0
# Spectral flatness of the pauses. Measured of recordings of speech was 0.56 and more, of speech
# over music 0.35 and less, of music alone 0.2 and less.
_LEAST_FLATNESS = 0.53
# The level of noise in pauses varies by this at most; what varies more is quiet speech.
_MOST_SPREAD_DB = 8.0
# Noise further below the voice than this is not heard.
_HEARD_DB = 50.0
# A line of hum is above what is beside it by this.
_LEAST_HUM_DB = 10.0
_BANDS_WITH_HUM = 3
_MAX_HZ = 24_000

# Why audio stays as it is: nothing like a voice in it, music, or it could not be measured.
LeftAlone = Literal["no_voice", "music", "not_measured"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechLevels:
    """What was measured of speech, in dB of full scale, window by window.

    `bands_db` has one array for each band, `lines_db` for each frequency of `LINES_HZ`.
    `voice_db` are levels of the band of a voice, `flatness` (0 to 1) says how much it is like
    noise.
    """

    bands_db: tuple[array[float], ...]
    lines_db: tuple[array[float], ...]
    voice_db: array[float]
    flatness: array[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleaning:
    """What is done to speech.

    `noise_db` is the noise of each band, as the level of white noise that has as much there; empty
    where there is none to reduce. `hum_hz` are the lines of hum that are taken out. `level_db` is
    its loudness, from which on loud words are brought closer to the others.
    """

    noise_db: tuple[int, ...] = ()
    hum_hz: tuple[int, ...] = ()
    level_db: int = -20


def why_left_alone(levels: SpeechLevels) -> LeftAlone | None:
    """Return why audio is not cleaned; None where it is speech."""
    heard = sorted(
        (level_db, flat)
        for level_db, flat in zip(levels.voice_db, levels.flatness, strict=False)
        if level_db > _SILENT_DB
    )
    if len(heard) < _FEWEST_WINDOWS:
        return "not_measured" if not levels.voice_db else "no_voice"
    levels_db = [level_db for level_db, _ in heard]
    if _share(levels_db, _VOICE) - _share(levels_db, _PAUSES) < _LEAST_RISE_DB:
        return "no_voice"
    pauses = heard[: max(4, round(_PAUSES * len(heard)))]
    # Hum is tonal, too, and is known by its frequencies.
    if median(flat for _, flat in pauses) < _LEAST_FLATNESS and not _hum_hz(levels):
        return "music"
    return None


def plan_cleaning(levels: SpeechLevels, *, lufs: float, raised_db: float = 0.0) -> Cleaning:
    """Plan what is done to speech of this loudness.

    Where it is in one channel of two, its other levels were measured `raised_db` too low.
    """
    hum_hz = _hum_hz(levels)
    noise_db = [level_db + raised_db for level_db in _noise_db(levels)]
    if hum_hz and noise_db:
        # The lowest bands show hum, which is taken out, and not the noise below it.
        most_db = noise_db[_BANDS_WITH_HUM]
        noise_db = [min(most_db, level_db) for level_db in noise_db]
    return Cleaning(
        noise_db=tuple(round(level_db) for level_db in noise_db),
        hum_hz=hum_hz,
        level_db=round(lufs),
    )


def _noise_db(levels: SpeechLevels) -> list[float]:
    bands = [sorted(v for v in band if v > _SILENT_DB - 20) for band in levels.bands_db]
    if not all(len(band) >= _FEWEST_WINDOWS for band in bands):
        return []
    spread_db = median(_share(band, _STEADY[1]) - _share(band, _STEADY[0]) for band in bands)
    heard_db = max(_share(band, _VOICE) - _share(band, _PAUSES) for band in bands)
    if spread_db > _MOST_SPREAD_DB or heard_db > _HEARD_DB:
        return []
    edges = (0, *BAND_EDGES_HZ, _MAX_HZ)
    return [
        _share(band, _PAUSES) - 10 * math.log10((high - low) / _MAX_HZ)
        for band, low, high in zip(bands, edges, edges[1:], strict=False)
    ]


def _hum_hz(levels: SpeechLevels) -> tuple[int, ...]:
    lines = {
        hz: _share(sorted(line), _PAUSES)
        for hz, line in zip(LINES_HZ, levels.lines_db, strict=False)
        if line
    }
    found = [
        hz
        for hz in _HUM_HZ
        if hz in lines
        and lines[hz] > _SILENT_DB
        and lines[hz] > _LEAST_HUM_DB + max(lines[other] for other in _beside(hz))
    ]
    # One line alone may be a fan's, and 300 Hz is of both.
    for mains_hz in _MAINS_HZ:
        of_mains = tuple(hz for hz in found if hz % mains_hz == 0)
        if len(of_mains) > 1:
            return of_mains
    return ()


def _beside(hz: int) -> list[int]:
    return sorted(_NO_HUM_HZ, key=lambda other: abs(other - hz))[:2]


def _share(ordered: Sequence[float], share: float) -> float:
    """Return the value below which this share of others is."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else -math.inf
