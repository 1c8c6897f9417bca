"""Requests are counted, and never more than so many a second."""

from __future__ import annotations

from ops.audit.pace import Pace
from tests.unit.fakes import Clock


def test_requests_are_as_far_apart_as_they_must_be() -> None:
    clock = Clock()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))
        clock.now_s += seconds

    pace = Pace(10, clock=clock, sleep=sleep)
    for _ in range(4):
        pace.take()
    assert slept == [0.1] * 3
    # A pause is not made up for by a burst.
    clock.now_s += 60
    pace.take()
    pace.take()
    assert slept == [0.1] * 4
    assert pace.requests == 6
