"""Broadcasts that change between 4:3 and 16:9, read from their key frames."""

from __future__ import annotations

from fractions import Fraction

import pytest

from worker.media.aspects import may_change_aspect, read_changes
from worker.media.ffprobe import is_mpeg_container


def test_changes_are_those_from_one_key_frame_to_the_next() -> None:
    rows = ["1.48,16:15", "1.96,16:15", "2.44,64:45,", "2.92,64:45", "3.4,16:15,side_data,"]
    found = read_changes(rows, origin_s=0.44)
    assert [change.sample_aspect_ratio for change in found] == [Fraction(64, 45), Fraction(16, 15)]
    assert [change.at_s for change in found] == pytest.approx([2.0, 2.96])


@pytest.mark.parametrize(
    "rows", [[], ["0,16:15"], ["0,16:15", "N/A,64:45"], ["0,N/A", "1,N/A"], ["0,1:1", "", "1,0:0"]]
)
def test_where_nothing_is_known_nothing_changes(rows: list[str]) -> None:
    assert read_changes(rows, origin_s=0) == ()


def test_what_changes_with_every_key_frame_is_no_broadcast() -> None:
    rows = [f"{i},{1 + i % 2}:1" for i in range(500)]
    assert read_changes(rows, origin_s=0) == ()


@pytest.mark.parametrize(
    ("container", "height", "may"),
    [("mpegts", 576, True), ("mpeg", 480, True), ("mpegts", 1080, False), ("avi", 576, False)],
)
def test_only_broadcasts_in_standard_definition_are_read_for_it(
    container: str, height: int, *, may: bool
) -> None:
    is_mpeg = is_mpeg_container(container)
    assert may_change_aspect(height, is_mpeg=is_mpeg) == may
