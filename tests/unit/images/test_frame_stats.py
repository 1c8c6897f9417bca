"""Which key frames may represent a video, and which may not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.images.test_chapters import key_frame
from tests.unit.sample import segment
from worker.hls.keyframes import KeyFrame
from worker.images.frame_stats import (
    MAX_CHOSEN,
    SMALL_HEIGHT,
    SMALL_WIDTH,
    FrameStats,
    UnexpectedFramesError,
    choose_thumbnails,
    read_frame_stats,
)

SIZE = SMALL_WIDTH * SMALL_HEIGHT


def stats(index: int, small: bytes, *, detail: int = 40_000, mean: float = 120) -> FrameStats:
    frame = frame_at(index, size=detail)
    return FrameStats(frame=frame, mean=mean, contrast=200, small=small)


def frame_at(index: int, *, size: int = 188_000) -> KeyFrame:
    return key_frame(segment("480p", index, bytes=size))


def slide(seed: int) -> bytes:
    """Some gray that is unlike that of other seeds."""
    return bytes((seed * 37 + i * (seed + 3) * 11) % 256 for i in range(SIZE))


def mix(a: bytes, b: bytes) -> bytes:
    return bytes((x + y) // 2 for x, y in zip(a, b, strict=True))


def chosen(*frames: FrameStats) -> list[int]:
    return [one.frame.index for one in choose_thumbnails(frames)]


def test_black_and_empty_frames_are_not_chosen() -> None:
    black = stats(0, bytes(SIZE), mean=2)
    empty = replace(stats(1, slide(1)), contrast=10)
    assert chosen(black, empty) == []
    assert chosen(black, stats(2, slide(2)), empty) == [2]


def test_the_most_typical_one_is_the_best() -> None:
    frames = [stats(0, slide(1)), stats(1, slide(2)), stats(2, slide(2)), stats(3, slide(2))]
    assert chosen(*frames) == [1, 0]


def test_a_frame_in_a_cross_fade_is_not_chosen() -> None:
    fade = mix(slide(1), slide(2))
    assert chosen(stats(0, slide(1)), stats(1, fade), stats(2, slide(2))) == [0, 2]


def test_a_frame_in_a_wipe_is_not_chosen() -> None:
    wipe = slide(1)[: SIZE // 2] + slide(2)[SIZE // 2 :]
    assert chosen(stats(0, slide(1)), stats(1, wipe), stats(2, slide(2))) == [0, 2]


def test_where_all_is_in_transition_something_is_chosen_still() -> None:
    black = stats(0, bytes(SIZE), mean=0)
    assert chosen(black, stats(1, mix(bytes(SIZE), slide(1))), stats(2, slide(1), mean=0)) == [1]


def test_a_blurred_frame_is_not_chosen() -> None:
    frames = [stats(k, slide(k), detail=9_000 if k == 2 else 40_000) for k in range(5)]
    assert 2 not in chosen(*frames)


def test_two_that_are_alike_are_not_both_offered() -> None:
    same = bytes(min(255, value + 1) for value in slide(1))
    assert len(chosen(stats(0, slide(1)), stats(1, same))) == 1


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 90_000), st.floats(0, 255)), max_size=12)
)
def test_there_is_one_exactly_where_one_is_good(some: list[tuple[int, int, float]]) -> None:
    frames = [
        stats(k, slide(seed), detail=detail, mean=mean)
        for k, (seed, detail, mean) in enumerate(some)
    ]
    best = choose_thumbnails(frames)
    assert bool(best) == any(one.is_good for one in frames)
    assert len(best) <= MAX_CHOSEN
    assert len({one.frame.index for one in best}) == len(best)
    assert all(one.is_good for one in best)


def printed(frames: list[KeyFrame]) -> list[str]:
    """What FFmpeg prints of them."""
    lines = []
    for k, frame in enumerate(frames):
        lines += [f"frame:{k}    pts:{900_000 + frame.start_ticks}  pts_time:1"]
        lines += [f"lavfi.signalstats.{name}=126" for name in ("YMIN", "YAVG", "YMAX")]
    return lines


def test_what_ffmpeg_prints_is_read() -> None:
    frames = [frame_at(0), frame_at(4)]
    found = read_frame_stats(frames, printed(frames), bytes(SIZE) + slide(1))
    assert [one.small for one in found] == [bytes(SIZE), slide(1)]
    assert found[0].mean == pytest.approx(110 * 255 / 219)


@pytest.mark.parametrize(
    "decoded", [[0], [0, 4, 5], [4, 0], [0, 3]], ids=["lost", "twice", "order", "another"]
)
def test_frames_that_were_not_asked_for_are_refused(decoded: list[int]) -> None:
    frames = [frame_at(0), frame_at(4)]
    lines = printed([frame_at(k) for k in decoded])
    with pytest.raises(UnexpectedFramesError):
        read_frame_stats(frames, lines, bytes(SIZE) * len(decoded))
