"""What all tracks together say of a file: its declared length, and recordings put end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.media.test_ffprobe import MP4, audio_track, video_track
from worker.source.repair.appended import Part
from worker.source.tracks import TrackExtents, cut_before_tables, declared_duration_s

MKV = {"format_name": "matroska,webm", "duration": "60.0"}
PACKET = 188
PAT = bytes([0x47, 0x40, 0x00]) + bytes(PACKET - 3)
OTHER = bytes([0x47, 0x41, 0x00]) + bytes(PACKET - 3)
REST_OF_PAT = bytes([0x47, 0x00, 0x00]) + bytes(PACKET - 3)


@pytest.mark.parametrize(
    ("raw_format", "declared_s"),
    [
        ({"format_name": "flac", "duration": "60.0"}, 60),
        # The first frame counts the others, and says with how many samples the encoder began.
        ({"format_name": "mp3", "duration": "60.0", "start_time": "0.025057"}, 60),
        # Estimated of the bit rate.
        ({"format_name": "mp3", "duration": "60.0", "start_time": "0.000000"}, None),
        ({"format_name": "mp3", "duration": "60.0"}, None),
        ({"format_name": "wav", "duration": "60.0"}, None),
        ({"format_name": "aac", "duration": "60.0"}, None),
    ],
)
def test_what_a_file_of_audio_declares(
    raw_format: dict[str, str], declared_s: float | None
) -> None:
    assert declared_duration_s(raw_format, [audio_track(0)], []) == declared_s


@pytest.mark.parametrize(
    ("raw_format", "track", "promised"),
    [
        (MP4, {"nb_frames": "1800"}, 60.0),
        (MP4, {}, None),
        ({"format_name": "matroska,webm", "duration": "60.0"}, {}, 60.0),
        ({"format_name": "matroska,webm"}, {}, None),
        ({"format_name": "mpegts", "duration": "60.0"}, {}, None),
    ],
    ids=["MP4", "fragmented MP4", "Matroska", "live Matroska", "MPEG-TS"],
)
def test_what_a_header_promises(
    raw_format: dict[str, str], track: dict[str, str], promised: float | None
) -> None:
    assert declared_duration_s(raw_format, [{"index": 0, **track}], []) == promised


def text_track(index: int, **changes: Any) -> dict[str, Any]:
    return {"index": index, "codec_type": "subtitle", "codec_name": "subrip", **changes}


@pytest.mark.parametrize(
    ("raw_format", "own", "other", "declared_s"),
    [
        (MP4, {"duration": "50.0"}, {"duration": "60.0"}, 50),
        (MP4, {"duration": "60.0"}, {"duration": "50.0"}, 60),
        # A header that says more than all tracks is believed: something is missing.
        (MP4, {"duration": "50.0"}, {"duration": "50.0"}, 60),
        (MP4, {"duration": "50.0"}, {}, 60),
        # Matroska: ffprobe gives a text the container's duration beside its own.
        (
            MKV,
            {"tags": {"DURATION": "00:00:50.040000000"}},
            {"duration": "60.0", "tags": {"DURATION": "00:01:00.000000000"}},
            50.04,
        ),
        (MKV, {"tags": {"DURATION": "00:01:00.000000000"}}, {}, 60),
    ],
)
def test_what_is_declared_of_a_longer_track_is_not_of_the_chosen_ones(
    raw_format: dict[str, str], own: dict[str, Any], other: dict[str, Any], declared_s: float
) -> None:
    chosen = [video_track(0, nb_frames="1500", **own)]
    assert declared_duration_s(raw_format, chosen, [text_track(1, **other)]) == declared_s


def test_where_no_track_declares_its_own_the_one_that_reaches_the_end_is_meant() -> None:
    tracks = [video_track(0)], [text_track(1)]
    assert declared_duration_s(MKV, *tracks, ends_s={0: 50.0, 1: 59.5}) is None
    # Cut: none of them reaches it.
    assert declared_duration_s(MKV, *tracks, ends_s={0: 30.0, 1: 31.5}) == 60


def extents(*tracks: tuple[int, int], count: int = 100) -> TrackExtents:
    """Tracks of so many packets each, in these ranges of positions."""
    tally = TrackExtents()
    for index, (first, last) in enumerate(tracks):
        for k in range(count):
            tally.add(index, first + k * (last - first) // (count - 1))
    return tally


def test_a_recording_begins_where_all_tracks_have_ended_and_others_begin() -> None:
    assert extents((0, 900), (10, 890), (1000, 2000), (1010, 1990)).beginnings() == (1000,)
    assert extents((0, 900), (1000, 2000), (3000, 4000)).beginnings() == (1000, 3000)


def test_where_one_track_goes_on_it_is_one_recording() -> None:
    assert extents((0, 2000), (10, 890), (1000, 1990)).beginnings() == ()


def test_a_few_packets_behind_the_end_are_no_recording() -> None:
    tally = extents((0, 900), (10, 890))
    tally.add(7, 1000)
    assert tally.beginnings() == ()


@pytest.mark.parametrize("gap", [0, 4, 16], ids=["TS", "with timestamps", "with parity"])
def test_mpeg_ts_is_cut_before_its_table(gap: int, tmp_path: Path) -> None:
    path = tmp_path / "joined.ts"
    order = (PAT, OTHER, OTHER, PAT, REST_OF_PAT, OTHER, OTHER)
    path.write_bytes(b"".join(packet + bytes(gap) for packet in order))
    size = PACKET + gap
    assert cut_before_tables(path, [6 * size]) == [
        Part(start=0, end=3 * size),
        Part(start=3 * size, end=7 * size),
    ]


def test_without_a_table_nothing_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "joined.ts"
    path.write_bytes(OTHER * 5)
    assert cut_before_tables(path, [3 * PACKET]) == []
