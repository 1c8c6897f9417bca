"""Which sizes to make: the ladder of rungs, from the source's shape. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from worker.media.streams import VideoStream

# What `auto` starts from.
LADDER = (1080, 720, 480)

# A rung closer than this to the one above (by its short side) costs an encode and has no use:
# at 0.85 it holds 72% of the pixels, and about that share of the bit rate.
_LEAST_STEP = Fraction(85, 100)
_LEAST_ADDED_SIDE = 144
# A player that has to leave a rung needs one that is clearly lighter.
_LEAST_LIGHTER = Fraction(3, 2)
# And one that takes less than this, audio included, need not be left: phones whose monthly data is
# used up still get 400 kb/s.
_LIGHT_BPS = 300_000
# Measured against x264's slow at CRF 18 and 21, see docs/performance.md: the top rung is what the
# teacher uploaded, the others are for viewers who cannot have it.
_TOP_CRF, _LOWER_CRF = 18.8, 22
# Frames of up to 480p are encoded otherwise (`ffmpeg.encode`), and need a lower CRF for as much.
_SMALL_PIXELS = 854 * 480
_SMALL_TOP_CRF = 17.8
_WIDEST = Fraction(16, 9)

# Bits per pixel and frame that a rung may peak at: 12 Mb/s for 1080p30, 5.5 for 720p30. Constant
# quality stays far below it on lectures, except where a page of text is scrolled.
_CAP_BITS_PER_PIXEL = 0.2

_MACROBLOCK = 16
# Rec. ITU-T H.264, table A-1: level, and its most macroblocks a second, in a frame, and in the
# buffer of decoded frames. Below 3.0 nothing is gained.
_LEVELS = (
    ("3.0", 40_500, 1_620, 8_100),
    ("3.1", 108_000, 3_600, 18_000),
    ("3.2", 216_000, 5_120, 20_480),
    ("4.0", 245_760, 8_192, 32_768),
    ("4.2", 522_240, 8_704, 34_816),
    ("5.0", 589_824, 22_080, 110_400),
    ("5.1", 983_040, 36_864, 184_320),
    ("5.2", 2_073_600, 36_864, 184_320),
    ("6.0", 4_177_920, 139_264, 696_320),
    ("6.1", 8_355_840, 139_264, 696_320),
    ("6.2", 16_711_680, 139_264, 696_320),
)
# What every preset up to `medium` refers to, and one more for the pyramid of B-frames.
_LEAST_DECODED_FRAMES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One planned level. Sizes are in square pixels, even, after rotation.

    A copied one is the source's own H.264; `crf`, `max_rate_bps` and `level` are not for it.
    """

    name: str
    width: int
    height: int
    crf: float
    max_rate_bps: int
    level: str
    is_copied: bool = False


def display_size(video: VideoStream) -> tuple[Fraction, Fraction]:
    """Width and height as a viewer should see them: square pixels, rotation applied.

    Anamorphic video grows along one axis and never loses lines.
    """
    width, height = Fraction(video.width), Fraction(video.height)
    aspect = video.sample_aspect_ratio or Fraction(1)
    if aspect > 1:
        width *= aspect
    else:
        height /= aspect
    return (height, width) if video.is_turned else (width, height)


def fitted_size(rung: Rung, aspect: Fraction | None) -> tuple[int, int]:
    """Return the size of frames of another aspect within a rung; without one they fill it."""
    if aspect is None:
        return rung.width, rung.height
    width = min(Fraction(rung.width), rung.height * aspect)
    height = min(Fraction(rung.height), rung.width / aspect)
    return _even(width, Fraction(rung.width)), _even(height, Fraction(rung.height))


def plan_ladder(video: VideoStream, heights: Sequence[int], rate: Fraction) -> tuple[Rung, ...]:
    """Plan the rungs, largest first: at least one, none larger than the source.

    A height bounds the short side, and 16:9 of it the long side, so that a 1920x880 screen
    recording is a 1080 rung as it stands and a portrait upload has a portrait ladder.
    """
    width, height = display_size(video)
    rungs: list[Rung] = []
    for bound in sorted(set(heights), reverse=True):
        scale = min(Fraction(1), bound / min(width, height), bound * _WIDEST / max(width, height))
        size = (_even(width * scale, width), _even(height * scale, height))
        if rungs and not _worth_adding(size, rungs[-1]):
            continue
        top_crf = _SMALL_TOP_CRF if is_small(*size) else _TOP_CRF
        rungs.append(_rung(*size, rate, crf=_LOWER_CRF if rungs else top_crf))
    return tuple(rungs)


def is_small(width: int, height: int) -> bool:
    """Whether frames are of up to 480p, whatever their shape."""
    return width * height <= _SMALL_PIXELS


def drop_similar_rungs(rungs: Sequence[Rung], rates_bps: Mapping[str, int]) -> tuple[Rung, ...]:
    """Leave out rungs that are hardly lighter than the one kept above them; the top one stays.

    On slides a small rung may have as many bytes as the large one, or more: it adds nothing. Nor
    does any below one that every network carries.
    """
    kept = [rungs[0]]
    for rung in rungs[1:]:
        above_bps = rates_bps[kept[-1].name]
        if above_bps > _LIGHT_BPS and above_bps >= _LEAST_LIGHTER * rates_bps[rung.name]:
            kept.append(rung)
    return tuple(kept)


def _worth_adding(size: tuple[int, int], above: Rung) -> bool:
    return _LEAST_ADDED_SIDE <= min(size) <= _LEAST_STEP * min(above.width, above.height)


def _rung(width: int, height: int, rate: Fraction, *, crf: float) -> Rung:
    short = min(width, height)
    cap_bps = _CAP_BITS_PER_PIXEL * width * height * float(rate)
    return Rung(
        name=f"{short}p",
        width=width,
        height=height,
        crf=crf,
        # Small rungs get a floor, or a first frame would not fit into a second of the buffer.
        max_rate_bps=max(400_000, round(cap_bps / 1000) * 1000),
        level=_level(width, height, rate),
    )


def _level(width: int, height: int, rate: Fraction) -> str:
    """Choose the H.264 level; given, and not left to the encoder, it is the same at every preset.

    A rendition may change its preset within a run, and its codec string must not.
    """
    columns, rows = -(-width // _MACROBLOCK), -(-height // _MACROBLOCK)
    blocks = columns * rows
    return next(
        (
            name
            for name, most_a_second, most, most_decoded in _LEVELS
            if blocks * rate <= most_a_second
            and blocks <= most
            and max(columns, rows) ** 2 <= 8 * most
            and blocks * _LEAST_DECODED_FRAMES <= most_decoded
        ),
        _LEVELS[-1][0],
    )


def _even(value: Fraction, most: Fraction) -> int:
    """Round to even (4:2:0 halves both sides), never above the source's own size."""
    return max(2, min(round(value / 2), int(most / 2)) * 2)
