"""Which filters bring a source's colours to BT.709. Pure; `color` computes what they look up."""

from __future__ import annotations

from typing import Any

from worker.color import TABLE_NAME, plan_conversion
from worker.ladder import Rung
from worker.media import VideoStream

_HD_LINES = 720

# What ffprobe calls a matrix, and what every version's scale filter calls it.
_MATRICES = {
    "bt709": "bt709",
    "smpte170m": "smpte170m",
    "bt470bg": "bt470",
    "smpte240m": "smpte240m",
    "fcc": "fcc",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
# Parts of RGB formats' names.
_RGB = ("rgb", "bgr", "gbr", "pal8")
# What swscale would take for another matrix.
UNREADABLE_MATRICES = frozenset({"ycgco", "ycgco-re", "ycgco-ro", "ictcp", "ipt-c2", "smpte2085"})


# Without accurate_rnd swscale's 8-bit path is off by up to 3 codes; without full_chroma_inp every
# other pixel's colour counts for two. (bicubic: naming flags takes the default away.)
EXACT = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


def prepare_colors(pictures: Any, video: VideoStream, top: Rung) -> Any:
    """Make R'G'B' of all that is not BT.709 in limited range; what is stays as it is.

    Once for all rungs, and at the largest one's size: of a 4K source a quarter is converted.
    """
    return pictures if is_plain(video) else to_rgb(pictures, video, top)


def to_rgb(pictures: Any, video: VideoStream, top: Rung) -> Any:
    """Make BT.709's R'G'B' of any source, through the table in the work folder if it needs one.

    A change of matrix alone also goes this way. swscale's shortcut between two matrices is wrong
    by a visible ΔE of 3, and its exact way between them takes three times as long as this.
    """
    rgb = (
        pictures.filter("scale", top.width, top.height, in_color_matrix=matrix_of(video))
        # 16 bits, because PQ spends few of its codes on what SDR shows; 10 take longer.
        .filter("format", "gbrp16le")
    )
    if plan_conversion(video) is None:
        return rgb
    return rgb.filter("lut3d", TABLE_NAME, interp="tetrahedral")


def scale_prepared(pictures: Any, video: VideoStream, size: tuple[int, int]) -> Any:
    """Scale what `prepare_colors` gave to 8-bit BT.709, limited range."""
    if is_plain(video):
        matrices = {"in_color_matrix": "bt709", "out_color_matrix": "bt709"}
        return pictures.filter("scale", *size, **matrices, out_range="tv").filter(
            "format", "yuv420p"
        )
    return scale_rgb(pictures, size, matrix="bt709", color_range="tv", pixel_format="yuv420p")


def scale_rgb(
    pictures: Any, size: tuple[int, int], *, matrix: str, color_range: str, pixel_format: str
) -> Any:
    """Scale what `to_rgb` gave."""
    return pictures.filter(
        "scale", *size, out_color_matrix=matrix, out_range=color_range, flags=EXACT
    ).filter("format", pixel_format)


def is_plain(video: VideoStream) -> bool:
    """Whether nothing but the size and the subsampling is to be changed.

    Full range is not plain: FFmpeg 8.1 makes a grey of full-range 10-bit white on the direct way.
    """
    return (
        matrix_of(video) == "bt709"
        and video.color_range != "pc"
        and plan_conversion(video) is None
        and not any(name in (video.pixel_format or "") for name in _RGB)
    )


def matrix_of(video: VideoStream) -> str:
    """Return the source's matrix as the scale filter names it; of RGB it is not asked.

    An untagged picture is taken for what players take it for: BT.709 from 720 lines on, else
    BT.601. swscale alone would call every untagged picture BT.601 and shift the hue of HD.
    """
    untagged = "bt709" if min(video.width, video.height) >= _HD_LINES else "smpte170m"
    return _MATRICES.get(video.color_space or "", untagged)
