"""What FFmpeg's summaries say of a track: silence, and where its one channel is."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sample import MEDIA, workspace
from worker.ffmpeg.speech.measure import VOICE
from worker.plan.parts import Heard, Side, Window
from worker.runtime.child import Line
from worker.runtime.process import FailedError
from worker.source import audio_check
from worker.source.audio_check import Levels, listen, read_levels


def summary(*levels_db: str, lufs: str | None = None) -> list[str]:
    lines = []
    for i, level_db in enumerate(levels_db, 1):
        lines += [
            f"[Parsed_astats_2 @ 0x1] [info] Channel: {i}",
            f"[Parsed_astats_2 @ 0x1] [info] Peak level dB: {level_db}",
        ]
    return lines + ([f"[info]     I:  {lufs} LUFS"] if lufs else [])


def test_levels_and_loudness_are_read() -> None:
    read = read_levels(summary("-20.5", "-21.5", "-inf", lufs="-23.1"))
    assert read == Levels(sides_db=(-20.5, -21.5), difference_db=float("-inf"), lufs=-23.1)
    assert read_levels(summary("-20.5")).sides_db == (-20.5,)
    assert read_levels([]) == Levels(sides_db=())


@pytest.mark.parametrize(
    ("levels_db", "side"),
    [
        (("-20", "-20", "-inf"), "both"),
        (("-20", "-20", "-54"), "both"),
        (("-20", "-22", "-40"), None),
        # Full scale is zero.
        (("0.000000", "0.000000", "-0.1"), None),
        (("0.000000", "0.000000", "-80"), "both"),
        (("-20", "-inf", "-26"), "left"),
        (("-75", "-20", "-26"), "right"),
        (("-60", "-20", "-26"), None),
        (("-inf", "-inf", "-inf"), "both"),
        (("nan", "nan", "nan"), None),
        (("-20",), None),
    ],
)
def test_where_the_one_channel_is(levels_db: tuple[str, ...], side: Side | None) -> None:
    assert read_levels(summary(*levels_db)).side == side


@pytest.mark.parametrize(
    ("levels_db", "is_silent"),
    [
        (("-inf",), True),
        (("-55",), True),
        (("-40",), False),
        (("-55", "-30", "-30"), False),
        ((), False),
    ],
)
def test_what_is_silent(levels_db: tuple[str, ...], *, is_silent: bool) -> None:
    assert read_levels(summary(*levels_db)).is_silent is is_silent


@pytest.mark.parametrize("fails", [False, True])
def test_a_cleaning_that_cannot_be_measured_is_not_planned(
    monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    """Its filters would fail the encode as well."""
    measured: list[str] = []

    def measure(
        *_: Any, on_line: Callable[[Line], None]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        measured.append("once")
        if fails and len(measured) == 2:
            raise FailedError("ffmpeg (audio check)", 234, ["Value -61.0 out of range"])
        for level_db in (-60, -30) * 50:
            on_line(Line("check", VOICE, "lavfi.aspectralstats.1.flatness=0.61"))
            on_line(Line("check", VOICE, f"lavfi.astats.1.RMS_level={level_db}"))
        return (), tuple(summary("-20", "-20", "-60", lufs="-23.0"))

    decoded = ("Input stream #0:1 (audio): 9 packets read (9 bytes); 9 frames decoded",)
    monkeypatch.setattr(audio_check, "run_ffmpeg", lambda *_, **__: decoded)
    monkeypatch.setattr(audio_check, "run_through_pipe", measure)
    window = Window(start_s=Fraction(0), end_s=Fraction(13))
    _, heard = listen(
        MEDIA, Path("/in.mp4"), workspace(), window, loudness_lufs=None, cleans_speech=True
    )
    assert len(measured) == 2
    if fails:
        assert heard == Heard(side="both")
    else:
        assert heard.cleaning
        assert heard.gain_db == 7
