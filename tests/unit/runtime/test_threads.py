"""Calls that are made ahead of whoever takes their results."""

from __future__ import annotations

from functools import partial

from worker.runtime.threads import DaemonThreadPool, read_ahead


def test_results_come_in_order_and_few_are_held() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    with DaemonThreadPool("test", 2) as pool:
        for taken, future in enumerate(read_ahead(pool, map(partial(partial, make), range(20)), 3)):
            assert future.result(10) == taken
            # This one, and two ahead of it.
            assert len(made) <= taken + 3
    assert sorted(made) == list(range(20))
