"""Audio alone: a plan without rungs, in which nothing asks for a video."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.unit.sample import AUDIO, VIDEO, media, plan
from worker.errors import BadSourceError, SourceFault
from worker.media.audio_clock import AudioClock
from worker.plan.digest import run_name
from worker.plan.plan import describe
from worker.plan.refusals import refuse_source

# 625 AAC frames.
LENGTH_S = Fraction(625 * 1024, 48_000)
ALONE = plan(video=None, declared_s=None)


def test_it_has_no_rungs_and_a_grid_of_samples() -> None:
    assert ALONE.rungs == ()
    assert ALONE.grid.duration_s == LENGTH_S
    assert ALONE.grid.segment_s == 6
    assert ALONE.grid.segment_count == 3
    assert ALONE.frame_rate is None
    assert ALONE.lanes == 1
    assert plan().frame_rate == 30


def test_there_is_nothing_to_mux_it_into() -> None:
    muxed = plan("--audio", "muxed", video=None, declared_s=None)
    assert not muxed.is_muxed
    assert run_name("source", muxed) == run_name("source", ALONE)


def test_what_is_done_with_frames_fails_where_there_are_none() -> None:
    alone = media(video=None)
    assert alone.tracks == (AUDIO,)
    assert media().tracks == (VIDEO, AUDIO)
    assert media().video is VIDEO
    with pytest.raises(LookupError, match="audio alone"):
        _ = alone.video


def test_a_description_says_that_there_is_no_video() -> None:
    (part,) = describe(ALONE)["parts"]
    assert part["media"]["video"] is None
    assert "video_track" not in part["media"]
    assert describe(plan())["parts"][0]["media"]["video"]["codec"] == "h264"


def test_untimed_audio_lasts_as_long_as_its_packets() -> None:
    packets = replace(AUDIO.packets, end_s=None, clock=AudioClock(length_s=7.5))
    untimed = plan(video=None, audio=replace(AUDIO, packets=packets), declared_s=None)
    assert untimed.grid.duration_s == Fraction(15, 2)


def test_it_is_refused_as_a_video_is() -> None:
    with pytest.raises(BadSourceError, match="longer than") as refused:
        plan("--max-duration", "10", video=None)
    assert refused.value.code == SourceFault.TOO_LONG
    with pytest.raises(BadSourceError, match="truncated") as refused:
        refuse_source(media(video=None, declared_s=60.0), allow_truncated=False)
    assert refused.value.code == SourceFault.TRUNCATED
