"""Chapters: where slides change, and never more of them than are of use."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import segment
from worker.hls.keyframes import KeyFrame
from worker.images.chapters import Chapter, add_joints, find_chapters, render_chapters
from worker.images.frame_stats import SMALL_HEIGHT, SMALL_WIDTH, FrameStats
from worker.records.segment import Segment

SIZE = SMALL_WIDTH * SMALL_HEIGHT


def key_frame(segment: Segment) -> KeyFrame:
    return KeyFrame(
        name=segment.name,
        index=segment.index,
        codec=segment.codec,
        bytes=segment.bytes,
        start_ticks=segment.start_ticks,
        end_ticks=segment.end_ticks,
    )


def lecture(slides: list[int]) -> tuple[list[FrameStats], list[Segment]]:
    """Segments of 6 s that show these grays; each new one comes 2 s before the segment's end."""
    segments = []
    for k, gray in enumerate(slides):
        made = segment("480p", k, bytes=40_000, jump_ticks=k * 540_000 + 9_000, jump_bytes=200)
        if k + 1 < len(slides) and slides[k + 1] != gray:
            made = replace(made, jump_ticks=k * 540_000 + 360_000, jump_bytes=30_000)
        segments.append(made)
    stats = [
        FrameStats(frame=key_frame(made), mean=100, contrast=100, small=bytes([gray]) * SIZE)
        for made, gray in zip(segments, slides, strict=True)
    ]
    return stats, segments


def starts_s(slides: list[int]) -> list[float]:
    return [chapter.start_ms / 1000 for chapter in find_chapters(*lecture(slides))]


def test_a_chapter_starts_with_the_largest_frame_before_the_change() -> None:
    assert starts_s([50] * 15 + [90] * 15) == [0, 88]


def test_where_a_segment_starts_with_the_new_slide_so_does_the_chapter() -> None:
    stats, segments = lecture([50] * 15 + [90] * 15)
    segments[14] = replace(segments[14], jump_bytes=200)
    assert [c.start_ms for c in find_chapters(stats, segments)] == [0, 90_000]


def test_of_key_frames_far_apart_the_segments_between_decide() -> None:
    stats, segments = lecture([50] * 15 + [90] * 15)
    assert [c.start_ms for c in find_chapters(stats[::5], segments)] == [0, 88_000]


def test_a_pointer_makes_no_chapter() -> None:
    assert starts_s([50] * 15 + [52] * 15) == []


def test_what_moves_all_the_time_makes_none() -> None:
    assert starts_s([50, 80] * 20) == []


def test_no_chapter_is_shorter_than_a_minute() -> None:
    assert starts_s([50] * 3 + [90] * 30) == []
    assert starts_s([50] * 15 + [90] * 3 + [150] * 15) == [0, 106]


def test_a_single_frame_has_no_chapters() -> None:
    assert starts_s([50]) == []


@given(st.lists(st.integers(0, 255), min_size=1, max_size=700))
def test_they_are_apart_in_order_and_few(slides: list[int]) -> None:
    stats, segments = lecture(slides)
    found = find_chapters(stats, segments)
    assert len(found) <= 40
    assert len(found) != 1
    bounds = [*(chapter.start_ms for chapter in found), segments[-1].end_ticks // 90]
    if found:
        assert bounds[0] == 0
        assert min(b - a for a, b in pairwise(bounds)) >= 60_000
        assert [chapter.title for chapter in found] == [str(i + 1) for i in range(len(found))]


def test_the_track_covers_the_video() -> None:
    chapters = [Chapter(start_ms=0, title="1"), Chapter(start_ms=88_000, title="2")]
    assert render_chapters(chapters, lecture([50] * 30)[1]) == (
        "WEBVTT\n\n00:00:00.000 --> 00:01:28.000\n1\n\n00:01:28.000 --> 00:03:00.000\n2\n"
    )


def test_each_part_begins_a_chapter_in_which_slides_are_numbered() -> None:
    """A slide that changes with a joint, or just before or after it, is none of its own."""
    slides = [Chapter(start_ms=ms, title="") for ms in (0, 70_000, 119_000, 131_000, 250_000)]
    joined = add_joints(slides, [0, 120_000, 200_000], ["intro", "talk", "end"])
    assert [(chapter.start_ms, chapter.title) for chapter in joined] == [
        *((0, "intro"), (70_000, "intro (2)"), (120_000, "talk"), (131_000, "talk (2)")),
        *((200_000, "end"), (250_000, "end (2)")),
    ]
    assert add_joints(slides, [0], ["talk"]) == tuple(slides)
