"""The ladder: never larger than the source, even, in shape, and at least one rung."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import video
from worker.media.orientation import Orientation
from worker.plan.ladder import display_size, drop_similar_rungs, plan_ladder

DEFAULT = (1080, 720, 480)


def sizes(
    width: int, height: int, heights: tuple[int, ...] = DEFAULT, **changes: object
) -> list[str]:
    rungs = plan_ladder(video(width=width, height=height, **changes), heights, Fraction(30))
    return [f"{r.name} {r.width}x{r.height}" for r in rungs]


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1920, 1080, ["1080p 1920x1080", "720p 1280x720", "480p 854x480"]),
        (3840, 2160, ["1080p 1920x1080", "720p 1280x720", "480p 854x480"]),
        (1280, 720, ["720p 1280x720", "480p 854x480"]),
        (1080, 1920, ["1080p 1080x1920", "720p 720x1280", "480p 480x854"]),
        (1920, 880, ["880p 1920x880", "586p 1280x586", "392p 854x392"]),
        (1024, 768, ["768p 1024x768", "480p 640x480"]),
        (320, 240, ["240p 320x240"]),
        (641, 361, ["360p 640x360"]),
        (2, 2, ["2p 2x2"]),
    ],
)
def test_known_shapes(width: int, height: int, expected: list[str]) -> None:
    assert sizes(width, height) == expected


def test_rotation_turns_the_ladder() -> None:
    turned = Orientation(is_turned=True)
    assert sizes(1920, 1080, orientation=turned)[0] == "1080p 1080x1920"


def test_anamorphic_video_gets_square_pixels() -> None:
    """720x576 at 64:45 is 1024 wide; at 1:2 the lines double instead of columns being lost."""
    assert sizes(720, 576, sample_aspect_ratio=Fraction(64, 45))[0] == "576p 1024x576"
    assert sizes(640, 240, sample_aspect_ratio=Fraction(1, 2))[0] == "480p 640x480"


@pytest.mark.parametrize(
    ("rates", "kept"),
    [
        ((3000, 1500, 700), ["1080p", "720p", "480p"]),
        ((3000, 2001, 1334), ["1080p", "480p"]),
        ((3000, 2000, 1334), ["1080p", "720p"]),
        # Slides with hard edges: what is scaled down weighs more.
        ((115, 228, 191), ["1080p"]),
        # A whiteboard: every network carries the top rung.
        ((300, 150, 80), ["1080p"]),
        ((301, 150, 80), ["1080p", "720p"]),
    ],
)
def test_a_rung_that_is_hardly_lighter_is_left_out(rates: tuple[int, ...], kept: list[str]) -> None:
    """Compared with the one that is kept above it, not with one that is left out; in kb/s."""
    rungs = plan_ladder(video(), DEFAULT, Fraction(30))
    named = {rung.name: 1000 * rate for rung, rate in zip(rungs, rates, strict=True)}
    assert [rung.name for rung in drop_similar_rungs(rungs, named)] == kept


def test_asked_heights_bound_the_top() -> None:
    assert sizes(1920, 1080, (480,)) == ["480p 854x480"]


@given(
    width=st.integers(1, 8000),
    height=st.integers(1, 8000),
    orientation=st.builds(Orientation, is_turned=st.booleans(), swaps_top=st.booleans()),
    aspect=st.fractions(min_value=Fraction(1, 4), max_value=4, max_denominator=64),
    heights=st.lists(st.integers(2, 4320), min_size=1, max_size=8),
    rate=st.fractions(min_value=1, max_value=120, max_denominator=1001),
)
def test_invariants(
    width: int,
    height: int,
    orientation: Orientation,
    aspect: Fraction,
    heights: list[int],
    rate: Fraction,
) -> None:
    source = video(width=width, height=height, orientation=orientation, sample_aspect_ratio=aspect)
    rungs = plan_ladder(source, heights, rate)
    shown_width, shown_height = display_size(source)
    assert rungs
    assert len({rung.name for rung in rungs}) == len(rungs)
    for rung in rungs:
        assert rung.width % 2 == rung.height % 2 == 0
        assert 2 <= rung.width <= max(2.0, float(shown_width))
        assert 2 <= rung.height <= max(2.0, float(shown_height))
        assert rung.max_rate_bps > 0
        # Rounding to even moves each side by less than two pixels, and so the aspect.
        off = abs(rung.width / shown_width - rung.height / shown_height)
        assert off <= 2 / shown_width + 2 / shown_height
    for above, below in pairwise(rungs):
        assert below.width <= above.width
        assert min(below.width, below.height) < min(above.width, above.height)
