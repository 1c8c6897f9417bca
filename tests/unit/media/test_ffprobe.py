"""ffprobe's description: which tracks are chosen, what a header declares, what is protected."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.unit.sample import packets, video
from worker.errors import BadSourceError
from worker.media.ffprobe import (
    audio_tracks,
    choose_video,
    cover_track,
    in_program_of,
    is_encrypted,
    is_still_image,
    may_begin_late,
    rank_audio,
    text_stream,
    text_tracks,
    unknown_video,
    video_stream,
    video_tracks,
)
from worker.media.first_frame import FirstFrame
from worker.media.orientation import UPRIGHT, Orientation
from worker.media.packets import PacketTally
from worker.plan.refusals import refuse_huge_frames

MP4 = {"format_name": "mov,mp4,m4a,3gp,3g2,mj2", "duration": "60.0"}


def video_track(index: int, **changes: Any) -> dict[str, Any]:
    raw = {"index": index, "codec_type": "video", "codec_name": "h264", "width": 640, "height": 360}
    return {**raw, "disposition": {}, **changes}


def audio_track(index: int, language: str = "und", **disposition: int) -> dict[str, Any]:
    return {
        "index": index,
        "codec_type": "audio",
        "codec_name": "aac",
        "channels": 2,
        "sample_rate": "48000",
        "tags": {"language": language},
        "disposition": disposition,
    }


def test_the_cover_is_the_first_image_that_is_attached() -> None:
    attached = {"attached_pic": 1}
    tracks = [
        audio_track(0),
        video_track(1, disposition=attached, codec_name="unknown"),
        video_track(2, disposition=attached, width=0),
        video_track(3, disposition=attached),
        video_track(4, disposition=attached),
    ]
    assert cover_track(tracks) == 3
    assert cover_track(tracks[:3]) is None


def test_cover_art_and_unknown_codecs_are_no_video() -> None:
    tracks = [
        video_track(0, disposition={"attached_pic": 1}),
        video_track(1, codec_name="unknown"),
        video_track(2, disposition={"timed_thumbnails": 1}),
        video_track(3),
    ]
    assert [s["index"] for s in video_tracks(tracks)] == [3]


def test_a_video_of_an_unknown_codec_is_named_by_its_tag() -> None:
    unknown = video_track(0, codec_name="unknown", codec_tag_string="vvc1")
    assert unknown_video([audio_track(1), unknown]) == "vvc1"
    assert unknown_video([{**unknown, "codec_tag_string": "[0][0][0][0]"}]) == "unknown"
    assert unknown_video([{**unknown, "disposition": {"attached_pic": 1}}, video_track(2)]) is None


@pytest.mark.parametrize(
    ("tracks", "counts", "chosen"),
    [
        ([video_track(0), video_track(1, width=1920, height=1080)], {0: 9, 1: 9}, 1),
        ([video_track(0, disposition={"default": 1}), video_track(1, width=1920)], {0: 9, 1: 9}, 0),
        ([video_track(0), video_track(1)], {0: 9, 1: 9}, 0),
        ([video_track(0, width=4000), video_track(1)], {0: 1, 1: 90}, 1),
        ([video_track(0, disposition={"default": 1}), video_track(1)], {0: 0, 1: 90}, 1),
        ([video_track(0)], {0: 1}, 0),
    ],
    ids=["largest", "default", "first", "moving", "not empty", "a still alone"],
)
def test_of_several_videos(
    tracks: list[dict[str, Any]], counts: dict[int, int], chosen: int
) -> None:
    found = choose_video(tracks, counts)
    assert found
    assert found["index"] == chosen


def test_an_empty_video_is_none() -> None:
    assert choose_video([video_track(0)], {0: 0}) is None


@pytest.mark.parametrize(
    ("language", "chosen"),
    [(None, 2), ("ko", 3), ("kor", 3), ("en", 1), ("fr", 2)],
    ids=["default", "tag", "code", "English", "not there"],
)
def test_of_several_audio_tracks(language: str | None, chosen: int) -> None:
    tracks = [
        audio_track(0, visual_impaired=1, default=1),
        audio_track(1, "eng"),
        audio_track(2, "deu", default=1),
        audio_track(3, "kor"),
        {**audio_track(4), "channels": 0},
    ]
    ranked = rank_audio(audio_tracks(tracks), dict.fromkeys(range(5), 9), language=language)
    assert [s["index"] for s in ranked] == [chosen]


def test_equal_audio_tracks_are_kept_in_their_order() -> None:
    tracks = [audio_track(i) for i in range(3)] + [audio_track(3, "eng"), audio_track(4, comment=1)]
    ranked = rank_audio(tracks, {0: 9, 1: 0, 2: 9, 3: 9, 4: 9}, language=None)
    assert [s["index"] for s in ranked] == [0, 2]


def test_only_text_becomes_subtitles() -> None:
    tracks = [
        {"index": i, "codec_type": "subtitle", "codec_name": name, "disposition": {}}
        for i, name in enumerate(("subrip", "hdmv_pgs_subtitle", "mov_text"))
    ]
    assert [s["index"] for s in text_tracks(tracks)] == [0, 2]
    title = {"title": 'a"b\nc' + "x" * 100, "language": "kor"}
    read = text_stream({**tracks[0], "tags": title})
    assert (read.language, read.title) == ("kor", "abc" + "x" * 57)


def test_audio_comes_from_the_program_of_the_video() -> None:
    """A track that no program names may be anybody's; without programs all are."""
    programs = [
        {"program_id": 1, "streams": [{"index": 0}, {"index": 1}]},
        {"program_id": 2, "streams": [{"index": 2}, {"index": 3}, {"index": 4}]},
    ]
    tracks = [audio_track(index) for index in (1, 3, 4, 5)]

    def found(video: int, programs: list[dict[str, object]]) -> list[int]:
        return [s["index"] for s in in_program_of(video_track(video), tracks, programs)]

    assert found(0, programs) == [1, 5]
    assert found(2, programs) == [3, 4, 5]
    assert found(0, []) == [1, 3, 4, 5]
    assert found(9, programs) == [1, 3, 4, 5]


