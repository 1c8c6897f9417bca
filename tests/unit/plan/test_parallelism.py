"""How spans are shared out: nothing twice, nothing left out, no lane idle for long."""

from __future__ import annotations

from fractions import Fraction

import pytest

from worker.encode.spans import next_span
from worker.media.timeline import Grid
from worker.plan.parallelism import Machine, plan_lanes, plan_threads

_GIB = 1 << 30
_ROOMY = Machine(cores=2, memory_bytes=3 * _GIB)
_RUNGS = ("1080p", "480p")


def grid(segments: int) -> Grid:
    return Grid(rate=Fraction(30), segment_frames=180, total_frames=180 * segments)


def lanes(machine: Machine, *, segments: int = 600, gop_s: float | None = 2.0) -> int:
    return plan_lanes("auto", gop_s, grid(segments), machine=machine)


@pytest.mark.parametrize(
    ("cores", "memory_gib", "expected"), [(1, 2, 1), (2, 3, 2), (16, 32, 16), (64, 128, 64)]
)
def test_each_core_has_a_lane(cores: int, memory_gib: int, expected: int) -> None:
    machine = Machine(cores=cores, memory_bytes=memory_gib * _GIB)
    assert lanes(machine, segments=1800) == expected


def test_memory_bounds_the_lanes() -> None:
    assert lanes(Machine(cores=16, memory_bytes=4 * _GIB)) == 4
    assert lanes(Machine(cores=16, memory_bytes=_GIB // 2)) == 1
    assert lanes(Machine(cores=4)) == 4
    assert lanes(Machine(cores=64, memory_bytes=48 * _GIB), segments=1800) == 48


def test_a_short_source_has_one_lane() -> None:
    assert lanes(_ROOMY, segments=10) == 1
    assert lanes(_ROOMY, segments=200) == 2


@pytest.mark.parametrize("gop_s", [None, 3600.0])
def test_what_is_hard_to_seek_in_has_one_lane(gop_s: float | None) -> None:
    """Or each span would be decoded from the start, or from an hour before."""
    assert lanes(_ROOMY, gop_s=gop_s) == 1


def test_there_are_64_lanes_at_most_and_an_hour_has_30() -> None:
    large = Machine(cores=192, memory_bytes=384 * _GIB)
    assert lanes(large, segments=1800) == 64
    assert lanes(large, segments=600) == 30


@pytest.mark.parametrize(
    ("count", "cores", "expected"),
    [(1, 64, 0), (64, 64, 1), (30, 64, 3), (2, 16, 8), (3, 2, 1), (64, 192, 3)],
)
def test_lanes_share_the_cores_and_one_alone_has_all(count: int, cores: int, expected: int) -> None:
    assert plan_threads(count, machine=Machine(cores=cores)) == expected


def test_as_many_lanes_as_are_asked_for() -> None:
    assert plan_lanes(3, 2.0, grid(2), machine=_ROOMY) == 3


def test_one_lane_takes_all_that_the_same_rungs_lack() -> None:
    found = next_span(grid(100), _RUNGS, {}, taken=[], lanes=1)
    assert found == (range(100), _RUNGS)


def test_the_rung_that_is_behind_comes_first() -> None:
    done = {"1080p": {0, 1, 2, 5}, "480p": {0}}
    assert next_span(grid(9), _RUNGS, done, taken=[], lanes=1) == (range(1, 3), ("480p",))
    done["480p"] |= {1, 2}
    assert next_span(grid(9), _RUNGS, done, taken=[], lanes=1) == (range(3, 5), _RUNGS)
    done = {rung: set(range(9)) for rung in _RUNGS}
    assert next_span(grid(9), _RUNGS, done, taken=[], lanes=1) is None


def test_what_another_lane_is_at_is_left_to_it() -> None:
    found = next_span(grid(100), _RUNGS, {}, taken=[range(40)], lanes=2)
    assert found is not None
    assert found[0].start == 40
    assert next_span(grid(40), _RUNGS, {}, taken=[range(40)], lanes=2) is None
    found = next_span(grid(9), _RUNGS, {}, taken=[range(2, 5)], lanes=1)
    assert found == (range(2), _RUNGS)


def test_of_little_each_idle_lane_has_its_part() -> None:
    done = {"720p": set(range(96))}
    found = next_span(grid(100), ("720p",), done, taken=[], lanes=2)
    assert found == (range(96, 98), ("720p",))
    found = next_span(grid(100), ("720p",), done, taken=[range(96, 98)], lanes=2)
    assert found == (range(98, 100), ("720p",))


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("heavy", [range(0), range(150), range(300, 500), range(590, 600)])
def test_lanes_end_together_wherever_the_source_is_heavy(count: int, heavy: range) -> None:
    """Segments of a heavy part take three times as long; each is made once."""
    a_grid, done, ended_s = grid(600), set[int](), [0.0] * count
    spans: dict[int, range] = {}
    made, started = list[int](), 0
    while True:
        for lane in set(range(count)) - spans.keys():
            taken = list(spans.values())
            if found := next_span(a_grid, ("720p",), {"720p": done}, taken=taken, lanes=count):
                spans[lane] = found[0]
                ended_s[lane] += sum(3 if segment in heavy else 1 for segment in found[0])
                started += 1
        if not spans:
            break
        first = min(spans, key=ended_s.__getitem__)
        made += spans[first]
        done |= set(spans.pop(first))
    assert sorted(made) == list(range(600))
    assert max(ended_s) <= 1.15 * sum(ended_s) / count
    assert started < 100
