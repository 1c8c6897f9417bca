"""What FFmpeg's summaries say of a track: silence, and where its one channel is."""

from __future__ import annotations

import pytest

from worker.plan.parts import Side
from worker.source.audio_check import Levels, read_levels


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
