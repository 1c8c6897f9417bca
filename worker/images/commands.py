"""The FFmpeg commands that make images: storyboard sheets and thumbnails. Pure.

All but the fallback decode nothing but key frames: those of some segments, in a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from worker.ffmpeg.color_filters import EXACT, scale_rgb, to_rgb
from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.decode import fit_shape, open_video, turn_upright
from worker.ffmpeg.encode import add_bars
from worker.ffmpeg.inputs import open_input
from worker.images.frame_stats import SMALL_HEIGHT, SMALL_WIDTH
from worker.images.storyboard import Sheet
from worker.plan.ladder import Rung, fitted_size
from worker.plan.plan import Plan
from worker.plan.refusals import MAX_PIXELS
from worker.runtime.command import Command, pipe_url

STATS = "stats"
AUDIO_THUMBNAIL = "audio.jpg"
SMALL = "frames.gray"
SHEETS, THUMBNAILS = "sheet-%03d.jpg", "thumbnail-%d.jpg"
THUMBNAIL_LONG_SIDE = 1280
# Of a waveform: its size, its color on black, and how it is measured. A column is the mean level of
# some milliseconds of a short one, or of ten seconds of three hours.
_WAVEFORM_SIZE, _WAVEFORM_COLOR = (1280, 720), "0x6fb1fc"
_HEARD_HZ, _LEAST_LEVELS_HZ, _LEVELS_A_COLUMN = 8000, 100, 8
# showwavespic keeps all frames until the end, and each frame costs memory, however short it is.
_LEVELS_A_FRAME = 4096
_THUMBNAIL_QUALITY, _SHEET_QUALITY = 3, 5
# As many frames as were decoded: they are seconds apart, and that is not to be filled up.
_EACH: Mapping[str, Any] = {"fps_mode": "passthrough", "map_metadata": -1}


def measure_frames(keys: Path, sheet: Sheet) -> Command:
    """Build the FFmpeg that puts key frames on sheets and measures their content.

    It writes `SHEETS` and `SMALL` into its working folder, and statistics on the pipe `STATS`.
    """
    frames = _open(keys).filter_multi_output("split", 2)
    measured = (
        frames[0]
        .filter("signalstats")
        .filter("metadata", "print", file=pipe_url(STATS))
        .filter("scale", SMALL_WIDTH, SMALL_HEIGHT, flags="area")
        .filter("format", "gray")
    )
    tiled = _small_jpeg(frames[1], (sheet.width, sheet.height)).filter(
        "tile", f"{sheet.columns}x{sheet.rows}"
    )
    outputs = [
        ffmpeg.output(measured, SMALL, f="rawvideo", **_EACH),
        ffmpeg.output(
            tiled, SHEETS, f="image2", start_number=0, **_EACH, **{"qscale:v": _SHEET_QUALITY}
        ),
    ]
    return ffmpeg_command(outputs, pipes=[STATS], reports_progress=False)


def make_thumbnails(keys: Path, rung: Rung) -> Command:
    """Build the FFmpeg that makes `THUMBNAILS` of a rung's key frames, in their order."""
    # A frame without any metadata would not be printed, and so its time would not be known.
    frames = _open(keys).filter("metadata", "add", key="kind", value="key")
    frames = frames.filter("metadata", "print", file=pipe_url(STATS))
    images = ffmpeg.output(
        _small_jpeg(frames, _thumbnail_size(rung)),
        THUMBNAILS,
        f="image2",
        start_number=0,
        **_EACH,
        **{"qscale:v": _THUMBNAIL_QUALITY},
    )
    return ffmpeg_command([images], pipes=[STATS], reports_progress=False)


