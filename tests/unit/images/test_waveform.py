"""A waveform is made of few enough numbers, however long the audio is."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.unit.ffmpeg.test_commands import SOURCE, after, filled
from worker.images.commands import draw_waveform

HOUR_S = 3600


@pytest.mark.parametrize(
    ("duration_s", "rate_hz"),
    [(Fraction(1, 2), 8000), (Fraction(10), 1024), (Fraction(26 * HOUR_S), 100)],
)
def test_each_column_has_several_levels_and_a_day_no_more_than_memory_holds(
    duration_s: Fraction, rate_hz: int
) -> None:
    (graph,) = after(filled(draw_waveform(SOURCE, duration_s)), "-filter_complex")
    assert f"aresample={rate_hz}[" in graph
    # Of single samples a frame each would take as much memory as a whole one.
    assert graph.index("asetnsamples") < graph.index("showwavespic")
