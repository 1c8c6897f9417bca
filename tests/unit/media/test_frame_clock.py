"""The rate of a video's frames, read from their times alone: steady, jittery and variable ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import accumulate

import pytest

from tests.unit.sample import video
from worker.media.frame_clock import FrameClock, read_clock, snap_rate
from worker.media.timeline import output_rate

MATROSKA, MPEG_TS, QUICKTIME = 1 / 1000, 1 / 90_000, 1 / 600
NTSC_30, NTSC_60 = Fraction(30_000, 1001), Fraction(60_000, 1001)
NTSC_24 = Fraction(24_000, 1001)


def clock(times_s: Iterable[float], tick_s: float = MPEG_TS) -> FrameClock:
    """Read the clock of times that a container rounds to its tick."""
    found = read_clock(sorted({round(at / tick_s) * tick_s for at in times_s}), tick_s=tick_s)
    assert found is not None
    return found


def frames(
    rate: float, count: int = 600, *, jitter: float = 0.0, dropped: float = 0.0, start_s: float = 0
) -> list[float]:
    """Times of a camera: each off by up to `jitter` of an interval, a share of them dropped."""
    chance = random.Random(7)  # noqa: S311 (the same times in each run)
    times = [start_s + (i + chance.uniform(-jitter, jitter)) / rate for i in range(count)]
    return [at for at in times if chance.random() >= dropped]


def published_rate(found: FrameClock, most: float = 30) -> Fraction:
    return output_rate(video(clock=found), most=most)


@pytest.mark.parametrize("tick_s", [MATROSKA, MPEG_TS, QUICKTIME])
@pytest.mark.parametrize("start_s", [0, 1.2345])
@pytest.mark.parametrize("dropped", [0, 0.02, 0.3])
@pytest.mark.parametrize(
    ("rate", "published"),
    [
        (10, 10), (15, 15), (20, 20), (24, 24), (25, 25), (30, 30), (40, 20), (48, 24), (50, 25),
        (60, 30), (90, 30), (120, 30), (144, Fraction(144, 5)),
        (NTSC_24, NTSC_24), (NTSC_30, NTSC_30), (NTSC_60, NTSC_30),
    ],
)  # fmt: skip
def test_a_steady_clock_is_read_exactly_whatever_the_tick(
    rate: Fraction, published: Fraction, dropped: float, start_s: float, tick_s: float
) -> None:
    """Intervals of 8 and 9 ms are 120 a second; missing frames do not slow a clock down."""
    found = clock(frames(float(rate), 1200, dropped=dropped, start_s=start_s), tick_s)
    assert found.is_steady
    # Of 30% of the frames that come at 8 or 9 ms, the mean is not known to a thousandth.
    coarse = dropped and rate * Fraction(tick_s) > Fraction(1, 20)
    assert found.rate == (pytest.approx(rate, rel=2e-3) if coarse else rate)
    assert published_rate(found) == (pytest.approx(published, rel=2e-3) if coarse else published)


@pytest.mark.parametrize("tick_s", [MATROSKA, MPEG_TS, QUICKTIME])
@pytest.mark.parametrize("jitter", [0.05, 0.15, 0.3, 0.4])
@pytest.mark.parametrize(
    ("rate", "published"), [(15, 15), (24, 24), (25, 25), (30, 30), (50, 25), (60, 30), (120, 30)]
)
def test_a_clock_that_jitters_is_the_common_rate_that_it_is_on_average(
    rate: int, published: int, jitter: float, tick_s: float
) -> None:
    found = clock(frames(rate, jitter=jitter), tick_s)
    assert found == FrameClock(rate=Fraction(rate), is_steady=True)
    assert published_rate(found) == published


@pytest.mark.parametrize("tick_s", [MATROSKA, MPEG_TS, QUICKTIME])
@pytest.mark.parametrize("jitter", [0.15, 0.3, 0.45])
@pytest.mark.parametrize("dropped", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("rate", [30, 60])
def test_jitter_and_drops_of_a_phone_become_thirty(
    rate: int, dropped: float, jitter: float, tick_s: float
) -> None:
    found = clock(frames(rate, jitter=jitter, dropped=dropped), tick_s)
    assert published_rate(found) == 30


def test_a_phone_whose_frames_come_in_two_intervals() -> None:
    """18.7 and 13.7 ms in turns that never get far from 60 a second."""
    times = [0.0]
    for i in range(1, 360):
        times.append(times[-1] + (0.0187 if times[-1] <= i / 60 - 1 / 120 else 0.0137))
    found = clock(times)
    assert found == FrameClock(rate=Fraction(60), is_steady=True)


def test_film_in_television_s_rate_is_film() -> None:
    """Two and three ticks of 1/60 s in turns: five for each two frames."""
    times = [i * 1001 / 24_000 + (i % 2) * 1001 / 120_000 for i in range(240)]
    assert clock(times) == FrameClock(rate=Fraction(24), is_steady=True)


def gaps(draw: Callable[[random.Random], float]) -> list[float]:
    chance = random.Random(7)  # noqa: S311 (the same times in each run)
    return list(accumulate(draw(chance) for _ in range(400)))


@pytest.mark.parametrize(
    ("steps", "rate"),
    [((1, 1, 1, 2, 3, 5), 60), ((1, 2, 3, 60, 200), 60), ((1, 2), 50), ((1, 2), 30), ((1, 6), 25)],
)
@pytest.mark.parametrize("tick_s", [MATROSKA, MPEG_TS])
def test_a_screen_recording_that_leaves_out_what_stands_still_keeps_its_beat(
    steps: tuple[int, ...], rate: int, tick_s: float
) -> None:
    """Each frame at a multiple of the screen's interval: the rate shows all at their times."""
    found = clock(gaps(lambda chance: chance.choice(steps) / rate), tick_s)
    assert found.is_steady
    assert found.rate == pytest.approx(rate, rel=2e-3)
    assert published_rate(found) == (rate if rate <= 30 else rate / 2)


