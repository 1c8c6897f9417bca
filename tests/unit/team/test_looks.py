"""A machine that waits looks soon at first, and rarer the longer nothing comes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from worker.team.looks import Looks


def looks_in(looks: Looks, seconds: range) -> list[int]:
    return [second for second in seconds if looks.is_due(second)]


def test_the_first_look_is_at_once_and_the_next_ones_soon() -> None:
    assert looks_in(Looks(10), range(5, 46)) == [5, 15, 25, 35, 45]


def test_a_long_wait_ends_a_quarter_later_at_most_and_costs_few_looks() -> None:
    found = looks_in(Looks(10), range(3600))
    assert len(found) < 30
    for before, after in pairwise(found):
        assert after - before <= max(10, 0.25 * before + 1)


@pytest.mark.parametrize("waited_s", [100, 1000])
def test_what_comes_begins_a_new_wait(waited_s: int) -> None:
    looks = Looks(10)
    looks_in(looks, range(waited_s))
    looks.wait_anew(waited_s)
    assert looks_in(looks, range(waited_s, waited_s + 21)) == [waited_s + 10, waited_s + 20]
    looks.look_at_once()
    assert looks.is_due(waited_s + 21)
