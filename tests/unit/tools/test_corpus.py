"""The measures of the corpus: what is wrong is noticed, what is right passes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.corpus import measure
from tests.corpus.__main__ import clips
from tests.corpus.checks import Figures, lag_faults
from tests.corpus.decoded import BINS_A_SECOND, SIDE, Floats, Pictures, Sound, energy_bins
from tests.corpus.expected import Expected, check_expected, from_row
from tests.corpus.orientation import ALL, UPRIGHT, Orientation, from_matrix
from tests.corpus.run import Ended, last_event, refusal_faults
from tests.corpus.source import Source

RATE = 25
ONE = 1 << 16


def moving(duration_s: float = 20.0, *, rate: float = RATE) -> Pictures:
    """A bright blot that wanders over a slope, the same way at every rate."""
    times_s = np.arange(round(duration_s * rate)) / rate
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    small = [
        60
        + 2 * x
        + y
        + 90 * np.exp(-((x - 16 - 12 * np.sin(at)) ** 2 + (y - 16 - 9 * np.sin(1.7 * at)) ** 2) / 9)
        for at in times_s
    ]
    return pictures(times_s, np.array(small))


def pictures(times_s: Floats, small: Floats) -> Pictures:
    return Pictures(
        times_s=times_s,
        end_s=float(times_s[-1]) + 1 / RATE,
        small=small.clip(0, 255).astype(np.uint8),
        first=av.VideoFrame(SIDE, SIDE, "gray"),
    )


def talking(duration_s: float = 20.0) -> Sound:
    """Syllables of random lengths."""
    rng = np.random.default_rng(7)
    level = np.repeat(rng.random(round(duration_s * 10)), BINS_A_SECOND // 10)
    energy = np.stack([level**2, np.ones(len(level))])
    return Sound(start_s=0, end_s=duration_s, pieces=[(0, energy)], channels=2)


def lag_of_sound(source: Sound, output: Sound, at_s: float = 6.0) -> float:
    found = measure.sound_lag(source, output, at_s, 8.0, tolerance_s=0.04)
    assert found
    return found.lag_s


def lag_of_picture(source: Pictures, output: Pictures, at_s: float = 6.0) -> float:
    found = measure.picture_lag(source, output, at_s, 8.0, frame_s=1 / RATE, orientation=UPRIGHT)
    assert found
    return found.lag_s


@pytest.mark.parametrize("shift_s", [0.0, 0.1, -0.1, 0.45])
def test_sound_that_is_shifted_is_found_there(shift_s: float) -> None:
    sound = talking()
    assert lag_of_sound(sound, sound.shifted(shift_s)) == pytest.approx(shift_s, abs=0.002)


def test_sound_that_drifts_is_seen_at_the_end() -> None:
    """Stretched by one in a hundred."""
    sound = talking()
    at, energy = sound.pieces[0]
    stretched = np.repeat(energy, np.where(np.arange(energy.shape[1]) % 100 == 0, 2, 1), axis=1)
    output = replace_pieces(sound, at, stretched)
    assert abs(lag_of_sound(sound, output, 0.0)) < abs(lag_of_sound(sound, output, 11.0))
    assert lag_of_sound(sound, output, 11.0) > 0.1


def replace_pieces(sound: Sound, at: int, energy: Floats) -> Sound:
    return Sound(start_s=sound.start_s, end_s=sound.end_s, pieces=[(at, energy)], channels=2)


def test_silence_and_steady_tones_have_no_lag() -> None:
    for level in (0.0, 0.3):
        energy = np.stack([np.full(20_000, level), np.ones(20_000)])
        steady = Sound(start_s=0, end_s=20, pieces=[(0, energy)], channels=2)
        assert measure.sound_lag(steady, steady, 0, 8, tolerance_s=0.04) is None


def test_another_sound_is_not_alike() -> None:
    other = talking()
    other.pieces = [(0, other.pieces[0][1][:, ::-1])]
    found = measure.sound_lag(talking(), other, 6, 8, tolerance_s=0.04)
    assert found
    assert list(lag_faults(None, found, 1 / RATE))


@pytest.mark.parametrize("frames", [0, 3, -5])
def test_a_picture_that_is_shifted_is_found_there(frames: int) -> None:
    source = moving()
    found = lag_of_picture(source, source.shifted(frames / RATE))
    assert found == pytest.approx(frames / RATE, abs=0.51 / RATE)
    lag = measure.Lag(0, found, 1)
    assert bool(list(lag_faults(lag, None, 1 / RATE))) == (frames != 0)


def test_another_frame_rate_is_no_lag() -> None:
    assert abs(lag_of_picture(moving(rate=60), moving())) <= 1 / RATE


def test_another_range_of_brightness_is_no_lag() -> None:
    """As limited range is, and a curve of high dynamic range nearly."""
    source = moving()
    output = pictures(source.times_s, 16.0 + source.small.astype(np.float64) * 0.6)
    assert abs(lag_of_picture(source, output)) <= 1 / RATE
    like = measure.likeness(source, output, UPRIGHT)
    assert like
    assert like > 0.99


def test_a_static_picture_has_no_lag() -> None:
    source = moving()
    still = pictures(source.times_s, np.repeat(source.small[:1], len(source.times_s), axis=0))
    found = measure.picture_lag(still, still, 0, 8, frame_s=1 / RATE, orientation=UPRIGHT)
    assert found is None
    assert measure.stands_still(source, still, 0, 8)
    assert not measure.stands_still(source, source, 0, 8)
    assert not measure.stands_still(still, still, 0, 8)


@pytest.mark.parametrize("orientation", ALL, ids=str)
def test_each_orientation_is_told_from_the_others(orientation: Orientation) -> None:
    source = moving()
    output = pictures(source.times_s, orientation.apply(source.small))
    for expected in ALL:
        assert measure.best_orientation(source, output, expected) == orientation


def test_a_blank_picture_tells_no_orientation() -> None:
    source = moving()
    blank = pictures(source.times_s, np.zeros_like(source.small))
    assert measure.best_orientation(blank, blank, UPRIGHT) is None
    assert measure.likeness(blank, blank, UPRIGHT) is None
    assert measure.likeness(source, blank, UPRIGHT) == 0


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


def test_a_matrix_of_other_angles_is_none() -> None:
    assert from_matrix((46341, 46341, 0, -46341, 46341, 0)) is None
    assert from_matrix((0, 0, 0, 0, 0, 0)) is None


def test_a_quarter_turn_clockwise_takes_the_top_to_the_right() -> None:
    top = np.zeros((1, SIDE, SIDE))
    top[0, 0] = 1
    quarter = from_matrix((0, ONE, 0, -ONE, 0, 0))
    assert quarter
    assert quarter.apply(top)[0, :, -1].all()


def test_overlapping_and_gaping_packets_are_one_sound() -> None:
    """Times that a recorder rounded to 20 ms for frames of 21.3."""
    pieces = [energy_bins(np.full(1024, 0.25), k * 0.02, 48_000) for k in range(20)]
    pieces += [energy_bins(np.full(1024, 0.25), 0.42 + k * 0.025, 48_000) for k in range(20)]
    envelope = Sound(start_s=0, end_s=0.9, pieces=pieces, channels=2).envelope(0.01, 0.85)
    assert envelope == pytest.approx(np.full(840, 0.5), abs=0.01)


def test_windows_cover_start_middle_and_end() -> None:
    assert measure.windows(5) == [(0, 5)]
    assert measure.windows(100) == [(0, 8), (46, 8), (92, 8)]


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("the file is damaged; upload it again", ""),
        ("", "no message"),
        ("it failed\nand more", "no one sentence"),
        ("damaged ([h264 @ 0x55b56c7cf780] no frame)", "log lines"),
        ("cannot read /tmp/x/source.mp4", "a path"),
    ],
)
def test_a_refusal_is_a_sentence_for_a_teacher(message: str, word: str, tmp_path: Path) -> None:
    faults = refusal_faults(Ended(status=65, seconds=1, message=message), tmp_path)
    assert bool(faults) == bool(word)
    assert all(word in fault for fault in faults)


def test_a_refusal_publishes_nothing(tmp_path: Path) -> None:
    (tmp_path / "master.m3u8").touch()
    assert refusal_faults(Ended(status=65, seconds=1, message="no"), tmp_path)


def test_the_end_is_the_last_line_of_its_kind() -> None:
    log = '{"event": "job_finished", "outcome": "x"}\nnot JSON\n{"event": "other"}\n'
    assert last_event(log)["outcome"] == "x"
    assert last_event("") == {}


def test_files_that_describe_the_clips_are_no_clips(tmp_path: Path) -> None:
    for name in ("b/2.mp4", "a/1.mov", "INDEX.tsv", "a/README.md", "LICENSE", "b/LICENCE.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert clips(tmp_path, "*") == ["a/1.mov", "b/2.mp4"]
    assert clips(tmp_path, "b/*") == ["b/2.mp4"]


SOURCE = Source(display=(Fraction(320), Fraction(180)))
RIGHT = Figures(duration_s=5.02, frame_s=0.04, width=320, height=180, has_sound=True)
ROW = {"clip": "x", "outcome": "published", "displayed": "320x180", "duration_s": "5.0"}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, ""),
        ({"outcome": "bad_source"}, "refused"),
        ({"outcome": "either"}, ""),
        ({"duration_s": "5.5"}, "duration"),
        ({"sound": "no"}, "sound"),
        ({"displayed": "180x320"}, "size"),
    ],
)
def test_what_is_expected_is_asked_for(changes: dict[str, str], word: str) -> None:
    expected = from_row({**ROW, "sound": "yes", "why": "", **changes})
    faults = check_expected(expected, "published", SOURCE, RIGHT)
    assert bool(faults) == bool(word)
    assert all(word in fault for fault in faults)


def test_a_refusal_that_is_not_expected_is_a_fault() -> None:
    assert check_expected(Expected(outcome="published"), "bad_source", SOURCE, Figures())
    assert not check_expected(Expected(outcome="either"), "bad_source", SOURCE, Figures())
    with pytest.raises(ValueError, match="none of"):
        from_row({**ROW, "outcome": "fine", "sound": "", "why": ""})
