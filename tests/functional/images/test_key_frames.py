"""I-frame playlists: byte ranges of the segments' first frames, for seeking at speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg, ffprobe
from tests.functional.hls import assert_strictly_valid, named, read_published


@pytest.mark.ffmpeg
def test_each_range_of_an_iframe_playlist_decodes_alone_to_its_frame(
    published_clip: Path, tmp_path: Path
) -> None:
    published = read_published(published_clip)
    assert_strictly_valid(published)
    (rung,) = published.rungs
    lines = named(rung.folder, "iframes.m3u8").read_text().splitlines()
    ranges = [line.partition(":")[2] for line in lines if line.startswith("#EXT-X-BYTERANGE")]
    names = [line for line in lines if line[0] != "#"]
    assert names == [segment.name for segment in rung.segments]
    for k, (name, byte_range) in enumerate(zip(names, ranges, strict=True)):
        length, _, offset = byte_range.partition("@")
        assert offset == "0"
        piece = tmp_path / "piece.ts"
        piece.write_bytes((rung.folder / name).read_bytes()[: int(length)])
        rows = ffprobe(
            *("-f", "mpegts", "-show_entries", "frame=key_frame,pict_type,pts"),
            *("-print_format", "csv=print_section=0", piece),
        )
        assert [row.rstrip(",") for row in rows.split()] == [f"1,{900_000 + k * 540_000},I"]
        # Without its last packet the frame is not whole: the range holds nothing beyond it.
        whole, cut = tmp_path / "whole.gray", tmp_path / "cut.gray"
        decode_gray(piece, whole)
        piece.write_bytes(piece.read_bytes()[:-188])
        decode_gray(piece, cut)
        assert whole.read_bytes() != cut.read_bytes()


def decode_gray(source: Path, target: Path) -> None:
    ffmpeg("-loglevel", "quiet", "-f", "mpegts", "-i", source, "-f", "rawvideo", target)
