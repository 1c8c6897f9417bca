"""The filters that clean speech: hum and noise down, loud words closer to the others. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from worker.plan.speech import BAND_EDGES_HZ, Cleaning

# All of it works at one rate, and on samples that follow one another from zero on.
RATE_HZ = 48_000
# Below this a voice has nothing; footsteps, wind and the fundamental of hum do.
_LOWEST_HZ = 75
_NOTCH_WIDTH_HZ = 4
# By how much noise is reduced: what is left covers what the reduction does to the voice.
_REDUCTION_DB = 12
# afftdn reduces in full what is so much below the noise that it is given.
_MARGIN_DB = 4
_EVENED_BELOW_DB = 4
# acompressor accepts no lower threshold than 0.000976563.
_LEAST_THRESHOLD_DB = -60
# afftdn: where its bands are, how far they may be from their mean, how low its floor may be, and
# by how many samples what comes out of it is late.
_CENTERS_HZ = (
    *(80, 125, 193, 295, 448, 677, 1021),
    *(1537, 2311, 3472, 5213, 7825, 11_743, 17_620, 26_435),
)
_MOST_OFF_DB, _FLOORS_DB = 24, (-80, -20)
_LATE_SAMPLES = RATE_HZ // 40


def clean_speech(track: Any, cleaning: Cleaning, laid: Mapping[str, Any]) -> Any:
    """Clean a track whose t=0 is that of the timeline: each sample stays where it is.

    `laid` are options of aresample: the filters keep what they are given in a row, so it is laid,
    without gaps, before.
    """
    cleaned = track.filter("aresample", RATE_HZ, first_pts=0, **laid)
    cleaned = cleaned.filter("highpass", f=_LOWEST_HZ)
    for hz in cleaning.hum_hz:
        cleaned = cleaned.filter("bandreject", f=hz, width_type="h", w=_NOTCH_WIDTH_HZ)
    if cleaning.noise_db:
        cleaned = _reduce_noise(cleaned, cleaning.noise_db)
    return cleaned.filter(
        "acompressor",
        # Slow: who turns away from the microphone is raised, the shape of words stays.
        threshold=f"{max(_LEAST_THRESHOLD_DB, cleaning.level_db - _EVENED_BELOW_DB)}dB",
        ratio=2,
        attack=80,
        release=600,
        knee=6,
        detection="rms",
    )


def _reduce_noise(track: Any, noise_db: tuple[int, ...]) -> Any:
    wanted = [_at(hz, noise_db) for hz in _CENTERS_HZ]
    mean_db = sum(wanted) / len(wanted)
    off_db = [max(-_MOST_OFF_DB, min(_MOST_OFF_DB, round(at_db - mean_db))) for at_db in wanted]
    # The filter takes the mean away from the bands, and adds its floor.
    floor_db = mean_db + sum(off_db) / len(off_db) + _MARGIN_DB
    low_db, high_db = _FLOORS_DB
    return (
        track.filter("apad", pad_len=_LATE_SAMPLES)
        .filter(
            "afftdn",
            noise_reduction=_REDUCTION_DB,
            noise_floor=round(max(low_db, min(high_db, floor_db))),
            noise_type="custom",
            band_noise="|".join(map(str, off_db)),
        )
        .filter("atrim", start_sample=_LATE_SAMPLES)
        .filter("asetpts", "N/SR/TB")
    )


def _at(hz: float, noise_db: tuple[int, ...]) -> float:
    """Return the noise at a frequency, between the centers of the bands that were measured."""
    edges = (BAND_EDGES_HZ[0] / 2, *BAND_EDGES_HZ, BAND_EDGES_HZ[-1] * 2)
    position = math.log2(hz / edges[0]) - 0.5
    low = max(0, min(len(noise_db) - 2, math.floor(position)))
    share = max(0.0, min(1.0, position - low))
    return noise_db[low] * (1 - share) + noise_db[low + 1] * share
