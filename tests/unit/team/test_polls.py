"""A machine that waits polls soon at first, and rarer the longer nothing comes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from worker.team.polls import Polls


def polls_in(polls: Polls, seconds: range) -> list[int]:
    return [second for second in seconds if polls.is_due(second)]


def test_the_first_poll_is_at_once_and_the_next_ones_soon() -> None:
    assert polls_in(Polls(10), range(5, 46)) == [5, 15, 25, 35, 45]


def test_a_long_wait_ends_a_quarter_later_at_most_and_costs_few_polls() -> None:
    found = polls_in(Polls(10), range(3600))
    assert len(found) < 30
    for before, after in pairwise(found):
        assert after - before <= max(10, 0.25 * before + 1)


@pytest.mark.parametrize("waited_s", [100, 1000])
def test_what_comes_begins_a_new_wait(waited_s: int) -> None:
    polls = Polls(10)
    polls_in(polls, range(waited_s))
    polls.wait_anew(waited_s)
    assert polls_in(polls, range(waited_s, waited_s + 21)) == [waited_s + 10, waited_s + 20]
    polls.poll_at_once()
    assert polls.is_due(waited_s + 21)
