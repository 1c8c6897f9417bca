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
# Where the matrix changes, swscale by itself loses a shade or two (a mean CIEDE2000 of 1.1 against
# 0.3); where it does not, it is right without, and faster.
_EXACT = "bicubic+accurate_rnd+full_chroma_int"
# What swscale would take for another matrix.
UNREADABLE_MATRICES = frozenset({"ycgco", "ycgco-re", "ycgco-ro", "ictcp", "ipt-c2", "smpte2085"})


def through_table(pictures: Any, video: VideoStream, top: Rung) -> Any:
    """Put HDR and wide-gamut pictures through the table in the work folder; others stay.

    Once for all rungs, and at the largest one's size: of a 4K source a quarter is looked up.
    """
    if plan_conversion(video) is None:
        return pictures
    return (
        pictures.filter(
            "scale", top.width, top.height, in_color_matrix=_matrix_of(video), flags=_EXACT
        )
        # 16 bits, because PQ spends few of its codes on what SDR shows.
        .filter("format", "gbrp16le")
        .filter("lut3d", TABLE_NAME, interp="tetrahedral")
    )


def matrix_options(video: VideoStream, *, out_matrix: str, out_range: str) -> dict[str, str]:
    """Convert matrix and range once, while scaling."""
    matrix = _matrix_of(video)
    is_converted = matrix != out_matrix or plan_conversion(video) is not None
    return {
        "in_color_matrix": matrix,
        "out_color_matrix": out_matrix,
        "out_range": out_range,
        **({"flags": _EXACT} if is_converted else {}),
    }


def _matrix_of(video: VideoStream) -> str:
    """Return the source's matrix as the scale filter names it; of RGB it is not asked.

    An untagged picture is taken for what players take it for: BT.709 from 720 lines on, else
    BT.601. swscale alone would call every untagged picture BT.601 and shift the hue of HD.
    """
    untagged = "bt709" if min(video.width, video.height) >= _HD_LINES else "smpte170m"
    return _MATRICES.get(video.color_space or "", untagged)
