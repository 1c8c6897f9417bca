"""How a run is divided among machines: all of it, once, ever smaller, the same for each machine."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import plan
from worker.media.timeline import Grid
from worker.plan.plan import Plan
from worker.team.shares import AUDIO_SHARE, COPY_SHARE, plan_shares


def plan_of(seconds: int, *, lanes: int = 1) -> Plan:
    grid = Grid(rate=Fraction(30), segment_frames=180, total_frames=30 * seconds)
    return replace(plan(), grid=grid, lanes=lanes)


@given(
    seconds=st.integers(1, 4 * 3600), machines=st.integers(1, 64), lanes=st.sampled_from([1, 2, 16])
)
def test_each_segment_is_in_one_share(seconds: int, machines: int, lanes: int) -> None:
    a_plan = plan_of(seconds, lanes=lanes)
    segments = [i for share in plan_shares(a_plan, machines=machines) for i in share.segments]
    assert segments == list(range(a_plan.grid.segment_count))


@given(seconds=st.integers(1, 4 * 3600), machines=st.integers(1, 64))
def test_shares_never_grow(seconds: int, machines: int) -> None:
    """What is claimed last is short, so that all machines end together."""
    shares = plan_shares(plan_of(seconds), machines=machines)
    lengths = [len(share.segments) for share in shares if share.segments]
    assert lengths == sorted(lengths, reverse=True)


def test_an_hour_for_twelve_machines() -> None:
    shares = [s for s in plan_shares(plan_of(3600), machines=12) if s.segments]
    # From 120 s to 60 s, and what is left over.
    assert [len(shares[i].segments) for i in (0, -2, -1)] == [20, 10, 1]
    assert shares[0].name == "00000-00020"


def test_of_a_short_video_each_machine_gets_something() -> None:
    shares = plan_shares(plan_of(60), machines=5)
    assert len([share for share in shares if share.segments]) >= 5


@pytest.mark.parametrize("has_audio", [True, False])
def test_audio_comes_first(*, has_audio: bool) -> None:
    a_plan = plan_of(600) if has_audio else replace(plan_of(600), audio=None)
    names = [share.name for share in plan_shares(a_plan, machines=2)]
    assert (AUDIO_SHARE in names[:1]) == has_audio
    assert COPY_SHARE not in names


def test_a_copied_rung_is_a_share_of_its_own() -> None:
    a_plan = plan_of(600)
    top, *others = a_plan.rungs
    rungs = (replace(top, is_copied=True), *others)
    names = [share.name for share in plan_shares(replace(a_plan, rungs=rungs), machines=2)]
    assert names[:2] == [AUDIO_SHARE, COPY_SHARE]
