"""A declared length is on the clock that its container starts at, or counts from its start."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.unit.sample import MEDIA, VIDEO, packets
from worker.errors import BadSourceError
from worker.plan.refusals import refuse_truncated


def check(*, origin_s: int, declared_s: float, found_s: float) -> None:
    video = replace(VIDEO, packets=packets(round(found_s * 25), rate=25))
    media = replace(MEDIA, video_track=video, audio=None)
    refuse_truncated(replace(media, origin_s=Fraction(origin_s), declared_s=declared_s))


@pytest.mark.parametrize(
    ("origin_s", "declared_s", "found_s"),
    [
        (0, 20, 20),
        (0, 20, 18.5),
        (3600, 3620, 20),
        (3600, 20, 20),
        (300, 3900, 3600),
        (300, 3900, 3900),
        (-5, 20, 25),
        (-5, 25, 25),
        (0, 20, 400),
    ],
)
def test_what_lasts_as_long_as_it_declares_is_whole(
    origin_s: int, declared_s: float, found_s: float
) -> None:
    check(origin_s=origin_s, declared_s=declared_s, found_s=found_s)


@pytest.mark.parametrize(
    ("origin_s", "declared_s", "found_s"),
    [
        (0, 20, 17),
        (3600, 3620, 10),
        (3600, 20, 10),
        (300, 3900, 1800),
        # Longer than up to 3900 s on its clock, so it declares a length.
        (300, 3900, 3750),
        (-5, 20, 12),
    ],
)
def test_what_ends_before_is_truncated(origin_s: int, declared_s: float, found_s: float) -> None:
    with pytest.raises(BadSourceError, match=f"ends at {found_s}"):
        check(origin_s=origin_s, declared_s=declared_s, found_s=found_s)
