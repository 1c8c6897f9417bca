"""Which of the key pictures may stand for a video, and which may not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import segment
from worker.hls.segment import Segment
from worker.images.frame_stats import (
    MOST_CHOSEN,
    SMALL_HEIGHT,
    SMALL_WIDTH,
    FrameStats,
    UnexpectedFramesError,
    choose_thumbnails,
    read_frame_stats,
)

SIZE = SMALL_WIDTH * SMALL_HEIGHT


def look(index: int, small: bytes, *, detail: int = 40_000, mean: float = 120) -> FrameStats:
    picture = segment("480p", index, bytes=detail)
    return FrameStats(picture=picture, mean=mean, contrast=200, small=small)


def slide(seed: int) -> bytes:
    """Some gray that is unlike that of other seeds."""
    return bytes((seed * 37 + i * (seed + 3) * 11) % 256 for i in range(SIZE))


def mix(a: bytes, b: bytes) -> bytes:
    return bytes((x + y) // 2 for x, y in zip(a, b, strict=True))


def chosen(*looks: FrameStats) -> list[int]:
    return [one.picture.index for one in choose_thumbnails(looks)]


def test_black_and_bare_pictures_are_none() -> None:
    black = look(0, bytes(SIZE), mean=2)
    bare = replace(look(1, slide(1)), contrast=10)
    assert chosen(black, bare) == []
    assert chosen(black, look(2, slide(2)), bare) == [2]


def test_the_most_typical_one_is_the_best() -> None:
    looks = [look(0, slide(1)), look(1, slide(2)), look(2, slide(2)), look(3, slide(2))]
    assert chosen(*looks) == [1, 0]


def test_a_picture_in_a_cross_fade_is_passed_over() -> None:
    fade = mix(slide(1), slide(2))
    assert chosen(look(0, slide(1)), look(1, fade), look(2, slide(2))) == [0, 2]


def test_a_picture_in_a_wipe_is_passed_over() -> None:
    wipe = slide(1)[: SIZE // 2] + slide(2)[SIZE // 2 :]
    assert chosen(look(0, slide(1)), look(1, wipe), look(2, slide(2))) == [0, 2]


def test_where_all_is_in_transition_something_is_chosen_still() -> None:
    black = look(0, bytes(SIZE), mean=0)
    assert chosen(black, look(1, mix(bytes(SIZE), slide(1))), look(2, slide(1), mean=0)) == [1]


def test_a_blurred_one_is_passed_over() -> None:
    looks = [look(k, slide(k), detail=9_000 if k == 2 else 40_000) for k in range(5)]
    assert 2 not in chosen(*looks)


def test_two_that_are_alike_are_not_both_offered() -> None:
    same = bytes(min(255, value + 1) for value in slide(1))
    assert len(chosen(look(0, slide(1)), look(1, same))) == 1


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 90_000), st.floats(0, 255)), max_size=12)
)
def test_there_is_one_exactly_where_one_is_good(some: list[tuple[int, int, float]]) -> None:
    looks = [
        look(k, slide(seed), detail=detail, mean=mean)
        for k, (seed, detail, mean) in enumerate(some)
    ]
    best = choose_thumbnails(looks)
    assert bool(best) == any(one.is_good for one in looks)
    assert len(best) <= MOST_CHOSEN
    assert len({one.picture.index for one in best}) == len(best)
    assert all(one.is_good for one in best)


def told(pictures: list[Segment]) -> list[str]:
    """What FFmpeg prints of them."""
    lines = []
    for k, picture in enumerate(pictures):
        lines += [f"frame:{k}    pts:{900_000 + picture.start_ticks}  pts_time:1"]
        lines += [f"lavfi.signalstats.{name}=126" for name in ("YMIN", "YAVG", "YMAX")]
    return lines


def test_what_ffmpeg_tells_is_read() -> None:
    pictures = [segment("480p", 0), segment("480p", 4)]
    looks = read_frame_stats(pictures, told(pictures), bytes(SIZE) + slide(1))
    assert [one.small for one in looks] == [bytes(SIZE), slide(1)]
    assert looks[0].mean == pytest.approx(110 * 255 / 219)


@pytest.mark.parametrize(
    "decoded", [[0], [0, 4, 5], [4, 0], [0, 3]], ids=["lost", "twice", "order", "another"]
)
def test_pictures_that_were_not_asked_for_are_refused(decoded: list[int]) -> None:
    pictures = [segment("480p", 0), segment("480p", 4)]
    lines = told([segment("480p", k) for k in decoded])
    with pytest.raises(UnexpectedFramesError):
        read_frame_stats(pictures, lines, bytes(SIZE) * len(decoded))
