"""The measures of the corpus: lag, orientation and similarity."""

from __future__ import annotations

import av
import numpy as np
import pytest

from tests.corpus import measure
from tests.corpus.content import lag_faults
from tests.corpus.decoded import BINS_A_SECOND, SIDE, Audio, Floats, Frames, energy_bins
from tests.corpus.orientation import ALL, UPRIGHT, Orientation, from_matrix

RATE = 25
ONE = 1 << 16


def moving(duration_s: float = 20.0, *, rate: float = RATE) -> Frames:
    """A bright spot that moves over a gradient, the same way at every rate."""
    times_s = np.arange(round(duration_s * rate)) / rate
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    small = [
        60
        + 2 * x
        + y
        + 90 * np.exp(-((x - 16 - 12 * np.sin(at)) ** 2 + (y - 16 - 9 * np.sin(1.7 * at)) ** 2) / 9)
        for at in times_s
    ]
    return frames(times_s, np.array(small))


def frames(times_s: Floats, small: Floats) -> Frames:
    return Frames(
        times_s=times_s,
        end_s=float(times_s[-1]) + 1 / RATE,
        small=small.clip(0, 255).astype(np.uint8),
        first=av.VideoFrame(SIDE, SIDE, "gray"),
    )


def talking(duration_s: float = 20.0) -> Audio:
    """Syllables of random lengths."""
    rng = np.random.default_rng(7)
    level = np.repeat(rng.random(round(duration_s * 10)), BINS_A_SECOND // 10)
    energy = np.stack([level**2, np.ones(len(level))])
    return Audio(start_s=0, end_s=duration_s, pieces=[(0, energy)], channels=2, sides=np.zeros(3))


def lag_of_audio(source: Audio, output: Audio, at_s: float = 6.0) -> float:
    found = measure.audio_lag(source, output, at_s, 8.0, tolerance_s=0.04)
    assert found
    return found.lag_s


def lag_of_video(source: Frames, output: Frames, at_s: float = 6.0) -> float:
    found = measure.video_lag(source, output, at_s, 8.0, frame_s=1 / RATE, orientation=UPRIGHT)
    assert found
    return found.lag_s


@pytest.mark.parametrize("shift_s", [0.0, 0.1, -0.1, 0.45])
def test_the_lag_of_shifted_audio_is_its_shift(shift_s: float) -> None:
    audio = talking()
    assert lag_of_audio(audio, audio.shifted(shift_s)) == pytest.approx(shift_s, abs=0.002)


def test_the_lag_of_drifting_audio_grows() -> None:
    """Stretched by one in a hundred."""
    audio = talking()
    at, energy = audio.pieces[0]
    stretched = np.repeat(energy, np.where(np.arange(energy.shape[1]) % 100 == 0, 2, 1), axis=1)
    output = replace_pieces(audio, at, stretched)
    assert abs(lag_of_audio(audio, output, 0.0)) < abs(lag_of_audio(audio, output, 11.0))
    assert lag_of_audio(audio, output, 11.0) > 0.1


def replace_pieces(audio: Audio, at: int, energy: Floats) -> Audio:
    return Audio(
        start_s=audio.start_s,
        end_s=audio.end_s,
        pieces=[(at, energy)],
        channels=2,
        sides=np.zeros(3),
    )


def test_silence_and_steady_tones_have_no_lag() -> None:
    for level in (0.0, 0.3):
        energy = np.stack([np.full(20_000, level), np.ones(20_000)])
        steady = Audio(start_s=0, end_s=20, pieces=[(0, energy)], channels=2, sides=np.zeros(3))
        assert measure.audio_lag(steady, steady, 0, 8, tolerance_s=0.04) is None


def test_other_audio_is_a_fault() -> None:
    other = talking()
    other.pieces = [(0, other.pieces[0][1][:, ::-1])]
    found = measure.audio_lag(talking(), other, 6, 8, tolerance_s=0.04)
    assert found
    assert list(lag_faults(None, found, 1 / RATE))


@pytest.mark.parametrize("frames", [0, 3, -5])
def test_the_lag_of_shifted_video_is_its_shift(frames: int) -> None:
    source = moving()
    found = lag_of_video(source, source.shifted(frames / RATE))
    assert found == pytest.approx(frames / RATE, abs=0.51 / RATE)
    lag = measure.Lag(0, found, 1)
    assert bool(list(lag_faults(lag, None, 1 / RATE))) == (frames != 0)


def test_another_frame_rate_has_no_lag() -> None:
    assert abs(lag_of_video(moving(rate=60), moving())) <= 1 / RATE


def test_another_range_of_brightness_has_no_lag() -> None:
    """As limited range has, and nearly the transfer of high dynamic range."""
    source = moving()
    output = frames(source.times_s, 16.0 + source.small.astype(np.float64) * 0.6)
    assert abs(lag_of_video(source, output)) <= 1 / RATE
    similarity = measure.similarity(source, output, UPRIGHT)
    assert similarity
    assert similarity > 0.99


def test_static_video_has_no_lag_and_is_frozen_only_where_the_source_moves() -> None:
    source = moving()
    still = frames(source.times_s, np.repeat(source.small[:1], len(source.times_s), axis=0))
    found = measure.video_lag(still, still, 0, 8, frame_s=1 / RATE, orientation=UPRIGHT)
    assert found is None
    assert measure.is_frozen(source, still, 0, 8)
    assert not measure.is_frozen(source, source, 0, 8)
    assert not measure.is_frozen(still, still, 0, 8)


@pytest.mark.parametrize("orientation", ALL, ids=str)
def test_each_orientation_is_distinguished_from_the_others(orientation: Orientation) -> None:
    source = moving()
    output = frames(source.times_s, orientation.apply(source.small))
    for expected in ALL:
        assert measure.best_orientation(source, output, expected) == orientation


def test_blank_video_has_no_orientation() -> None:
    source = moving()
    blank = frames(source.times_s, np.zeros_like(source.small))
    assert measure.best_orientation(blank, blank, UPRIGHT) is None
    assert measure.similarity(blank, blank, UPRIGHT) is None
    assert measure.similarity(source, blank, UPRIGHT) == 0


@pytest.mark.parametrize(
    ("matrix", "name"),
    [
        ((ONE, 0, 0, 0, ONE, 0), "0"),
        ((0, ONE, 0, -ONE, 0, 0), "90"),
        ((-ONE, 0, 0, 0, -ONE, 0), "180"),
        ((0, -ONE, 0, ONE, 0, 0), "270"),
        ((-ONE, 0, 0, 0, ONE, 0), "mirrored"),
        ((0, ONE, 0, ONE, 0, 0), "mirrored 270"),
    ],
)
def test_a_display_matrix_is_read(matrix: tuple[int, ...], name: str) -> None:
    assert str(from_matrix(matrix)) == name


def test_a_display_matrix_of_another_angle_has_no_orientation() -> None:
    assert from_matrix((46341, 46341, 0, -46341, 46341, 0)) is None
    assert from_matrix((0, 0, 0, 0, 0, 0)) is None


def test_a_rotation_by_90_degrees_moves_the_top_to_the_right() -> None:
    top = np.zeros((1, SIDE, SIDE))
    top[0, 0] = 1
    quarter = from_matrix((0, ONE, 0, -ONE, 0, 0))
    assert quarter
    assert quarter.apply(top)[0, :, -1].all()


def test_packets_that_overlap_or_leave_gaps_have_one_envelope() -> None:
    """Times that a recorder rounded to 20 ms for frames of 21.3 ms."""
    pieces = [energy_bins(np.full(1024, 0.25), k * 0.02, 48_000) for k in range(20)]
    pieces += [energy_bins(np.full(1024, 0.25), 0.42 + k * 0.025, 48_000) for k in range(20)]
    envelope = Audio(start_s=0, end_s=0.9, pieces=pieces, channels=2, sides=np.zeros(3)).envelope(
        0.01, 0.85
    )
    assert envelope == pytest.approx(np.full(840, 0.5), abs=0.01)


def test_windows_cover_start_middle_and_end() -> None:
    assert measure.windows(5) == [(0, 5)]
    assert measure.windows(100) == [(0, 8), (46, 8), (92, 8)]