def test_protection_is_seen_on_any_track() -> None:
    assert not is_encrypted([video_track(0), audio_track(1)])
    assert is_encrypted([video_track(0), {**audio_track(1), "codec_tag_string": "enca"}])
    side_data = [{"side_data_type": "Encryption initialization data"}]
    assert is_encrypted([video_track(0, side_data_list=side_data)])


@pytest.mark.parametrize(
    ("raw_format", "count", "is_still"),
    [
        ({**MP4, "tags": {"major_brand": "avif"}}, 1, True),
        ({**MP4, "tags": {"major_brand": "heic"}}, 1, True),
        # A sequence, or the moving track of a motion photo.
        ({**MP4, "tags": {"major_brand": "heic"}}, 60, False),
        ({"format_name": "gif"}, 1, True),
        ({"format_name": "gif"}, 2, False),
        # One frame over minutes of audio.
        (MP4, 1, False),
        ({**MP4, "tags": {"major_brand": "isom"}}, 1, False),
    ],
)
def test_a_still_image_is_no_video(
    raw_format: dict[str, object], count: int, *, is_still: bool
) -> None:
    assert is_still_image(raw_format, count) == is_still


def matrix(*rows: str) -> dict[str, Any]:
    """A display matrix as ffprobe writes it."""
    text = "".join(f"\n{i:08x}: {row}" for i, row in enumerate(rows)) + "\n"
    return {"side_data_type": "Display Matrix", "displaymatrix": text, "rotation": -90}


CLOCKWISE = matrix("0 65536 0", "-65536 0 0", "0 0 1073741824")
MIRRORED = matrix("-65536 0 0", "0 65536 0", "0 0 1073741824")


def test_fields_and_turns_are_read() -> None:
    turned = video_track(0, field_order="tt", side_data_list=[CLOCKWISE])
    read = video_stream(turned, packets(9, rate=25))
    assert (read.is_interlaced, read.rotation_deg, read.is_turned) == (True, 270, True)
    upright = video_stream(video_track(0), packets(9, rate=25))
    assert not upright.is_interlaced
    assert upright.orientation == UPRIGHT


