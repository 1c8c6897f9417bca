"""The output rate, and the grid that every segment lies on."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import media, video
from worker.media.frame_clock import FrameClock, snap_rate
from worker.media.packets import Packets
from worker.media.timeline import Grid, clock_time, frame_count, make_grid, output_rate


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (30, 30), (60, 30), (50, 25), (120, 30), (25, 25), (24, 24), (20, 20),
        (12.5, Fraction(25, 2)),
        (30000 / 1001, Fraction(30000, 1001)), (60000 / 1001, Fraction(30000, 1001)),
        (30.006, 30), (29.97, Fraction(30000, 1001)), (40, 20), (35, 30), (10, 10), (0.2, 1),
    ],
)  # fmt: skip
def test_constant_rates(source: float, expected: Fraction) -> None:
    """Kept where they fit, divided evenly where they do not; never raised."""
    clock = FrameClock(rate=snap_rate(Fraction(source)), is_steady=True)
    assert output_rate(video(clock=clock), most=30) == expected


def test_an_even_division_is_for_a_steady_clock_of_a_common_rate() -> None:
    """73 and 61.2 are no clocks: of these a third would be 24.4 and 20.4."""
    unsteady = FrameClock(rate=Fraction(73), is_steady=False)
    assert output_rate(video(clock=unsteady), most=30) == 30
    assert output_rate(video(clock=replace(unsteady, rate=Fraction(50))), most=30) == 30
    rough = FrameClock(rate=Fraction(612, 10), is_steady=True)
    assert output_rate(video(clock=rough), most=30) == 30


def test_an_untimed_source_is_counted() -> None:
    untimed = Packets(count=50, start_s=None, end_s=None)
    raw = video(packets=untimed, clock=None, average_rate=Fraction(25), nominal_rate=Fraction(25))
    assert output_rate(raw, most=30) == 25
    assert frame_count(media(video=raw, audio=None), Fraction(25)) == 50


@given(
    rate=st.sampled_from([Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25, 2)])
    | st.fractions(min_value=1, max_value=60, max_denominator=1001),
    duration_s=st.floats(0.01, 43_200),
    segment_s=st.floats(1, 20),
)
def test_segments_tile_the_whole(rate: Fraction, duration_s: float, segment_s: float) -> None:
    """No gap, no overlap, and the sum is the whole, exactly, at any length."""
    source = video(packets=Packets(count=1, start_s=0.0, end_s=duration_s))
    length = frame_count(media(video=source, audio=None), rate)
    grid = make_grid([length], rate=rate, segment_s=segment_s)
    assert sum(grid.frames(k) for k in range(grid.segment_count)) == grid.total_frames
    assert all(grid.frames(k) > 0 for k in range(grid.segment_count))
    some = set(range(0, grid.segment_count, 2))
    assert grid.frames_in(some) == sum(grid.frames(k) for k in some)
    assert grid.start_s(0) == 0
    assert grid.start_s(grid.segment_count) == grid.duration_s
    assert abs(float(grid.duration_s) - duration_s) <= max(1 / float(grid.rate), 1e-6)


def test_ntsc_segments_are_whole_frames() -> None:
    grid = Grid(rate=Fraction(30000, 1001), segment_frames=180, total_frames=1000)
    assert grid.segment_s == Fraction(6006, 1000)
    assert grid.start_s(3) == Fraction(18018, 1000)
    assert (grid.segment_count, grid.frames(5)) == (6, 100)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (62.4, "1:02"), (3723, "1:02:03")])
def test_clock(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text
