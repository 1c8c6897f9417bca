"""Uploads whose clock does not begin at zero: recorded from the middle of a stream."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg
from tests.functional.hls import read_published
from tests.functional.source.generated import SMALL, X264, tone, video
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg

SECONDS = 8
MPEG = (*X264, "-c:a", "aac")


def make(path: Path, start_s: int, *options: object) -> None:
    ffmpeg(*video(SECONDS), *tone(SECONDS), *options, "-output_ts_offset", start_s, path)


def declare(path: Path, mark: bytes, declared: float) -> None:
    """Write another duration behind a mark: FLV's and Matroska's are such numbers."""
    data = path.read_bytes()
    at = data.index(mark) + len(mark)
    path.write_bytes(data[:at] + struct.pack(">d", declared) + data[at + 8 :])


FLV, MATROSKA = b"duration\0", bytes.fromhex("448988")


@pytest.mark.parametrize(
    ("name", "start_s", "options", "declared"),
    [
        ("in.flv", 3600, MPEG, (FLV, SECONDS)),
        ("in.flv", 3600, MPEG, (FLV, 3600 + SECONDS)),
        ("in.mkv", 3600, MPEG, (MATROSKA, 1000 * SECONDS)),
        ("in.mkv", 300, MPEG, (MATROSKA, 1000 * (300 + SECONDS))),
        ("in.mp4", 300, (*MPEG, "-movflags", "faststart"), None),
        ("in.ts", 18_000, MPEG, None),
        ("in.ogv", 3600, ("-c:v", "libvpx", "-c:a", "libopus"), None),
    ],
)
def test_a_clock_that_begins_anywhere_begins_at_zero(
    run_worker: RunWorker,
    tmp_path: Path,
    name: str,
    start_s: int,
    options: tuple[object, ...],
    declared: tuple[bytes, float] | None,
) -> None:
    source, out = tmp_path / name, tmp_path / "out"
    make(source, start_s, *options)
    if declared:
        declare(source, *declared)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    published = read_published(out)
    for rendition in (*published.rungs, published.audio):
        assert rendition
        assert rendition.duration_s == pytest.approx(SECONDS, abs=0.1)
    # Of MPEG-TS and Ogg half is whole, as far as can be seen.
    if name.endswith(("flv", "mkv", "mp4")):
        source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
        ended = run_worker("--source", source, "--destination", tmp_path / "half", *SMALL)
        assert (ended.status, ended.final.get("code")) == (65, "truncated"), ended.stdout
