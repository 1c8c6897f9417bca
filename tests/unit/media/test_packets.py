"""Packets as the demuxer gives them: where they end, and what their times stand for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from worker.media.packets import Packets, PacketTally


def packets(
    times: Sequence[tuple[float | None, float | None]],
    durations_s: Sequence[float | None] | None = None,
    *,
    origin_s: float = 0.0,
) -> Packets:
    """Count packets of these presentation and decoding times; the first is a keyframe."""
    tally = PacketTally(origin_s=origin_s)
    for i, (pts_s, dts_s) in enumerate(times):
        duration_s = durations_s[i] if durations_s else 0.04
        tally.add(pts_s, dts_s, duration_s, 10, is_key=i == 0)
    return tally.packets()


@pytest.mark.parametrize(
    ("rate", "last_s"), [(24, 1 / 24), (1, 1.0), (0.25, 4.0)], ids=["film", "slides", "slow slides"]
)
def test_a_last_packet_without_a_duration_lasts_as_long_as_the_others(
    rate: float, last_s: float
) -> None:
    times = [i / rate for i in range(12)]
    counted = packets([(at, at) for at in times], [1 / rate] * 11 + [None])
    assert counted.end_s == pytest.approx(times[-1] + last_s)


def test_a_last_packet_of_an_irregular_source_lasts_a_moment() -> None:
    """A slide may have been shown for a minute; nothing says that the last one was."""
    times = [0.0, 3.0, 63.0, 64.0, 190.0, 191.5, 300.0]
    assert packets([(at, at) for at in times], [None] * 7).end_s == pytest.approx(300.1)
    assert packets([(5.0, 5.0)], [None]).end_s == pytest.approx(5.0)


@pytest.mark.parametrize("guessed", [(), (2, 3, 5)], ids=["H.264", "MPEG-4, B-frames guessed"])
def test_decoding_times_alone_are_the_presentation_times_in_another_order(
    guessed: tuple[int, ...],
) -> None:
    """AVI: FFmpeg takes the time of a B-frame from its decoding time, and of no other frame."""
    counted = packets(
        [(1 + i / 25 if i in guessed else None, 1 + i / 25) for i in range(8)], origin_s=1.0
    )
    assert counted.is_decode_timed
    assert list(counted.times_s) == pytest.approx([i / 25 for i in range(8)])
    assert (counted.start_s, counted.first_key_s) == (0, 0)
    assert counted.end_s == pytest.approx(8 / 25)
    assert counted.count_between(0, 0.1) == 3


def test_packets_are_shown_later() -> None:
    counted = packets([(None, i / 25) for i in range(4)])
    later = counted.later(0.08)
    assert list(later.times_s) == pytest.approx([0.08, 0.12, 0.16, 0.2])
    assert (later.start_s, later.first_key_s) == (0.08, 0.08)
    assert later.end_s == pytest.approx(0.24)
    assert later.keys == {0.08: 0}
    assert counted.later(0) is counted


def test_a_packet_without_a_time_among_others_is_counted_but_not_timed() -> None:
    """As a broadcast's, whose other packets have presentation times."""
    counted = packets([(0.08, 0.0), (None, 0.04), (0.04, 0.08)])
    assert not counted.is_decode_timed
    assert list(counted.times_s) == pytest.approx([0.04, 0.08])
    assert counted.count == 3


def test_a_raw_stream_has_no_times() -> None:
    counted = packets([(None, None)] * 3)
    assert (counted.count, counted.end_s, counted.is_decode_timed) == (3, None, False)


@pytest.mark.parametrize(("by_s", "jumps"), [(0, 0), (5, 0), (600, 1), (-600, 1)])
def test_a_presentation_time_that_cannot_be_is_noticed(by_s: float, jumps: int) -> None:
    tally = PacketTally(origin_s=0)
    for n in range(100):
        tally.add(n / 25 + 0.08 + by_s * (n == 50), n / 25, 0.04, is_key=True)
    assert tally.jumps == jumps