@pytest.mark.parametrize("tick_s", [MATROSKA, MPEG_TS])
@pytest.mark.parametrize(
    ("draw", "published"),
    [
        # A telephone that slows down in the dark: all frames of its brighter moments.
        (lambda chance: chance.choice((1 / 30, 1 / 24)), 30),
        # Slides, at any time: to within 1/20 s.
        (lambda chance: chance.uniform(0.36, 0.63), 10),
        # Above the cap, an even division has no use.
        (lambda chance: chance.uniform(0.015, 0.1), 30),
        (lambda chance: chance.expovariate(30), 30),
    ],
    ids=["bright and dark", "slides", "16 to 100 ms", "any"],
)
def test_a_variable_rate_shows_its_shortest_steps(
    draw: Callable[[random.Random], float], published: int, tick_s: float
) -> None:
    found = clock(gaps(draw), tick_s)
    assert not found.is_steady
    assert published_rate(found) == published


def test_a_tick_as_long_as_the_intervals_is_the_beat() -> None:
    """24 of 30 a second, in a container that counts thirtieths: no frame may be lost."""
    assert clock([i * 30 // 24 / 30 for i in range(240)], 1 / 30).rate == 30


def test_frames_without_an_interval_have_no_clock() -> None:
    assert read_clock([], tick_s=MATROSKA) is None
    assert read_clock([4.0], tick_s=MATROSKA) is None
    assert read_clock([4.0, 4.0], tick_s=MATROSKA) is None


@pytest.mark.parametrize("count", [2, 3, 9, 10])
def test_a_few_frames_are_enough(count: int) -> None:
    assert clock(frames(25, count)) == FrameClock(rate=Fraction(25), is_steady=True)


def test_a_rate_near_a_common_one_is_that_one() -> None:
    assert snap_rate(Fraction("30.006")) == 30
    assert snap_rate(Fraction("29.95")) == NTSC_30
    assert snap_rate(Fraction("27.3")) == Fraction(273, 10)
