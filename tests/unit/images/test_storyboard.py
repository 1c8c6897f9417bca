"""The storyboard: bounded, even, and one cue after the other."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.images.test_chapters import key_frame
from tests.unit.sample import segment
from worker.hls.keyframes import KeyFrame
from worker.images.storyboard import Sheet, choose_frames, lay_out, render_storyboard

MEBIBYTE = 1 << 20


def frames(lengths_s: list[float], *, size: int = 40_000) -> list[KeyFrame]:
    starts = [0]
    for length_s in lengths_s:
        starts.append(starts[-1] + round(length_s * 90_000))
    return [
        key_frame(segment("480p", k, bytes=size, start_ticks=start, end_ticks=end))
        for k, (start, end) in enumerate(pairwise(starts))
    ]


def test_a_short_video_shows_each_of_its_segments() -> None:
    assert len(choose_frames(frames([6.006] * 40))) == 40


def test_a_long_one_shows_some_at_even_distances() -> None:
    starts = [p.start_ticks for p in choose_frames(frames([6] * 1200))]
    assert {b - a for a, b in pairwise(starts)} == {30 * 90_000}


@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=2000), st.integers(188, 2 * MEBIBYTE))
def test_number_and_bytes_are_bounded_however_it_is_cut(lengths_s: list[float], size: int) -> None:
    all_of_them = frames(lengths_s, size=size)
    chosen = choose_frames(all_of_them)
    assert chosen[0] == all_of_them[0]
    assert len(chosen) <= 241
    assert sum(frame.bytes for frame in chosen) <= 64 * MEBIBYTE
    assert all(b.start_ticks - a.start_ticks >= 5 * 90_000 for a, b in pairwise(chosen))


@given(st.integers(1, 300), st.integers(2, 8000), st.integers(2, 8000))
def test_sheets_hold_them_all_at_even_sizes(count: int, width: int, height: int) -> None:
    sheet = lay_out(count, width, height)
    assert sheet.tiles >= min(count, 25)
    assert max(sheet.width, sheet.height) == 192
    assert sheet.width % 2 == sheet.height % 2 == 0


def test_a_track_names_sheet_and_tile_until_the_end() -> None:
    shown = frames([6.006] * 4)
    sheet = Sheet(width=192, height=108, columns=2, rows=1)
    track = render_storyboard(shown[:3], sheet, ["a.jpg", "b.jpg"], end_ticks=shown[-1].end_ticks)
    assert track == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:06.006\na.jpg#xywh=0,0,192,108\n\n"
        "00:00:06.006 --> 00:00:12.012\na.jpg#xywh=192,0,192,108\n\n"
        "00:00:12.012 --> 00:00:24.024\nb.jpg#xywh=0,0,192,108\n"
    )
