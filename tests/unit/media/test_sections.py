"""Where the timestamps of a source restart or leap, and by how much each part is moved."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from worker.media.sections.model import Section
from worker.media.sections.shifts import packet_shifts, shifts_s
from worker.media.sections.tally import SectionTally

VIDEO, AUDIO = 0, 1
Times = Sequence[tuple[int, float]]


def both(*starts_s: float, seconds: int = 3) -> Times:
    """Packets of video and audio, one of each a second, from each of these times on."""
    return [
        (track, start_s + second)
        for start_s in starts_s
        for second in range(seconds)
        for track in (VIDEO, AUDIO)
    ]


def found(times: Times, *, is_mpeg: bool = False) -> list[tuple[float, float, dict[int, int]]]:
    tally = SectionTally(is_mpeg=is_mpeg)
    for track, at_s in times:
        tally.add(track, at_s, at_s, 1.0)
    return [(s.start_s, s.end_s, dict(s.firsts)) for s in tally.sections()]


@pytest.mark.parametrize(
    ("second_s", "sections"),
    [
        (3, [(0, 6, {0: 0, 1: 0})]),
        # A pause of less than ten seconds stays.
        (12, [(0, 15, {0: 0, 1: 0})]),
        (0, [(0, 3, {0: 0, 1: 0}), (0, 3, {0: 3, 1: 3})]),
        (300, [(0, 3, {0: 0, 1: 0}), (300, 303, {0: 3, 1: 3})]),
    ],
    ids=["even", "a gap", "a restart", "a leap"],
)
def test_both_tracks_are_of_one_section(
    second_s: float, sections: list[tuple[float, float, dict[int, int]]]
) -> None:
    assert found(both(0, second_s)) == sections


def test_a_track_that_is_interleaved_late_is_of_the_same_section() -> None:
    times = [(VIDEO, 0), (AUDIO, 0), (VIDEO, 9), (VIDEO, 0), (AUDIO, 9), (AUDIO, 0), (VIDEO, 1)]
    assert [firsts for *_, firsts in found(times)] == [{0: 0, 1: 0}, {0: 2, 1: 2}]


def test_a_frame_that_stays_while_audio_goes_on_is_no_leap() -> None:
    slides = [(VIDEO, 0.0), *((AUDIO, float(s)) for s in range(60)), (VIDEO, 60.0)]
    assert len(found(slides)) == 1
    assert len(found(slides, is_mpeg=True)) == 1


@pytest.mark.parametrize(("is_mpeg", "count"), [(False, 1), (True, 2)])
def test_without_audio_only_mpeg_says_that_a_frame_cannot_stay(
    *, is_mpeg: bool, count: int
) -> None:
    assert len(found([(VIDEO, 0), (VIDEO, 60)], is_mpeg=is_mpeg)) == count


def test_packets_without_times_are_counted() -> None:
    tally = SectionTally(is_mpeg=False)
    assert tally.sections() == ()
    for at_s in (5.0, None, 0.0):
        tally.add(VIDEO, at_s, None, None)
    assert [dict(s.firsts) for s in tally.sections()] == [{0: 0}, {0: 2}]


def test_each_section_is_moved_to_the_end_of_the_one_before() -> None:
    sections = [
        Section(start_s=100, end_s=104, firsts={VIDEO: 0, AUDIO: 0}),
        Section(start_s=0, end_s=3, firsts={VIDEO: 50}),
        Section(start_s=500, end_s=501, firsts={VIDEO: 70, AUDIO: 90}),
    ]
    shifts = shifts_s(sections, are_joints=[True, True])
    assert shifts == [0, 104, -393]
    assert list(packet_shifts(sections, shifts, VIDEO)) == [(50, 104), (70, -497)]
    assert list(packet_shifts(sections, shifts, AUDIO)) == [(90, -393)]


@pytest.mark.parametrize(("start_s", "shift_s"), [(4, 0), (9, 0), (0, 4), (60, -56)])
def test_a_file_that_goes_on_with_the_same_clock_is_not_moved(
    start_s: float, shift_s: float
) -> None:
    sections = [
        Section(start_s=0, end_s=4, firsts={VIDEO: 0}),
        Section(start_s=start_s, end_s=start_s + 4, firsts={VIDEO: 0}),
    ]
    assert shifts_s(sections, are_joints=[False]) == [0, shift_s]
