"""Copies of a source's tracks: in which container, and how their times are moved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.ffmpeg.test_commands import SOURCE, after, filled
from tests.unit.sample import AUDIO, MEDIA, VIDEO
from worker.ffmpeg.remux import copy_format, rewrite_timestamps

VP8 = replace(VIDEO, codec="vp8")
LATM = replace(AUDIO, codec="aac_latm")


@pytest.mark.parametrize(
    ("changes", "container"),
    [
        ({}, "mpegts"),
        ({"audio": None}, "mpegts"),
        ({"video_track": VP8}, "matroska"),
        ({"audio": replace(AUDIO, codec="opus")}, "matroska"),
        ({"audio": LATM, "container": "mpegts"}, "mpegts"),
    ],
)
def test_a_copy_is_in_mpeg_where_that_carries_all_tracks(
    changes: dict[str, object], container: str
) -> None:
    changed = replace(MEDIA, **changes)  # type: ignore[arg-type] # by name, of each kind
    assert copy_format([changed]) == container
    assert copy_format([MEDIA, changed]) == container


def test_packets_are_moved_by_their_numbers() -> None:
    shifts = {VIDEO.index: [(0, 1.0), (250, -299.5)], AUDIO.index: []}
    command = rewrite_timestamps(MEDIA, SOURCE, "o", container="matroska", shifts=shifts)
    argv = filled(command)
    moved = "+gte(N,0)*1000+gte(N,250)*-299500"
    assert after(argv, "-bsf:0") == [f"setts=pts='PTS{moved}':dts='DTS{moved}'"]
    assert after(argv, "-bsf:1") == ["setts=pts='PTS':dts='DTS'"]
    assert after(argv, "-time_base") == ["1/1000"]
    assert "-copyts" in argv
    # One packet's presentation time, and no other.
    wild = {VIDEO.index: [(99, -600.0)]}
    command = rewrite_timestamps(
        MEDIA, SOURCE, "o", container="matroska", shifts=shifts, shown=wild
    )
    assert after(filled(command), "-bsf:0") == [
        f"setts=pts='PTS{moved}+eq(N,99)*-600000':dts='DTS{moved}'"
    ]
    # In ticks of MPEG-TS.
    command = rewrite_timestamps(MEDIA, SOURCE, "o", container="mpegts", shifts=shifts)
    assert "gte(N,0)*90000" in after(filled(command), "-bsf:0")[0]