def pick_thumbnail(plan: Plan, source: Path, *, at_s: float, output: str) -> Command:
    """Build the FFmpeg that keeps the most typical of the frames after `at_s` as a JPEG.

    The plan is that of one part. Its brightness statistics (signalstats) go to the pipe `STATS`.
    """
    top, part = plan.rungs[0], plan.parts[0]
    video = part.media.video
    sought_s = float(part.media.begins_s) + at_s
    # A raw stream cannot be sought, not even to its start.
    seek = {"ss": f"{sought_s:.3f}"} if sought_s > 0 else {}
    frame = (
        # A frame before zero (MPEG-TS whose clock wraps) would be dropped.
        open_video(source, video, **seek)
        .filter("setpts", "PTS-STARTPTS")
        # Rounded up, a clip of a few frames still gives one.
        .filter("fps", "5", round="up")
    )
    frame = turn_upright(fit_shape(frame, video).filter("thumbnail", 6), video)
    size = _thumbnail_size(top)
    fitted = replace(top, width=size[0], height=size[1])
    frame = to_rgb(frame, video, fitted_size(top, part.aspect))
    frame = (
        add_bars(_for_jpeg(frame, fitted_size(fitted, part.aspect)), part, size)
        .filter("signalstats")
        .filter("metadata", "print", file=pipe_url(STATS))
    )
    return ffmpeg_command([_one_jpeg(frame, output)], pipes=[STATS], reports_progress=False)


def convert_cover(cover: int, source: Path) -> Command:
    """Build the FFmpeg that makes `AUDIO_THUMBNAIL` of the image that is attached to audio."""
    opened = open_input(source, max_pixels=MAX_PIXELS)[str(cover)]
    scale = f"min(1,{THUMBNAIL_LONG_SIDE}/max(iw,ih))"
    size = [f"max(2,2*round({side}*{scale}/2))" for side in ("iw", "ih")]
    rgb = opened.filter("scale", *size, flags=EXACT).filter("format", "gbrp")
    return ffmpeg_command([_one_jpeg(_for_jpeg(rgb, ("iw", "ih")), AUDIO_THUMBNAIL)])


def draw_waveform(audio: Path, duration_s: Fraction) -> Command:
    """Build the FFmpeg that makes `AUDIO_THUMBNAIL` of segments of audio: its level over time."""
    opened = open_input(audio, f="mpegts")
    width, height = _WAVEFORM_SIZE
    rate_hz = max(_LEAST_LEVELS_HZ, min(_HEARD_HZ, round(_LEVELS_A_COLUMN * width / duration_s)))
    levels = (
        opened["a:0"]
        .filter("aformat", channel_layouts="mono", sample_rates=_HEARD_HZ)
        .filter("aeval", "abs(val(0))", c="same")
        .filter("aresample", rate_hz)
        .filter("asetnsamples", _LEVELS_A_FRAME, p=0)
    )
    drawn = levels.filter(
        "showwavespic", s=f"{width}x{height}", scale="sqrt", colors=_WAVEFORM_COLOR
    ).filter("format", "gbrp")
    # The image comes at the end: until then what is read shows that FFmpeg does not stand still.
    rest = ffmpeg.output(opened["a:0"], "-", f="null", acodec="copy")
    image = _one_jpeg(_for_jpeg(drawn, _WAVEFORM_SIZE), AUDIO_THUMBNAIL)
    return ffmpeg_command([image, rest])


def _one_jpeg(frame: Any, output: str) -> Any:
    return ffmpeg.output(
        frame,
        output,
        f="image2",
        update=1,
        vframes=1,
        map_metadata=-1,
        **{"qscale:v": _THUMBNAIL_QUALITY},
    )


def _open(keys: Path) -> Any:
    # The format is given, not probed: a few packets are too short to be recognized.
    return open_input(keys, f="mpegts")["v:0"]


def _small_jpeg(frames: Any, size: tuple[int, int]) -> Any:
    """Scale frames of a rung, then convert: the other way round costs as much as their decoding.

    By way of RGB, as in `color_filters`: swscale's shortcut between two matrices is wrong.
    """
    rgb = frames.filter("scale", *size, in_color_matrix="bt709", flags=EXACT)
    return _for_jpeg(rgb.filter("format", "gbrp16le"), size)


def _for_jpeg(frames: Any, size: tuple[int, int] | tuple[str, str]) -> Any:
    return scale_rgb(
        frames,
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
