"""What the color tags of a source mean, and what has to be converted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from worker.media.streams import VideoStream

Transfer = Literal["pq", "hlg", "sdr"]

# What swscale would take for another matrix.
UNREADABLE_MATRICES = frozenset({"ycgco", "ycgco-re", "ycgco-ro", "ictcp", "ipt-c2", "smpte2085"})
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
_WIDE_MATRICES = ("bt2020nc", "bt2020c")
_WIDE_PRIMARIES = ("bt2020", "smpte432")
_HDR_TRANSFERS: dict[str, Transfer] = {"smpte2084": "pq", "arib-std-b67": "hlg"}
# Parts of RGB formats' names.
_RGB = ("rgb", "bgr", "gbr", "pal8")
_HD_LINES = 720


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """From which transfer and primaries (as ffprobe names them) a table leads to BT.709 SDR."""

    transfer: Transfer
    primaries: str


def plan_conversion(video: VideoStream) -> Conversion | None:
    """Return which table a source needs; None where converting its matrix and range is enough.

    HLG on 8 bits is taken for SDR: BT.2100 has no 8 bits, SDR frames that kept the tag of an HLG
    project are common, and what is HLG after all was made to be viewable as SDR. PQ was not, so its
    tag is believed. HDR without primaries is BT.2020 as BT.2100 has it. Of SDR, primaries like
    BT.601's are taken for BT.709's: they differ by less than the tag is worth.
    """
    transfer = _HDR_TRANSFERS.get(video.color_transfer or "", "sdr")
    if transfer == "hlg" and _has_eight_bits(video.pixel_format):
        return None
    primaries = video.color_primaries
    if primaries is None and (transfer != "sdr" or video.color_space in _WIDE_MATRICES):
        primaries = "bt2020"
    if primaries not in _WIDE_PRIMARIES:
        primaries = "bt709"
    if transfer == "sdr" and primaries == "bt709":
        return None
    return Conversion(transfer=transfer, primaries=primaries)


def is_plain(video: VideoStream) -> bool:
    """Whether nothing but the size and the subsampling is to be changed.

    Full range is not plain: FFmpeg 8.1 makes gray of full-range 10-bit white on the direct way.
    """
    return (
        matrix_of(video) == "bt709"
        and video.color_range != "pc"
        and plan_conversion(video) is None
        and not any(name in (video.pixel_format or "") for name in _RGB)
    )


def matrix_of(video: VideoStream) -> str:
    """Return the source's matrix as the scale filter names it; for RGB it is not used.

    Untagged frames are taken for what players take them for: BT.709 from 720 lines on, else
    BT.601. swscale alone would call every untagged frame BT.601 and shift the hue of HD.
    """
    untagged = "bt709" if min(video.width, video.height) >= _HD_LINES else "smpte170m"
    return _MATRICES.get(video.color_space or "", untagged)


def _has_eight_bits(pixel_format: str | None) -> bool:
    """Whether a sample is a byte: the names of FFmpeg's other formats end with a byte order."""
    return pixel_format is not None and not pixel_format.endswith(("le", "be"))
