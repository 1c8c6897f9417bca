"""Converts frames of any source to 8-bit BT.709 in limited range: FFmpeg's filters. Pure."""

from __future__ import annotations

from typing import Any

from worker.media.color import is_plain, matrix_of, plan_conversion
from worker.media.lut3d import table_name
from worker.media.streams import VideoStream

# Without accurate_rnd swscale's 8-bit path is off by up to 3 codes; without full_chroma_inp every
# other pixel's color counts for two. (bicubic: naming flags removes the default.)
EXACT = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


def prepare_colors(stream: Any, video: VideoStream, size: tuple[int, int]) -> Any:
    """Make R'G'B' of all that is not BT.709 in limited range; what is stays as it is.

    Once for all rungs, and at the largest one's size: of a 4K source a quarter is converted.
    """
    return stream if is_plain(video) else to_rgb(stream, video, size)


def to_rgb(stream: Any, video: VideoStream, size: tuple[int, int]) -> Any:
    """Make BT.709's R'G'B' of any source, through the table in the work folder if it needs one.

    A change of matrix alone also goes this way. swscale's shortcut between two matrices is wrong
    by a visible ΔE of 3, and its exact way between them takes three times as long as this.
    """
    rgb = (
        stream.filter("scale", *size, in_color_matrix=matrix_of(video))
        # 16 bits, because PQ spends few of its codes on what SDR shows; 10 take longer.
        .filter("format", "gbrp16le")
    )
    conversion = plan_conversion(video)
    if conversion is None:
        return rgb
    return rgb.filter("lut3d", table_name(conversion), interp="tetrahedral")


def scale_prepared(stream: Any, video: VideoStream, size: tuple[int, int]) -> Any:
    """Scale what `prepare_colors` gave to 8-bit BT.709, limited range."""
    if is_plain(video):
        matrices = {"in_color_matrix": "bt709", "out_color_matrix": "bt709"}
        return stream.filter("scale", *size, **matrices, out_range="tv").filter("format", "yuv420p")
    return scale_rgb(stream, size, matrix="bt709", color_range="tv", pixel_format="yuv420p")


def scale_rgb(
    stream: Any,
    size: tuple[int, int] | tuple[str, str],
    *,
    matrix: str,
    color_range: str,
    pixel_format: str,
) -> Any:
    """Scale what `to_rgb` gave, to a size in pixels, or by the filter's expressions."""
    return stream.filter(
        "scale", *size, out_color_matrix=matrix, out_range=color_range, flags=EXACT
    ).filter("format", pixel_format)
