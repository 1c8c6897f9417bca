"""Where the clock of one track alone restarts or leaps, and the other one goes on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import pytest

from worker.media.sections.model import MAX_SECTIONS, count_jumps
from worker.media.sections.shifts import packet_shifts, shifts_s, shown_shifts
from worker.media.sections.tally import SectionTally

VIDEO, AUDIO = 0, 1
LENGTHS_S = (0.04, 0.02)
Clock = Callable[[float], float]


def even(at_s: float) -> float:
    return at_s


def one(wild_s: float, by_s: float) -> Clock:
    """One packet is wrong."""
    return lambda at_s: at_s + by_s if abs(at_s - wild_s) < 0.001 else at_s


def leap(from_s: float, by_s: float) -> Clock:
    return lambda at_s: at_s + by_s if at_s >= from_s else at_s


def errors(
    clocks: tuple[Clock, Clock],
    *,
    steps_s: tuple[float, float] = LENGTHS_S,
    is_mpeg: bool = True,
    audio_ends_s: float = 120,
) -> tuple[int, int, tuple[float, float]]:
    """Return how many sections and jumps two minutes have, and how far off each track ends up.

    The tracks are interleaved, audio 0.3 s behind. Each track's clock makes the times in the file.
    """
    ends_s = (120, audio_ends_s)
    packets = sorted(
        (round(n * steps_s[track], 3) + 0.3 * track, track, round(n * steps_s[track], 3))
        for track in (VIDEO, AUDIO)
        for n in range(int(ends_s[track] / steps_s[track]))
    )
    tally = SectionTally(is_mpeg=is_mpeg)
    for _, track, at_s in packets:
        in_file_s = clocks[track](at_s)
        tally.add(track, in_file_s, in_file_s, LENGTHS_S[track] if is_mpeg else None)
    sections = tally.sections()
    shifts = shifts_s(sections, are_joints=[True] * (len(sections) - 1))
    worst = [0.0, 0.0]
    for track in (VIDEO, AUDIO):
        own = [at_s for _, each, at_s in packets if each == track]
        by_s = [0.0] * len(own)
        for first, more_s in packet_shifts(sections, shifts, track):
            by_s[first] += more_s
        moved = zip(own, accumulate(by_s), strict=True)
        off = [clocks[track](at_s) + by_s - at_s for at_s, by_s in moved]
        worst[track] = round(max(abs(each_s) for each_s in off), 2)
    return len(sections), count_jumps(sections), (worst[VIDEO], worst[AUDIO])


@pytest.mark.parametrize("track", [VIDEO, AUDIO])
@pytest.mark.parametrize(
    "by_s", [1000, 60, 11.6, 5.8, 1.5, -1.5, -5.8, -60], ids=lambda by_s: f"{by_s:+}"
)
@pytest.mark.parametrize("at_s", [0.2, 60, 119], ids=["first", "middle", "end"])
def test_after_one_wild_packet_nothing_is_moved(track: int, by_s: float, at_s: float) -> None:
    clocks = (one(at_s, by_s), even) if track == VIDEO else (even, one(at_s, by_s))
    assert errors(clocks) == (1, 2, (0, 0))


def test_a_track_whose_first_packet_is_wild_is_put_beside_the_other() -> None:
    assert errors((even, one(0, 5000))) == (1, 2, (0, 0))


def test_a_wild_packet_is_back_on_the_same_clock_to_the_tick() -> None:
    tally = SectionTally(is_mpeg=False)
    for n in range(2000):
        for track in (VIDEO, AUDIO):
            at_s = 0.0 if (track, n) == (AUDIO, 900) else n / 30
            tally.add(track, at_s, at_s, None)
    (section,) = tally.sections()
    (first, there), (second, back) = packet_shifts([section], [0.0], AUDIO)
    assert (first, second) == (900, 901)
    assert there == -back == pytest.approx(30, abs=0.001)
    assert list(packet_shifts([section], [0.0], VIDEO)) == []


@pytest.mark.parametrize("by_s", [60, 12, -3, -50])
@pytest.mark.parametrize("track", [VIDEO, AUDIO])
@pytest.mark.parametrize("at_s", [60, 117], ids=["middle", "end"])
def test_a_track_that_jumps_alone_goes_on_where_it_was(
    track: int, by_s: float, at_s: float
) -> None:
    clocks = (leap(at_s, by_s), even) if track == VIDEO else (even, leap(at_s, by_s))
    assert errors(clocks) == (1, 1, (0, 0))


@pytest.mark.parametrize("step_s", [7, 20])
@pytest.mark.parametrize("by_s", [60, 12, -50])
def test_frames_that_stay_show_that_audio_jumps_alone(step_s: float, by_s: float) -> None:
    found = errors((even, leap(50, by_s)), steps_s=(step_s, 0.02), is_mpeg=False)
    assert found == (1, 1, (0, 0))


def test_a_wild_frame_among_those_that_stay_is_shown_in_time() -> None:
    *found, off_s = errors((one(60, 1000), even), steps_s=(20, 0.02), is_mpeg=False)
    assert found == [1, 2]
    assert off_s == pytest.approx((0, 0), abs=0.5)


@pytest.mark.parametrize("new_s", [-70, 12, 5000], ids=["a restart", "a short leap", "a leap"])
@pytest.mark.parametrize("wild_s", [40, 69.9, 70.1, 100])
@pytest.mark.parametrize("track", [VIDEO, AUDIO])
def test_a_joint_beside_a_wild_packet_moves_both_tracks(
    new_s: float, wild_s: float, track: int
) -> None:
    both = leap(70, new_s)
    near = round(wild_s / LENGTHS_S[track]) * LENGTHS_S[track]

    def wild(at_s: float) -> float:
        return both(at_s) + (1000 if abs(at_s - near) < 0.001 else 0)

    clocks = (wild, both) if track == VIDEO else (both, wild)
    assert errors(clocks) == (2, 3, (0, 0))


def test_a_joint_after_a_track_jumped_alone_moves_both_tracks() -> None:
    def audio(at_s: float) -> float:
        return at_s + 60 if 40 <= at_s < 70 else leap(70, -70)(at_s)

    assert errors((leap(70, -70), audio)) == (2, 2, (0, 0))


def test_tracks_that_jump_to_clocks_of_their_own_go_on_where_they_were() -> None:
    clocks = leap(70, -70), leap(70, 5000)
    assert errors(clocks) == (1, 2, (0, 0))


@pytest.mark.parametrize("step_s", [15, 20])
def test_frames_stay_after_the_audio_has_ended(step_s: float) -> None:
    found = errors((even, even), steps_s=(step_s, 0.02), is_mpeg=False, audio_ends_s=40)
    assert found == (1, 0, (0, 0))


def test_frames_stay_though_the_last_packet_of_audio_was_kept_back() -> None:
    audio = [(AUDIO, n / 50) for n in range(300)]
    slides = [(VIDEO, n * 15.0) for n in range(5)]
    tally = SectionTally(is_mpeg=False)
    for track, at_s in [slides[0], *audio[:-1], *slides[1:-1], audio[-1], slides[-1]]:
        tally.add(track, at_s, at_s, LENGTHS_S[track])
    assert count_jumps(tally.sections()) == 0


def test_in_mpeg_a_frame_stays_no_longer_than_the_audio() -> None:
    found = errors((leap(70, 60), even), audio_ends_s=40)
    assert found == (2, 1, (0, 0))


def frames(
    wild: int | None, by_s: float, *, stay_s: float = 0.0, dts_by_s: float = 0.0
) -> SectionTally:
    """Three hundred frames, of which two B-frames follow each P-frame; each tenth P-frame stays."""
    tally = SectionTally(is_mpeg=False)
    shown_s = list(accumulate(stay_s if n % 30 == 0 else 0.04 for n in range(303)))
    for n in range(300):
        # Decoded as P B B, shown as B B P; decoding times are those of three frames before.
        pts_s = shown_s[n + (2 if n % 3 == 0 else -1)]
        dts_s = (shown_s[n - 3] if n > 2 else shown_s[0] - 0.04 * (3 - n)) - 0.001
        is_wild = n == wild
        dts_s += dts_by_s * is_wild
        tally.add(VIDEO, pts_s + by_s * is_wild, dts_s, 0.04)
    return tally


@pytest.mark.parametrize("stay_s", [0.04, 25])
def test_frames_that_are_shown_long_after_they_are_decoded_are_not_wild(stay_s: float) -> None:
    (section,) = frames(None, 0, stay_s=stay_s).sections()
    assert not section.wild
    assert section.start_s == pytest.approx(stay_s)
    assert section.end_s - section.start_s == pytest.approx(12 + 9 * (stay_s - 0.04))


@pytest.mark.parametrize("by_s", [600, -600])
def test_a_wild_presentation_time_beside_a_good_decoding_time_moves_one_frame(by_s: float) -> None:
    (section,) = frames(150, by_s, stay_s=0.04).sections()
    assert section.end_s - section.start_s == pytest.approx(12, abs=0.2)
    assert list(packet_shifts([section], [0.0], VIDEO)) == []
    ((number, moved_s),) = shown_shifts([section], VIDEO)
    assert number == 150
    assert moved_s == pytest.approx(-by_s, abs=0.3)
    assert count_jumps([section]) == 1


@pytest.mark.parametrize("by_s", [600, -600])
def test_a_wild_decoding_time_beside_a_good_presentation_time_is_repaired_too(by_s: float) -> None:
    (section,) = frames(150, 0, stay_s=0.04, dts_by_s=by_s).sections()
    assert section.end_s - section.start_s == pytest.approx(12, abs=0.2)
    (there, back), ((number, shown_s),) = (
        packet_shifts([section], [0.0], VIDEO),
        shown_shifts([section], VIDEO),
    )
    assert (there[0], back[0], number) == (150, 151, 150)
    assert there[1] == -back[1] == pytest.approx(-by_s, abs=0.1)
    assert there[1] + shown_s == pytest.approx(0, abs=0.3)


def test_noise_is_not_kept() -> None:
    tally = SectionTally(is_mpeg=False)
    for n in range(20 * MAX_SECTIONS):
        at_s = n * 7919 % 1000 * 100.0
        tally.add(n % 2, at_s, at_s, None)
    assert MAX_SECTIONS <= count_jumps(tally.sections()) < 10 * MAX_SECTIONS
