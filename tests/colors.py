"""Color science for the tests, from the formulas of the standards, with no code of the worker."""

from __future__ import annotations

import math
from collections.abc import Sequence

Triple = tuple[float, float, float]

# BT.709 to XYZ, D65 (Rec. ITU-R BT.709; IEC 61966-2-1 has the same numbers).
_TO_XYZ = (
    (0.4123908, 0.3575843, 0.1804808),
    (0.2126390, 0.7151687, 0.0721923),
    (0.0193308, 0.1191948, 0.9505322),
)
# Linear BT.709 to linear BT.2020 (Rep. ITU-R BT.2087).
_TO_2020 = ((0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956))
_WHITE = (0.95047, 1.0, 1.08883)
DISPLAY_GAMMA = 2.4
REFERENCE_WHITE_NITS = 203.0

# The 24 patches of a ColorChecker (published sRGB values), and pure colors at three quarters.
COLOR_CHECKER = (
    (115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170),
    (214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46),
    (56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31), (187, 86, 149), (8, 133, 161),
    (243, 243, 242), (200, 200, 200), (160, 160, 160), (122, 122, 121), (85, 85, 85), (52, 52, 52),
    (191, 0, 0), (0, 191, 0), (0, 0, 191), (0, 191, 191), (191, 0, 191), (191, 191, 0),
)  # fmt: skip
PATCHES: tuple[Triple, ...] = tuple((r / 255, g / 255, b / 255) for r, g, b in COLOR_CHECKER)


def light(signal: Triple) -> Triple:
    """BT.1886: light on the display from a BT.709 signal, white being 1."""
    r, g, b = (max(c, 0.0) ** DISPLAY_GAMMA for c in signal)
    return r, g, b


def signal(linear: Triple) -> Triple:
    r, g, b = (min(max(c, 0.0), 1.0) ** (1 / DISPLAY_GAMMA) for c in linear)
    return r, g, b


def to_2020(linear: Triple) -> Triple:
    r, g, b = (math.fsum(m * c for m, c in zip(row, linear, strict=True)) for row in _TO_2020)
    return r, g, b


def pq(relative: float) -> float:
    """BT.2100: the PQ signal of light relative to reference white."""
    y = (max(relative, 0.0) * REFERENCE_WHITE_NITS / 10_000) ** 0.1593017578125
    return float(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


def hlg(linear_2020: Triple) -> Triple:
    """BT.2100: the HLG signal that a display of 1,000 cd/m² shows as this light."""
    r, g, b = (max(c, 0.0) * REFERENCE_WHITE_NITS / 1000 for c in linear_2020)
    shown = 0.2627 * r + 0.6780 * g + 0.0593 * b
    gain = shown ** (1 / 1.2 - 1) if shown > 0 else 0.0
    r, g, b = (_hlg_oetf(c * gain) for c in (r, g, b))
    return r, g, b


def _hlg_oetf(scene: float) -> float:
    if scene <= 1 / 12:
        return math.sqrt(3 * scene)
    return 0.17883277 * math.log(12 * scene - 0.28466892) + 0.55991073


def to_yuv(rgb: Triple, *, weights: tuple[float, float], bits: int, full: bool) -> Triple:
    """Code a signal; `weights` are those of red and blue in luma."""
    r, g, b = rgb
    kr, kb = weights
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    if full:
        most = 2**bits - 1
        return y * most, cb * most + 2 ** (bits - 1), cr * most + 2 ** (bits - 1)
    step = 2.0 ** (bits - 8)
    return (219 * y + 16) * step, (224 * cb + 128) * step, (224 * cr + 128) * step


def from_yuv_709(y: float, cb: float, cr: float) -> Triple:
    """Decode an 8-bit limited-range BT.709 sample, as players do."""
    luma, blue, red = (y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224
    r, b = luma + 1.5748 * red, luma + 1.8556 * blue
    return r, (luma - 0.2126 * r - 0.0722 * b) / 0.7152, b


def lab(linear: Triple) -> Triple:
    xyz = [math.fsum(m * c for m, c in zip(row, linear, strict=True)) for row in _TO_XYZ]
    x, y, z = (_lab_curve(v / w) for v, w in zip(xyz, _WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _lab_curve(t: float) -> float:
    return t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29


def hue_deg(color: Triple) -> float:
    return math.degrees(math.atan2(color[2], color[1]))


def chroma(color: Triple) -> float:
    return math.hypot(color[1], color[2])


def difference(one: Triple, two: Triple) -> float:
    """CIEDE2000 (CIE 142-2001; notation of Sharma, Wu and Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, two
    mean = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean**7 / (mean**7 + 25**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = (math.degrees(math.atan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    step = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    dl, dc, dh = l2 - l1, c2 - c1, 2 * math.sqrt(c1 * c2) * math.sin(math.radians(step / 2))
    lm, cm = (l1 + l2) / 2, (c1 + c2) / 2
    hm = (h1 + step / 2) % 360 if c1 * c2 else h1 + h2
    t = 1 + math.fsum(
        weight * math.cos(math.radians(times * hm + shift))
        for weight, times, shift in ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    )
    sl = 1 + 0.015 * (lm - 50) ** 2 / math.sqrt(20 + (lm - 50) ** 2)
    sc, sh = 1 + 0.045 * cm, 1 + 0.015 * cm * t
    turn = 60 * math.exp(-(((hm - 275) / 25) ** 2))
    rt = -2 * math.sqrt(cm**7 / (cm**7 + 25**7)) * math.sin(math.radians(turn))
    return math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * dc / sc * dh / sh)


def plane(values: Sequence[float], *, columns: int, side: int, bits: int) -> bytes:
    """Lay patches out, row by row, as one plane of samples."""
    size = 1 if bits == 8 else 2
    rows = []
    for first in range(0, len(values), columns):
        row = b"".join(
            round(value).to_bytes(size, "little") * side
            for value in values[first : first + columns]
        )
        rows.append(row * side)
    return b"".join(rows)
