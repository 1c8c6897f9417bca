"""How much of a video may be undecodable, and published all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.sample import AUDIO, VIDEO, plan
from worker.encode.decode_check import (
    DecodedFrames,
    is_nearly_all,
    lacks_frames,
    planned_audio_s,
)
from worker.errors import BadSourceError
from worker.media.audio_clock import AudioClock
from worker.plan.plan import Span

# 400 packets in three segments of 180, 180 and 40 frames.
A_PLAN = plan()


def judge(first: int, decoded: int) -> None:
    """A job that made the segments from the first one on, of which so many were decoded."""
    frames = DecodedFrames(A_PLAN)
    end = A_PLAN.grid.segment_count
    frames.add(Span(first=first, end=end, rungs=("480p",), preset="faster"), decoded)
    frames.check()


@pytest.mark.parametrize(("first", "decoded"), [(0, 400), (0, 180), (1, 10), (2, 0)])
def test_some_damage_is_tolerated(first: int, decoded: int) -> None:
    """As much of it as of a job that made the whole: what an earlier one made was decoded."""
    judge(first, decoded)


@pytest.mark.parametrize(("first", "decoded"), [(0, 179), (0, 0)])
def test_what_is_mostly_filler_is_refused(first: int, decoded: int) -> None:
    with pytest.raises(BadSourceError, match="frames can be decoded"):
        judge(first, decoded)


def test_what_is_read_twice_does_not_make_up_for_what_is_damaged() -> None:
    """The second span is read from three seconds before it; of all 44 % can be decoded."""
    frames = DecodedFrames(A_PLAN)
    for first, end, read in ((0, 1, 180), (1, 3, 310)):
        span = Span(first=first, end=end, rungs=("480p",), preset="faster")
        frames.add(span, round(0.44 * read))
    with pytest.raises(BadSourceError, match="215 of 490 frames"):
        frames.check()


@pytest.mark.parametrize(
    ("length_s", "decoded_s", "is_enough"),
    [
        (15.2, 0.32, False),
        (15.2, 14.5, True),
        (3600, 3500, True),
        (3600, 3300, False),
        (0, 0, True),
    ],
)
def test_audio_is_held_against_what_its_packets_hold(
    length_s: float, decoded_s: float, *, is_enough: bool
) -> None:
    held = replace(AUDIO.packets, clock=AudioClock(length_s=length_s))
    planned_s = planned_audio_s(plan(audio=replace(AUDIO, packets=held)))
    assert planned_s == length_s
    assert is_nearly_all(planned_s, decoded_s) is is_enough


def test_frames_that_are_missing_are_counted_once() -> None:
    frames = DecodedFrames(A_PLAN)
    for first, end, read in ((0, 1, 180), (1, 3, 310)):
        frames.add(Span(first=first, end=end, rungs=("480p",), preset="faster"), read // 2)
    assert frames.missing == pytest.approx((200,), abs=2)


@pytest.mark.parametrize(("missing", "lacks"), [(0, False), (25, False), (26, True), (200, True)])
def test_some_missing_frames_are_reported(missing: int, *, lacks: bool) -> None:
    assert lacks_frames(A_PLAN, missing) is lacks
    assert not lacks_frames(plan(video=replace(VIDEO, is_interlaced=True)), missing)
