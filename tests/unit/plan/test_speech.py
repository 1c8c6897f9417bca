"""What counts as speech, as noise and as hum, by levels that were measured."""

from __future__ import annotations

import random
from array import array
from dataclasses import replace

import pytest

from tests.unit.sample import MEDIA, plan_of
from worker.plan.digest import run_name
from worker.plan.parts import Heard, PreparedFile
from worker.plan.saved import plan_from_json, plan_to_json
from worker.plan.speech import (
    BAND_EDGES_HZ,
    LINES_HZ,
    Cleaning,
    SpeechLevels,
    plan_cleaning,
    why_left_alone,
)

WINDOWS = 200
# White noise of -40 dB has so much in each band, which doubles its width from the second one on.
WHITE_DB = (-62.8, -62.8, -59.8, -56.8, -53.8, -50.8, -47.8, -41.8)


def levels(
    *, rise_db: float = 20, flatness: float = 0.7, spread_db: float = 1, lines_db: float = -60
) -> SpeechLevels:
    """Speech with a third of pauses, in white noise of -40 dB."""
    chance = random.Random(1)  # noqa: S311 (no secret)
    rises_db = [0 if i % 3 == 0 else rise_db for i in range(WINDOWS)]
    return SpeechLevels(
        bands_db=tuple(
            array("d", (at_db + rise + spread_db * chance.random() for rise in rises_db))
            for at_db in WHITE_DB
        ),
        lines_db=tuple(array("d", [lines_db] * WINDOWS) for _ in LINES_HZ),
        voice_db=array("d", (rise - 45 for rise in rises_db)),
        flatness=array("d", [flatness] * WINDOWS),
    )


def with_lines(given: SpeechLevels, *louder: int) -> SpeechLevels:
    lines = zip(LINES_HZ, given.lines_db, strict=True)
    return replace(
        given,
        lines_db=tuple(array("d", (v + 20 * (hz in louder) for v in line)) for hz, line in lines),
    )


def test_speech_is_what_rises_above_pauses_that_are_not_tonal() -> None:
    assert why_left_alone(levels()) is None
    assert why_left_alone(levels(rise_db=7)) == "no_voice"
    assert why_left_alone(levels(flatness=0.4)) == "music"
    # Hum in the pauses is no music.
    assert why_left_alone(with_lines(levels(flatness=0.2), 100, 150)) is None
    silent = replace(levels(), voice_db=array("d", [float("-inf")] * WINDOWS))
    assert why_left_alone(silent) == "no_voice"
    nothing = SpeechLevels(
        bands_db=tuple(array("d") for _ in WHITE_DB),
        lines_db=tuple(array("d") for _ in LINES_HZ),
        voice_db=array("d"),
        flatness=array("d"),
    )
    assert why_left_alone(nothing) == "not_measured"


def test_noise_is_that_of_the_pauses_whatever_the_width_of_a_band() -> None:
    assert len(WHITE_DB) == len(BAND_EDGES_HZ) + 1
    cleaning = plan_cleaning(levels(spread_db=0), lufs=-22.6)
    assert cleaning == Cleaning(noise_db=(-40,) * 8, hum_hz=(), level_db=-23)
    # In one channel of two, it was measured in a mix with the empty one.
    assert plan_cleaning(levels(spread_db=0), lufs=-22.6, raised_db=6).noise_db == (-34,) * 8


@pytest.mark.parametrize("changes", [{"spread_db": 100}, {"rise_db": 60}])
def test_what_varies_or_is_not_heard_is_no_noise(changes: dict[str, float]) -> None:
    assert plan_cleaning(levels(**changes), lufs=-20).noise_db == ()


@pytest.mark.parametrize(
    ("louder", "hum_hz"),
    [
        ((), ()),
        ((100,), ()),
        ((100, 150), (100, 150)),
        ((50, 100, 200, 250), (50, 100, 200, 250)),
        ((60, 120, 180), (60, 120, 180)),
        ((120, 300), (120, 300)),
        # Not hum of mains.
        ((75, 110, 135, 165), ()),
    ],
)
def test_hum_is_at_several_multiples_of_a_mains_frequency(
    louder: tuple[int, ...], hum_hz: tuple[int, ...]
) -> None:
    assert plan_cleaning(with_lines(levels(), *louder), lufs=-20).hum_hz == hum_hz


def test_hum_is_not_taken_for_noise() -> None:
    given = with_lines(levels(spread_db=0), 100, 150)
    first, *others = given.bands_db
    loud = replace(given, bands_db=(array("d", (v + 30 for v in first)), *others))
    assert plan_cleaning(loud, lufs=-20).noise_db == (-40,) * 8


def test_a_plan_keeps_its_cleaning_and_another_one_is_another_run() -> None:
    cleaning = Cleaning(noise_db=(-40,) * 8, hum_hz=(50, 100))
    plain = plan_of(PreparedFile(media=MEDIA))
    cleaned = plan_of(PreparedFile(media=MEDIA, heard=Heard(cleaning=cleaning)))
    assert plan_from_json(plan_to_json(cleaned)) == cleaned
    assert run_name("source", cleaned) != run_name("source", plain)
