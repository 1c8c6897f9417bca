"""The checks of the corpus: what is wrong is found, what is right passes."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import pytest

from tests.corpus.__main__ import clips
from tests.corpus.checks import has_times, without_subtitle_names
from tests.corpus.expected import Expected, check_expected, from_row
from tests.corpus.figures import Figures
from tests.corpus.orientation import from_rotation
from tests.corpus.run import Ended, last_event, refusal_faults
from tests.corpus.source import Source, read_orientation, read_source

RATE = 25


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("the file is damaged; upload it again", ""),
        ("", "no message"),
        ("it failed\nand more", "not one sentence"),
        ("damaged ([h264 @ 0x55b56c7cf780] no frame)", "log lines"),
        ("cannot read /tmp/x/source.mp4", "a path"),
    ],
)
def test_the_message_of_a_refusal_must_be_one_plain_sentence(
    message: str, word: str, tmp_path: Path
) -> None:
    faults = refusal_faults(Ended(status=65, seconds=1, message=message), tmp_path)
    assert bool(faults) == bool(word)
    assert all(word in fault for fault in faults)


def test_a_refusal_that_publishes_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "master.m3u8").touch()
    assert refusal_faults(Ended(status=65, seconds=1, message="no"), tmp_path)


def test_the_last_job_finished_line_is_found() -> None:
    log = '{"event": "job_finished", "outcome": "x"}\nnot JSON\n{"event": "other"}\n'
    assert last_event(log)["outcome"] == "x"
    assert last_event("") == {}


def test_files_that_describe_the_clips_are_not_clips(tmp_path: Path) -> None:
    for name in ("b/2.mp4", "a/1.mov", "INDEX.tsv", "a/README.md", "LICENSE", "b/LICENCE.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert clips(tmp_path, "*") == ["a/1.mov", "b/2.mp4"]
    assert clips(tmp_path, "b/*") == ["b/2.mp4"]


SOURCE = Source(display=(Fraction(320), Fraction(180)))
RIGHT = Figures(duration_s=5.02, frame_s=0.04, width=320, height=180, has_audio=True)
ROW = {"clip": "x", "outcome": "published", "displayed": "320x180", "duration_s": "5.0"}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, ""),
        ({"outcome": "bad_source"}, "refused"),
        ({"outcome": "either"}, ""),
        ({"duration_s": "5.5"}, "duration"),
        ({"audio": "no"}, "audio"),
        ({"displayed": "180x320"}, "size"),
    ],
)
def test_a_difference_from_the_expected_result_is_a_fault(
    changes: dict[str, str], word: str
) -> None:
    expected = from_row({**ROW, "audio": "yes", "why": "", **changes})
    faults = check_expected(expected, "published", SOURCE, RIGHT)
    assert bool(faults) == bool(word)
    assert all(word in fault for fault in faults)


def test_an_unexpected_refusal_is_a_fault() -> None:
    assert check_expected(Expected(outcome="published"), "bad_source", SOURCE, Figures())
    assert not check_expected(Expected(outcome="either"), "bad_source", SOURCE, Figures())
    with pytest.raises(ValueError, match="not one of"):
        from_row({**ROW, "outcome": "fine", "audio": "", "why": ""})


def test_times_of_a_copied_rung_may_differ_by_one_tick() -> None:
    copied = (900_000, 901_502, 903_003, 904_505, 906_006)
    assert has_times(copied, (900_000, 903_003, 904_504))
    assert has_times(copied, (900_000, 901_503))
    assert not has_times(copied, (900_000, 901_504))
    assert not has_times(copied, (900_000, 907_508))


def test_the_name_of_a_subtitle_track_is_not_leaked_metadata() -> None:
    subtitles = (
        b'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME="Lecture by Kim",URI="a/b.m3u8"\n'
    )
    audio = b'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Lecture by Kim",URI="a/c.m3u8"\n'
    assert b"Kim" not in without_subtitle_names(b"#EXTM3U\n" + subtitles)
    assert without_subtitle_names(audio + subtitles).startswith(audio)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_rotation_is_the_orientation_of_its_matrix(degrees: int) -> None:
    assert str(from_rotation(degrees)) == str(degrees)
    assert from_rotation(degrees - 360) == from_rotation(degrees)
    assert from_rotation(degrees + 45) is None


def test_the_rotation_of_frames_with_exif_is_read(tmp_path: Path) -> None:
    """Whether PyAV knows such side data depends on the FFmpeg in its wheel for this Python."""
    clip = tmp_path / "rotated.mjpeg"
    clip.write_bytes(with_exif_rotation(jpeg()) * 2)
    source = read_source(clip)
    assert source.frames is not None
    assert str(source.orientation) == "90"
    assert source.display == (Fraction(32), Fraction(64))


def test_side_data_unknown_to_the_reader_is_a_doubt_and_the_rotation_is_read() -> None:
    class Frame:
        rotation = -90

        @property
        def side_data(self) -> object:
            raise ValueError("34 is not a valid Type")

    orientation, (doubt,) = read_orientation(cast("av.VideoFrame", Frame()))
    assert str(orientation) == "90"
    assert "MV-HEVC" in doubt


def jpeg() -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 64, 32, "yuvj420p"
    encoder.time_base = Fraction(1, RATE)
    frame = av.VideoFrame(64, 32, "yuvj420p")
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def with_exif_rotation(image: bytes) -> bytes:
    """Add EXIF with orientation 6: to be rotated by 90 degrees clockwise."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    return image[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + image[2:]
