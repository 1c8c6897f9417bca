"""Subtitles: cues read, moved to the timeline, and cut into segments."""

from __future__ import annotations

import itertools
import re
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import plan
from worker.hls import webvtt
from worker.hls.webvtt import Cue, TooManyCuesError, read_cues, render_segments, segment_lengths_s

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
            text="over --&gt; a boundary",
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
def test_the_segments_last_as_long_as_the_video(frames: int) -> None:
    a_plan = plan()
    grid = type(a_plan.grid)(rate=Fraction(30), segment_frames=180, total_frames=frames)
    lengths = segment_lengths_s(grid)
    assert sum(lengths) == grid.duration_s
    assert all(0 < length <= 60 for length in lengths)


def test_what_was_rendered_reads_back() -> None:
    cues = read_cues(WHOLE, origin_s=Fraction(0))
    (segment,) = render_segments(cues, (Fraction(4000),))
    assert read_cues(segment, origin_s=Fraction(0)) == cues


@st.composite
def cues(draw: st.DrawFn) -> tuple[Cue, ...]:
    """In any order, as a hostile file may have them."""
    spans = draw(st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 9000)), max_size=20))
    return tuple(
        Cue(start_ms=start_ms, end_ms=start_ms + length_ms, text=f"{k}")
        for k, (start_ms, length_ms) in enumerate(spans)
    )


def shown_in(cues: tuple[Cue, ...], lengths_s: list[Fraction]) -> list[list[str]]:
    """Compare every cue with every segment, exactly."""
    starts_ms = [1000 * sum(lengths_s[:k], Fraction(0)) for k in range(len(lengths_s) + 1)]
    return [
        [cue.text for cue in cues if cue.start_ms < end_ms and cue.end_ms > start_ms]
        for start_ms, end_ms in itertools.pairwise(starts_ms)
    ]


@given(
    cues(),
    st.lists(st.fractions(min_value=Fraction(1, 3000), max_value=3), min_size=1, max_size=12),
)
def test_each_segment_has_the_cues_that_show_in_it(
    some: tuple[Cue, ...], lengths_s: list[Fraction]
) -> None:
    rendered = render_segments(some, lengths_s)
    found = [[c.text for c in read_cues(text, origin_s=Fraction(0))] for text in rendered]
    assert found == shown_in(some, lengths_s)


@given(st.text("\n\n\r 0ab", max_size=60))
def test_blocks_are_what_empty_lines_part(text: str) -> None:
    parts = re.split(r"\n{2,}", text.replace("\r\n", "\n"))
    wanted = [part.strip("\n").split("\n") for part in parts if part.strip("\n")]
    assert list(webvtt._blocks(text)) == wanted


def test_more_cues_than_anybody_reads_are_refused_and_not_read_on() -> None:
    """A million of them in 33 MB, which is about what is read of a file."""
    text = "WEBVTT\n\n" + "00:00.000 --> 99:59.000\nx\n\n" * 1_200_000
    started_s = time.process_time()
    with pytest.raises(TooManyCuesError, match="more than 50000 cues"):
        read_cues(text, origin_s=Fraction(0))
    assert time.process_time() - started_s < 10


def test_cues_that_fill_every_segment_are_refused() -> None:
    """As many as are accepted, each shown all day: 80 million copies."""
    some = [Cue(start_ms=0, end_ms=90_000_000, text="x" * 500)] * webvtt.MAX_CUES
    with pytest.raises(TooManyCuesError):
        render_segments(some, [Fraction(60)] * 1500)


def test_hours_without_end_are_no_time() -> None:
    """Python refuses to read a number of 5,000 digits."""
    assert read_cues(f"{'9' * 5000}:00:00.000 --> 01:00.000\nx", origin_s=Fraction(0)) == ()
