"""What of a track's times is a gap, what is jitter, and what is drift."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from worker.media.audio_clock import AudioClock, AudioClockTally

PACKET_S = 0.02


def clock(at_s: Callable[[int], float], *, has_duration: bool = True) -> AudioClock:
    tally = AudioClockTally()
    for i in range(1000):
        tally.add(at_s(i), PACKET_S if has_duration else None)
    return tally.clock()


def test_an_even_clock_agrees_with_its_samples() -> None:
    even = clock(lambda i: i * PACKET_S)
    assert even.agrees
    assert even.length_s == pytest.approx(20)
    # A container's tick of a millisecond.
    assert clock(lambda i: round(i * 0.0213, 3) - i * (0.0213 - PACKET_S)).agrees


def test_packets_without_durations_last_until_the_next() -> None:
    found = clock(lambda i: i * PACKET_S, has_duration=False)
    assert found.agrees
    assert found.length_s == pytest.approx(20 - PACKET_S)


def test_a_gap_is_no_jitter() -> None:
    found = clock(lambda i: i * PACKET_S + (0.5 if i >= 300 else 0) + (0.03 if i >= 700 else 0))
    assert found.spread_s == pytest.approx(0.53)
    assert found.jitter_s == pytest.approx(0, abs=1e-6)


def test_drift_is_no_jitter() -> None:
    found = clock(lambda i: i * PACKET_S * 1.001)
    assert found.spread_s == pytest.approx(0.02, rel=0.01)
    assert found.jitter_s == 0


@pytest.mark.parametrize(("most_s", "share"), [(0.03, 1.0), (0.04, 0.02)])
def test_packets_that_come_late_are_jitter(most_s: float, share: float) -> None:
    rng = random.Random(1)  # noqa: S311
    late_s = [rng.uniform(0, most_s) if rng.random() < share else 0.0 for _ in range(1000)]
    found = clock(lambda i: i * PACKET_S + late_s[i] + (0.5 if i >= 500 else 0))
    # Twice that is as far as two packets can be apart.
    assert most_s / 2 * 0.8 < found.jitter_s < most_s * 1.05


def test_nothing_has_no_clock() -> None:
    assert AudioClockTally().clock() == AudioClock()


def test_packets_of_another_length_begin_a_stretch() -> None:
    tally = AudioClockTally()
    at_s = 0.0
    # A single one is a container's rounding.
    for packet_s in (*[0.036] * 10, 0.024, *[0.036] * 5, *[0.024] * 10):
        tally.add(at_s, packet_s)
        at_s += packet_s
    found = [(each.packet_s, each.packets) for each in tally.clock().stretches]
    assert found == [(0.036, 10), (0.036, 5), (0.024, 10)]


def test_packets_of_many_lengths_have_no_stretches() -> None:
    tally = AudioClockTally()
    for i in range(1000):
        tally.add(i * 0.03, 0.024 if i // 4 % 2 else 0.036)
    assert tally.clock().stretches == ()
    assert clock(lambda i: i * PACKET_S).stretches == ()
