"""FFmpeg argument lists that make still pictures: sheets and thumbnails. Pure.

All but the last resort decode nothing but key pictures: those of some segments, in a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ffmpeg

from worker.command import compile_command
from worker.inputs import open_input
from worker.ladder import Rung
from worker.looks import SMALL_HEIGHT, SMALL_WIDTH
from worker.plan import Plan
from worker.recolor import EXACT, scale_rgb, to_rgb
from worker.storyboard import Sheet

STATS = "stats"
SMALL = "looks.gray"
SHEETS, THUMBNAILS = "sheet-%03d.jpg", "thumbnail-%d.jpg"
THUMBNAIL_LONG_SIDE = 1280
_THUMBNAIL_QUALITY, _SHEET_QUALITY = 3, 5
# As many pictures as were decoded: they are seconds apart, and that is not to be filled up.
_EACH: Mapping[str, Any] = {"fps_mode": "passthrough", "map_metadata": -1}


def show_pictures(
    keys: Path, sheet: Sheet, *, ffmpeg_path: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the FFmpeg that lays key pictures on sheets and tells what they look like.

    It writes `SHEETS` and `SMALL` into its working folder, and statistics on the pipe `STATS`.
    """
    pictures = _open(keys).filter_multi_output("split", 2)
    looked_at = (
        pictures[0]
        .filter("signalstats")
        .filter("metadata", "print", file=f"pipe:{pipes[STATS]}")
        .filter("scale", SMALL_WIDTH, SMALL_HEIGHT, flags="area")
        .filter("format", "gray")
    )
    laid_out = _small_jpeg(pictures[1], (sheet.width, sheet.height)).filter(
        "tile", f"{sheet.columns}x{sheet.rows}"
    )
    outputs = [
        ffmpeg.output(looked_at, SMALL, f="rawvideo", **_EACH),
        ffmpeg.output(
            laid_out, SHEETS, f="image2", start_number=0, **_EACH, **{"qscale:v": _SHEET_QUALITY}
        ),
    ]
    return compile_command(outputs, ffmpeg_path, pipes)


def make_thumbnails(
    keys: Path, rung: Rung, *, ffmpeg_path: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the FFmpeg that makes `THUMBNAILS` of a rung's key pictures, in their order."""
    # Of a picture about which nothing is known its time would not be printed.
    pictures = _open(keys).filter("metadata", "add", key="kind", value="key")
    pictures = pictures.filter("metadata", "print", file=f"pipe:{pipes[STATS]}")
    stills = ffmpeg.output(
        _small_jpeg(pictures, _thumbnail_size(rung)),
        THUMBNAILS,
        f="image2",
        start_number=0,
        **_EACH,
        **{"qscale:v": _THUMBNAIL_QUALITY},
    )
    return compile_command([stills], ffmpeg_path, pipes)


def pick_thumbnail(
    plan: Plan, source: Path, *, ffmpeg_path: str, at_s: float, output: str, stats_fd: int
) -> list[str]:
    """Build the FFmpeg that keeps the most typical of the pictures after `at_s` as a JPEG.

    Its brightness statistics (signalstats) go to the descriptor `stats_fd`.
    """
    top = plan.rungs[0]
    # A raw stream cannot be sought, not even to its start.
    seek = {"ss": f"{at_s:.3f}"} if at_s > 0 else {}
    picture = open_input(source, **seek)[str(plan.media.video.index)]
    picture = (
        # A picture before zero (MPEG-TS whose clock wraps) would be dropped.
        picture.filter("setpts", "PTS-STARTPTS")
        # Rounded up, a clip of a few frames still gives one.
        .filter("fps", "5", round="up")
        .filter("thumbnail", 6)
    )
    picture = (
        _for_jpeg(to_rgb(picture, plan.media.video, top), _thumbnail_size(top))
        .filter("signalstats")
        .filter("metadata", "print", file=f"pipe:{stats_fd}")
    )
    still = ffmpeg.output(
        picture,
        output,
        f="image2",
        update=1,
        vframes=1,
        map_metadata=-1,
        **{"qscale:v": _THUMBNAIL_QUALITY},
    )
    return compile_command([still], ffmpeg_path, {})


def _open(keys: Path) -> Any:
    # Told, not probed: a few packets are too short to be recognized.
    return open_input(keys, f="mpegts")["v:0"]


def _small_jpeg(pictures: Any, size: tuple[int, int]) -> Any:
    """Scale pictures of a rung, then convert: the other way round costs as much as their decoding.

    By way of RGB, as in `recolor`: swscale's shortcut between two matrices is wrong.
    """
    rgb = pictures.filter("scale", *size, in_color_matrix="bt709", flags=EXACT)
    return _for_jpeg(rgb.filter("format", "gbrp16le"), size)


def _for_jpeg(pictures: Any, size: tuple[int, int]) -> Any:
    return scale_rgb(
        pictures,
        size,
        # A JPEG's matrix is BT.601's, whatever its size (JFIF).
        matrix="smpte170m",
        color_range="pc",
        pixel_format="yuvj420p",
    ).filter("setsar", 1)


def _thumbnail_size(rung: Rung) -> tuple[int, int]:
    scale = min(1.0, THUMBNAIL_LONG_SIDE / max(rung.width, rung.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (rung.width, rung.height))
    return width, height
