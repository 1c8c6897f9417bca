"""Subtitles: cues read, moved to the timeline, and cut into segments."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import plan
from worker.webvtt import Cue, read_cues, render_segments, segment_lengths_s

WHOLE = """WEBVTT

00:01.000 --> 00:04.500
안녕하세요
two lines

7
01:00:59.000 --> 01:01:02.000 align:start
over --> a boundary

NOTE nothing

00:05.000 --> 00:05.000
no time
"""


def test_cues_are_read_from_the_containers_start() -> None:
    assert read_cues(WHOLE, origin_s=Fraction(3, 2)) == (
        Cue(start_ms=0, end_ms=3000, text="안녕하세요\ntwo lines"),
        Cue(
            start_ms=3_657_500,
            end_ms=3_660_500,
            text="over → a boundary",
            settings="align:start",
        ),
    )


def test_a_cue_over_a_boundary_is_in_both_segments() -> None:
    cues = read_cues(WHOLE, origin_s=Fraction(-1))
    first, second = render_segments(cues, (Fraction(3661), Fraction(10)))
    for segment in (first, second):
        assert segment.startswith("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n")
        assert "01:01:00.000 --> 01:01:03.000 align:start\nover" in segment
    assert "안녕" in first
    assert "안녕" not in second


@given(st.integers(1, 4 * 3600 * 30))
def test_the_segments_last_as_long_as_the_picture(frames: int) -> None:
    a_plan = plan()
    grid = type(a_plan.grid)(rate=Fraction(30), segment_frames=180, total_frames=frames)
    lengths = segment_lengths_s(grid)
    assert sum(lengths) == grid.duration_s
    assert all(0 < length <= 60 for length in lengths)


def test_what_was_rendered_reads_back() -> None:
    cues = read_cues(WHOLE, origin_s=Fraction(0))
    (segment,) = render_segments(cues, (Fraction(4000),))
    assert read_cues(segment, origin_s=Fraction(0)) == cues
