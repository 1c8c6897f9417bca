"""A part of a source, fetched without the rest, decodes to the frames of the whole."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg, media
from tests.functional.source.generated import tone, video
from tests.functional.span_frames import frames, make, workspace
from worker.plan.plan import Plan, Span
from worker.source.fetch.mapping import add_byte_maps
from worker.source.fetch.ranged import RangedSource
from worker.source.fetch.ranges import subtract
from worker.source.prepare import PlannedSource
from worker.storage.local_source import LocalFile

# At 6 Mb/s noise is soon more than FFmpeg reads to open it.
NOISE = ("-vf", "noise=alls=40:allf=t")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "6M")


def made(path: Path, *options: object, seconds: int = 40) -> Path:
    ffmpeg(*video(seconds), *tone(seconds), *NOISE, *options, path)
    return path


def header_first(folder: Path) -> Path:
    return made(folder / "in.mp4", *X264, "-g", 100, "-movflags", "faststart")


def header_last(folder: Path) -> Path:
    return made(folder / "in.mov", *X264, "-bf", 8, "-x264-params", "b-pyramid=normal:keyint=120")


def open_gops(folder: Path) -> Path:
    x265 = ("-c:v", "libx265", "-preset", "ultrafast", "-b:v", "6M")
    parameters = "open-gop=1:keyint=75:bframes=4:log-level=none"
    return made(folder / "in.mp4", *x265, "-x265-params", parameters, "-tag:v", "hvc1")


def cut_in_a_gop(folder: Path) -> Path:
    """With an edit list that hides frames at the start."""
    whole, path = header_first(folder), folder / "cut.mp4"
    ffmpeg("-ss", "5.3", "-i", whole, "-c", "copy", path)
    return path


def keyframes_alone(folder: Path) -> Path:
    return made(folder / "in.mov", "-c:v", "mjpeg", "-q:v", 4)


def frames_at_any_time(folder: Path) -> Path:
    dropped = ("-vf", "noise=alls=40:allf=t,select='not(eq(mod(n,7),3))'", "-fps_mode", "vfr")
    return made(folder / "in.mp4", *dropped, *X264, "-g", 60)


def with_chapters(folder: Path) -> Path:
    whole, path, listed = header_first(folder), folder / "chapters.mp4", folder / "chapters.txt"
    chapters = "".join(
        f"[CHAPTER]\nTIMEBASE=1/1\nSTART={at}\nEND={at + 10}\ntitle=Part {at}\n"
        for at in range(0, 40, 10)
    )
    listed.write_text(f";FFMETADATA1\n{chapters}")
    ffmpeg("-i", whole, "-i", listed, "-map_metadata", 1, "-c", "copy", path)
    return path


def index_without_keyframes(folder: Path) -> Path:
    """The index names the first keyframe alone, so that FFmpeg seeks to it, always."""
    path = folder / "in.mp4"
    refreshed = "keyint=50:intra-refresh=1"
    made(path, *X264, "-x264-params", refreshed, "-movflags", "faststart")
    data = bytearray(path.read_bytes())
    at = data.index(b"stss") + 8
    assert struct.unpack_from(">I", data, at)[0] > 1
    struct.pack_into(">I", data, at, 1)
    path.write_bytes(data)
    return path


def repeated(name: str) -> Callable[[Path], Path]:
    """A real clip, so often that it is larger than what FFmpeg reads to open it."""

    def repeat(folder: Path) -> Path:
        clip = media(name)
        path = folder / f"in{clip.suffix}"
        times = 20_000_000 // clip.stat().st_size
        ffmpeg(
            "-stream_loop", times, "-i", clip, "-map", "0:v:0", "-map", "0:a?", "-c", "copy", path
        )
        return path

    repeat.__name__ = name
    return repeat


def mapped(source: Path, folder: Path) -> Plan:
    plan = make(source, "--ladder", "180", "--segment", "2")
    return add_byte_maps(PlannedSource(paths=(source,), plan=plan), [source], workspace(folder))


def fetched(source: Path, path: Path, folder: Path) -> RangedSource:
    remote = LocalFile(source.parent, source.name)
    return RangedSource(remote, path, budget=workspace(folder).budget, threads=4)


def spoil_holes(ranged: RangedSource, size: int) -> None:
    """Fill what was not fetched with noise, which no decoder passes over in silence."""
    noise = random.Random(1)  # noqa: S311 (no secret)
    with ranged.path.open("r+b") as file:
        for start, end in subtract([(0, size)], ranged._present):
            file.seek(start)
            file.write(noise.randbytes(end - start))


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    "make_source",
    [
        *(header_first, header_last, open_gops, cut_in_a_gop, keyframes_alone),
        *(frames_at_any_time, with_chapters, index_without_keyframes),
        repeated("normal/ExoPlayer__video_big_buck_bunny.mp4"),
        repeated("normal/mediabunny__video.mp4"),
        repeated("lecture/opencast__av.mov"),
    ],
    ids=lambda make_source: make_source.__name__,
)
def test_spans_of_a_part_decode_to_the_frames_of_the_whole(
    make_source: Callable[[Path], Path], tmp_path: Path
) -> None:
    """Whatever is in the bytes that were not fetched."""
    source = make_source(tmp_path)
    plan = mapped(source, tmp_path)
    size, count = source.stat().st_size, plan.grid.segment_count
    for number, first in enumerate((0, count // 3, count - 2)):
        span = Span(first=first, end=first + 2, rungs=(plan.rungs[-1].name,), preset="ultrafast")
        ranged = fetched(source, tmp_path / f"part{number}", tmp_path)
        ranged.ensure(plan, span)
        is_split = make_source is not index_without_keyframes
        assert (ranged.bytes_present < 0.95 * size) == is_split
        spoil_holes(ranged, size)
        expected = frames(plan, span, source, tmp_path)
        assert frames(plan, span, ranged.path, tmp_path) == expected, f"span {first}"
        ranged.path.unlink()