def first_frame(**changes: Any) -> FirstFrame:
    shape: dict[str, Any] = {"width": 640, "height": 360, "sample_aspect_ratio": None}
    return FirstFrame(**{"at_s": 0.0, "side_data": (), **shape, **changes})


def test_a_frame_says_how_it_lies_where_the_container_does_not() -> None:
    counted, first = packets(9, rate=25), first_frame(side_data=(CLOCKWISE,))
    read = video_stream(video_track(0), counted, first)
    assert (read.is_turned, read.rotation_deg) == (True, 270)
    both = video_stream(video_track(0, side_data_list=[MIRRORED]), counted, first)
    assert both.orientation == Orientation(swaps_sides=True), "the container's comes first"
    photos = video_stream(video_track(0, codec_name="mjpeg"), counted, first)
    assert photos.orientation == UPRIGHT, "some versions of FFmpeg do not read EXIF data"


def test_the_shape_is_that_of_the_first_frame() -> None:
    track = video_track(0, width=180, height=320, sample_aspect_ratio="1:1")
    first = first_frame(sample_aspect_ratio="4:3")
    read = video_stream(track, packets(9, rate=25), first)
    assert (read.width, read.height, read.sample_aspect_ratio) == (640, 360, Fraction(4, 3))
    # The container's aspect stays where the sizes agree.
    same = video_stream(track, packets(9, rate=25), first_frame(width=180, height=320))
    assert same.sample_aspect_ratio == 1


@pytest.mark.parametrize(("name", "lag_s", "start_s"), [("avi", 0.08, 0), ("asf", 0, 0.08)])
def test_without_presentation_times_frames_or_packets_are_put_in_step(
    name: str, lag_s: float, start_s: float
) -> None:
    """In AVI every track starts at zero; elsewhere FFmpeg's times of frames are right."""
    tally = PacketTally(origin_s=1.0)
    for i in range(9):
        tally.add(None, 1 + i / 25, 1 / 25, is_key=i == 0)
    first = first_frame(at_s=1.08)
    raw_format = {"format_name": name, "start_time": "1.000000"}
    read = video_stream(video_track(0), tally.packets(), first, raw_format)
    assert float(read.lag_s) == pytest.approx(lag_s)
    assert read.packets.start_s == pytest.approx(start_s)


@pytest.mark.parametrize(
    ("times", "jumps"),
    [((0, 1, 2, 3), 0), ((0, 1, 0.5, 2), 0), ((5, 6, 0, 1), 1), ((0, 1, 20, 21), 1)],
    ids=["even", "rounding", "back to zero", "a leap"],
)
def test_a_clock_that_starts_anew_is_noticed(times: tuple[float, ...], jumps: int) -> None:
    tally = PacketTally(origin_s=0)
    for at in times:
        tally.add(at, at, 1.0, is_key=True)
    assert tally.jumps == jumps


@pytest.mark.parametrize("size", [(16_385, 2), (8200, 8200)])
def test_a_huge_frame_is_refused(size: tuple[int, int]) -> None:
    width, height = size
    with pytest.raises(BadSourceError, match=f"{width}x{height}"):
        refuse_huge_frames(video(width=width, height=height))
    refuse_huge_frames(video(width=16, height=4000))
    refuse_huge_frames(video(width=7680, height=4320))


@pytest.mark.parametrize(
    ("name", "tracks", "expected"),
    [
        ("mpegts", [video_track(0), audio_track(1)], False),
        ("mpegts", [video_track(0), {**audio_track(1), "channels": 0}], True),
        ("mpegts", [video_track(0, width=0), audio_track(1)], True),
        # Reading on would not help.
        ("mpegts", [video_track(0), {**audio_track(1), "codec_name": "unknown"}], False),
        ("mpegts", [video_track(0)], False),
        ("flv", [video_track(0)], True),
        ("mpeg", [audio_track(0)], True),
        ("flv", [video_track(0), audio_track(1)], False),
        ("matroska,webm", [video_track(0)], False),
    ],
)
def test_a_track_may_begin_behind_what_is_searched(
    name: str, tracks: list[dict[str, Any]], *, expected: bool
) -> None:
    assert may_begin_late({"format_name": name}, tracks) == expected
