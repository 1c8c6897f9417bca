"""Uploads that lie on their side, and those whose frames change their shape on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg, ffprobe
from tests.functional.hls import decode, read_published
from tests.functional.source.generated import SMALL, X264
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg


def corners(raw: bytes, width: int, height: int) -> tuple[bool, ...]:
    """Whether the corners of a gray frame are white: upper left, upper right, lower left, right."""
    rows = (height // 8, height - height // 8)
    columns = (width // 8, width - width // 8)
    return tuple(raw[row * width + column] > 128 for row in rows for column in columns)


@pytest.mark.parametrize(
    ("options", "size", "white"),
    [
        ("rotate=90", (180, 320), (False, False, True, False)),
        ("rotate=270", (180, 320), (False, True, False, False)),
        ("rotate=180", (320, 180), (False, False, False, True)),
        ("rotate=0:flip=horizontal", (320, 180), (False, True, False, False)),
        ("rotate=90:flip=horizontal", (180, 320), (True, False, False, False)),
    ],
)
def test_a_message_in_the_frames_turns_and_mirrors_them(
    run_worker: RunWorker,
    tmp_path: Path,
    options: str,
    size: tuple[int, int],
    white: tuple[bool, ...],
) -> None:
    """H.264's display orientation (SEI), of which the container says nothing."""
    upright, source, out = tmp_path / "up.mp4", tmp_path / "in.mp4", tmp_path / "out"
    # A few still frames are too few bytes for FFmpeg to know its own MPEG-TS again.
    marked = "color=black:s=320x180:r=25:d=2,drawbox=c=white:t=fill:w=80:h=60,noise=alls=20:allf=t"
    ffmpeg("-f", "lavfi", "-i", marked, *X264, upright)
    turned = f"h264_metadata=display_orientation=insert:{options}"
    ffmpeg("-i", upright, "-c", "copy", "-bsf:v", turned, source)
    assert "rotation" not in ffprobe("-show_streams", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (rung,) = read_published(out).rungs
    width, height = size
    assert f"RESOLUTION={width}x{height}" in (out / "master.m3u8").read_text()
    gray = ("-frames:v", 1, "-vf", "format=gray", "-f", "rawvideo")
    assert corners(decode(rung.playlist, *gray).stdout, width, height) == white
    thumbnail = decode(out / "thumbnail.jpg", *gray).stdout
    assert corners(thumbnail, width, height) == white


@pytest.mark.parametrize("is_interlaced", [False, True], ids=["frames", "fields"])
def test_a_broadcast_that_changes_its_aspect_keeps_it_within_the_first_one(
    run_worker: RunWorker, tmp_path: Path, *, is_interlaced: bool
) -> None:
    """4:3, then 16:9 in frames of the same size, then 4:3 again."""
    parts = []
    for i, ratio in enumerate(("1", "4/3", "1")):
        part = tmp_path / f"part{i}.ts"
        white = f"color=white:s=240x180:r=25:d=4,noise=alls=20:allf=t,setsar={ratio}"
        fields = ("-x264-params", "tff=1") if is_interlaced else ()
        encoder = ("-c:v", "libx264", "-preset", "veryfast", "-bf", 0, *fields)
        ffmpeg("-f", "lavfi", "-i", white, *encoder, "-output_ts_offset", 4 * i, part)
        parts.append(part.read_bytes())
    found = publish_parts(run_worker, tmp_path, parts, (240, 180))
    for i, rows in enumerate((180, 135, 180)):
        assert all(b == pytest.approx((240, rows), abs=2) for b in found[100 * i : 100 * (i + 1)])


def publish_parts(
    run_worker: RunWorker, folder: Path, parts: list[bytes], size: tuple[int, int]
) -> list[tuple[int, int]]:
    """Publish 300 frames of MPEG-TS in two spans at a time; the bounds of each, in this size."""
    source, out = folder / "all.ts", folder / "out"
    source.write_bytes(b"".join(parts))
    options = (*SMALL, "--segment", 2, "--parallel-spans", 2)
    ended = run_worker("--source", source, "--destination", out, *options)
    assert ended.status == 0, ended.final
    (rung,) = read_published(out).rungs
    width, height = size
    gray = ("-vf", "format=gray", "-fps_mode", "passthrough", "-f", "rawvideo")
    raw, size_bytes = decode(rung.playlist, *gray).stdout, width * height
    assert len(raw) == 300 * size_bytes
    return [bounds(raw[i : i + size_bytes], width) for i in range(0, len(raw), size_bytes)]


def bounds(frame: bytes, width: int) -> tuple[int, int]:
    """How many columns and rows of a gray frame are white, of a white frame with black bars."""
    rows = [frame[i : i + width] for i in range(0, len(frame), width)]
    middle = rows[len(rows) // 2]
    return sum(v > 128 for v in middle), sum(row[width // 2] > 128 for row in rows)


@pytest.mark.parametrize(
    ("sizes", "encoder", "seen"),
    [
        # A phone that is turned and turned back.
        (("320x180", "180x320", "320x180"), X264, ((320, 180), (102, 180), (320, 180))),
        (("180x320", "320x180", "90x160"), X264, ((180, 320), (180, 102), (180, 320))),
        # A broadcast that changes its size, not its aspect.
        (("320x180", "160x90", "640x360"), X264, ((320, 180),) * 3),
        # Interlaced: three frames at a time are read for one.
        (
            ("320x180", "240x180", "640x360"),
            ("-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-x264-params", "tff=1"),
            ((320, 180), (240, 180), (320, 180)),
        ),
    ],
    ids=["turned", "upright first", "larger and smaller", "interlaced"],
)
def test_frames_that_change_their_shape_keep_it_within_the_first_one_s(
    run_worker: RunWorker,
    tmp_path: Path,
    sizes: tuple[str, ...],
    encoder: tuple[str, ...],
    seen: tuple[tuple[int, int], ...],
) -> None:
    """Each frame once, at its time, also where a span starts after the change."""
    parts = []
    for i, size in enumerate(sizes):
        part = tmp_path / f"part{i}.ts"
        white = f"color=white:s={size}:r=25:d=4,noise=alls=20:allf=t"
        ffmpeg("-f", "lavfi", "-i", white, *encoder, "-output_ts_offset", 4 * i, part)
        parts.append(part.read_bytes())
    found = publish_parts(run_worker, tmp_path, parts, seen[0])
    for i, expected in enumerate(seen):
        for columns, rows in found[i * 100 : (i + 1) * 100]:
            assert (columns, rows) == pytest.approx(expected, abs=2), i
