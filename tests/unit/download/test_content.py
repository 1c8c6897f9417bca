"""What a download must be: the packets of its segments, each at its time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.unit.sample import plan, run
from worker.download.content import Content, check_duration, check_times
from worker.errors import VerificationError
from worker.layout import download_file
from worker.records.segment import Segment

RUN = run(plan())
CONTENT = Content.of(RUN)
CONTENT_PATH = Path("download.mp4")


def times(segments: tuple[Segment, ...] | list[Segment]) -> list[Fraction]:
    """The times of packets as a file of these segments has them; frames within one are alike."""
    return [Fraction(s.start_ticks, 90_000) for s in segments for _ in range(s.frames)]


def test_it_is_made_of_the_top_rung_and_the_audio() -> None:
    assert {kind: each[0].rendition for kind, each in CONTENT.tracks().items()} == {
        "video": "1080p",
        "audio": "audio",
    }
    assert list(CONTENT.only_audio().tracks()) == ["audio"]


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_packets_at_their_times_are_accepted(kind: str) -> None:
    segments = list(CONTENT.tracks()[kind])
    check_times(kind, segments, times(segments))


def test_a_packet_that_is_missing_is_found() -> None:
    with pytest.raises(VerificationError, match="has 399 packets of video, not 400"):
        check_times("video", CONTENT.video, times(list(CONTENT.video))[1:])


def test_a_segment_that_is_late_is_found() -> None:
    late = [CONTENT.video[0], replace(CONTENT.video[1], start_ticks=540_004)]
    given = times([*late, *CONTENT.video[2:]])
    with pytest.raises(VerificationError, match=r"at 6\.000044 s, not 6\.000000 s"):
        check_times("video", CONTENT.video, given)


def test_another_duration_is_found() -> None:
    check_duration(CONTENT, CONTENT.end_s + Fraction(1, 90_000))
    with pytest.raises(VerificationError, match="lasts"):
        check_duration(CONTENT, CONTENT.end_s - Fraction(1, 1000))


@pytest.mark.parametrize(
    ("title", "disposition"),
    [
        ("talk 1", 'attachment; filename="talk 1.mp4"'),
        (
            '강의"1',
            "attachment; filename=\"___1.mp4\"; filename*=UTF-8''%EA%B0%95%EC%9D%98%221.mp4",
        ),
    ],
)
def test_browsers_save_it_under_the_name_of_the_upload(title: str, disposition: str) -> None:
    file = download_file("run", "mp4", CONTENT_PATH, size=1, md5="0123456789", title=title)
    assert file.content_disposition == disposition
    assert file.key == "run/download.01234567.mp4"
