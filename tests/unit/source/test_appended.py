"""Files within a file are found by the structure of their containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.errors import BadSourceError
from worker.source.repair.appended import MAX_PARTS, Part, find_parts


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def element(identity: str, content: bytes, *, is_live: bool = False) -> bytes:
    size = b"\x01" + b"\xff" * 7 if is_live else (1 << 56 | len(content)).to_bytes(8, "big")
    return bytes.fromhex(identity) + size + content


def matroska(*, is_live: bool) -> bytes:
    block = element("a3", b"x" * 50)
    cluster = element("1f43b675", element("e7", b"\0") + block, is_live=is_live)
    return element("1a45dfa3", b"webm") + element("18538067", cluster * 3, is_live=is_live)


def tag(kind: int, body: bytes) -> bytes:
    head = bytes([kind]) + len(body).to_bytes(3, "big") + bytes(7)
    return head + body + (11 + len(body)).to_bytes(4, "big")


AVC, AAC = tag(9, b"\x17\0\0\0\0one"), tag(8, b"\xaf\0aac")
FRAMES = tag(9, b"\x27\x01frame") + tag(8, b"\xaf\x01frame")
FLV_HEADER = b"FLV\x01\x05\0\0\0\x09" + bytes(4)
FLV = FLV_HEADER + tag(18, b"onMetaData") + AVC + AAC + FRAMES


def page(flags: int) -> bytes:
    return b"OggS\0" + bytes([flags]) + bytes(20) + b"\x02\x05\x05" + b"x" * 10


def asf_object(guid: str, content: bytes) -> bytes:
    return bytes.fromhex(guid) + (24 + len(content)).to_bytes(8, "little") + content


def riff(kind: bytes) -> bytes:
    return b"RIFF" + (4 + 6).to_bytes(4, "little") + kind + b"frames"


MP4 = box(b"ftyp", b"isom") + box(b"free") + box(b"mdat", b"x" * 99) + box(b"moov", b"m" * 20)
OGG = page(2) + page(2) + page(0) + page(4)
ASF = asf_object("3026b2758e66cf11a6d900aa0062ce6c", b"h") + asf_object("36" * 16, b"data")
AVI = riff(b"AVI ") + riff(b"AVIX")
WHOLE = {
    "MP4": MP4,
    "Matroska": matroska(is_live=False),
    "live Matroska": matroska(is_live=True),
    "FLV": FLV,
    "Ogg": OGG,
    "ASF": ASF,
    "AVI": AVI,
    "WAV": riff(b"WAVE"),
}


def parts_of(tmp_path: Path, content: bytes) -> list[Part]:
    path = tmp_path / "upload"
    path.write_bytes(content)
    return find_parts(path, lambda: None)


@pytest.mark.parametrize("kind", WHOLE)
def test_one_file_is_one(tmp_path: Path, kind: str) -> None:
    assert parts_of(tmp_path, WHOLE[kind]) == []
    assert parts_of(tmp_path, WHOLE[kind][:-7]) == []


@pytest.mark.parametrize("second", WHOLE)
@pytest.mark.parametrize("first", WHOLE)
def test_a_file_behind_another_is_found(tmp_path: Path, first: str, second: str) -> None:
    size = len(WHOLE[first])
    assert parts_of(tmp_path, WHOLE[first] + WHOLE[second]) == [
        Part(start=0, end=size),
        Part(start=size, end=size + len(WHOLE[second])),
    ]


@pytest.mark.parametrize(
    "trailer",
    [
        box(b"free", bytes(99_999)),
        box(b"uuid", b"x" * 999),
        # Of a motion photo: within a box.
        box(b"mpvd", MP4),
        box(b"styp") + box(b"moof") + box(b"mdat", MP4),
        bytes(99_999),
        b"not a box at all",
    ],
)
def test_what_else_lies_behind_a_video_is_no_other_file(tmp_path: Path, trailer: bytes) -> None:
    assert parts_of(tmp_path, MP4 + trailer) == []


def test_an_flv_that_configures_its_decoders_anew_is_cut_there(tmp_path: Path) -> None:
    """A part that does not configure both gets what was in force."""
    assert parts_of(tmp_path, FLV + AVC + AAC + FRAMES) == []
    other = tag(9, b"\x17\0\0\0\0another")
    start, end = len(FLV), len(FLV + other + FRAMES)
    assert parts_of(tmp_path, FLV + other + FRAMES) == [
        Part(start=0, end=start),
        Part(start=start, end=end, prefix=FLV_HEADER + AAC),
    ]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_that_was_written_live_has_no_length(tmp_path: Path, size: int) -> None:
    live = b"RIFF" + size.to_bytes(4, "little") + b"WAVE" + b"x" * 99
    assert parts_of(tmp_path, live) == []


def test_a_wav_that_is_shorter_than_it_says_is_truncated(tmp_path: Path) -> None:
    cut = b"RIFF" + (500).to_bytes(4, "little") + b"WAVE" + b"x" * 99
    with pytest.raises(BadSourceError, match="truncated"):
        parts_of(tmp_path, cut)


def test_more_files_than_a_person_joins_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSourceError, match="more than 500 recordings"):
        parts_of(tmp_path, MP4 * (MAX_PARTS + 1))


def test_a_hostile_structure_ends(tmp_path: Path) -> None:
    """Sizes of zero, of more than the file has, and none at all."""
    for content in (b"\0\0\0\0ftyp", b"\0\0\0\1ftyp" + bytes(8), b"OggS", b"\x1a\x45\xdf\xa3\0"):
        assert parts_of(tmp_path, content + bytes(40)) == []
