"""The 3D table (.cube) that converts HDR or wide-gamut frames to BT.709 SDR. Pure.

A matrix and a range alone, which scaling converts on the way, are right for SDR in BT.709 and
BT.601. PQ, HLG, BT.2020 and Display P3 need more; for them a 3D table is computed here, which
FFmpeg's lut3d applies to each pixel: one filter that every build has, that uses all cores, and
that gives the same result in each version.

From signal to signal, in linear light relative to HDR's reference white, 203 cd/m² (BT.2408):
1. Decode: PQ (BT.2100 table 4), HLG (BT.2100 table 5, with the OOTF of a 1,000 cd/m² display, gamma
   1.2), SDR by gamma 2.4 (BT.1886).
2. Convert the primaries to BT.709's. What falls outside moves straight towards the white of
   its own luminance, which keeps the dominant wavelength, where clipping each channel would turn
   a phone's greens yellow. Colors near the edge are moved a little, so that two that
   differ stay apart.
3. For HDR, roll off the brightest channel by BT.2390's EETF from 1,000 to 203 cd/m² and scale the
   other two alike, so that the hue stays; saturation falls as brightness does (in PQ), as in
   BT.2390's ICtCp form, or bright clouds would come out tinted. Below 88 cd/m² nothing changes:
   faces and slides are as bright as they would be in SDR. Reference white becomes 78% of SDR's
   light, 90% of its signal; what is above it, up to 1,000 cd/m², keeps its shades in the rest.
   1,000 is HLG's nominal peak and what phones record; a brighter PQ highlight keeps its hue only.
4. Encode by gamma 2.4 (BT.1886), as a BT.709 display decodes.

Sources: Rec. ITU-R BT.709-6, BT.1886-0, BT.2020-2, BT.2100-2; Rep. ITU-R BT.2390-10 (5.4.1, the
EETF), BT.2408-5 (2.1, reference levels). docs/color.md has the rules and what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from worker.media.color import Conversion

Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

# 33 a side are what film and broadcast use. 65 halve an error that no eye sees, and take eight
# times as long to compute (docs/color.md).
_POINTS = 33

_REFERENCE_WHITE_NITS = 203.0
_PEAK_NITS = 1000.0
_HLG_SYSTEM_GAMMA = 1.2
_DISPLAY_GAMMA = 2.4
# From here on a color is moved inward for those outside of the gamut, 1 being its edge.
_GAMUT_KNEE = 0.9

# Chromaticities x, y of red, green and blue; the white is always D65.
_D65 = (0.3127, 0.3290)
_BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_PRIMARIES = {
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "smpte432": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "bt709": _BT709,
}


def table_name(conversion: Conversion) -> str:
    """Name a table in the work folder, where FFmpeg runs: an argument needs no escapes then."""
    return f"{conversion.transfer}-{conversion.primaries}.cube"


def color_table(conversion: Conversion, points: int = _POINTS) -> str:
    """Compute the text of a .cube file, red changing fastest."""
    signal = [i / (points - 1) for i in range(points)]
    convert = converter(conversion)
    lines = [f"LUT_3D_SIZE {points}"]
    for blue in signal:
        for green in signal:
            for red in signal:
                r, g, b = convert((red, green, blue))
                lines.append(f"{r:.6f} {g:.6f} {b:.6f}")
    return "\n".join([*lines, ""])


def converter(conversion: Conversion) -> Callable[[Triple], Triple]:
    """Return the function from an R'G'B' signal (0 to 1) to the BT.709 SDR signal."""
    to_light = _decoder(conversion)
    (rr, rg, rb), (gr, gg, gb), (br, bg, bb) = _to_bt709(conversion.primaries)
    is_hdr = conversion.transfer != "sdr"

    def convert(signal: Triple) -> Triple:
        r, g, b = to_light(signal)
        light = _into_gamut(
            (
                rr * r + rg * g + rb * b,
                gr * r + gg * g + gb * b,
                br * r + bg * g + bb * b,
            )
        )
        return _encode(_roll_off(light) if is_hdr else light)

    return convert


def _decoder(conversion: Conversion) -> Callable[[Triple], Triple]:
    """Return the function from a signal to light on the display, 1 being reference white."""
    if conversion.transfer == "hlg":
        return _hlg_decoder(_rgb_to_xyz(_PRIMARIES[conversion.primaries])[1])
    decode = _from_pq if conversion.transfer == "pq" else _from_sdr
    return lambda signal: (decode(signal[0]), decode(signal[1]), decode(signal[2]))


def _from_sdr(signal: float) -> float:
    return math.pow(signal, _DISPLAY_GAMMA)


_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_PQ_PEAK = 10_000 / _REFERENCE_WHITE_NITS


def _from_pq(signal: float) -> float:
    power = math.pow(signal, 1 / _PQ_M2)
    return _PQ_PEAK * math.pow(max(power - _PQ_C1, 0.0) / (_PQ_C2 - _PQ_C3 * power), 1 / _PQ_M1)


def _to_pq(light: float) -> float:
    power = math.pow(light / _PQ_PEAK, _PQ_M1)
    return math.pow((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power), _PQ_M2)


_HLG_A = 0.17883277
_HLG_B = 1 - 4 * _HLG_A
_HLG_C = 0.5 - _HLG_A * math.log(4 * _HLG_A)


def _from_hlg(signal: float) -> float:
    """Return the light of the scene, 0 to 1."""
    if signal <= 1 / 2:
        return signal * signal / 3
    return (math.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12


def _hlg_decoder(weights: Triple) -> Callable[[Triple], Triple]:
    """Return HLG's EOTF; `weights` are those of red, green and blue in luminance."""
    wr, wg, wb = weights

    def decode(signal: Triple) -> Triple:
        r, g, b = _from_hlg(signal[0]), _from_hlg(signal[1]), _from_hlg(signal[2])
        luminance = wr * r + wg * g + wb * b
        gain = math.pow(luminance, _HLG_SYSTEM_GAMMA - 1) * _PEAK_NITS / _REFERENCE_WHITE_NITS
        return r * gain, g * gain, b * gain

    return decode


def _into_gamut(light: Triple) -> Triple:
    """Bring light in BT.709's primaries inside of their gamut; its luminance stays."""
    r, g, b = light
    luminance = _luminance_of(light)
    if luminance <= 0:
        return 0.0, 0.0, 0.0
    distance = 1 - min(light) / luminance
    if distance <= _GAMUT_KNEE:
        return light
    beyond = (distance - _GAMUT_KNEE) / (1 - _GAMUT_KNEE)
    share = (_GAMUT_KNEE + (1 - _GAMUT_KNEE) * beyond / (1 + beyond)) / distance
    return (
        luminance + share * (r - luminance),
        luminance + share * (g - luminance),
        luminance + share * (b - luminance),
    )


def _roll_off(light: Triple) -> Triple:
    brightest = max(light)
    if brightest <= _KNEE:
        return light
    source = _to_pq(brightest) / _PQ_SOURCE
    target = _eetf(min(source, 1.0))
    gain = _from_pq(target * _PQ_SOURCE) / brightest
    luminance = gain * _luminance_of(light)
    saturation = target / source
    r, g, b = (luminance + saturation * (gain * c - luminance) for c in light)
    return r, g, b


def _eetf(source: float) -> float:
    """BT.2390's curve, both blacks at 0: a Hermite spline from knee to peak, in PQ of the peak."""
    t = (source - _PQ_KNEE) / (1 - _PQ_KNEE)
    return (
        (2 * t**3 - 3 * t**2 + 1) * _PQ_KNEE
        + (t**3 - 2 * t**2 + t) * (1 - _PQ_KNEE)
        + (3 * t**2 - 2 * t**3) * _PQ_TARGET
    )


def _luminance_of(light: Triple) -> float:
    return _LUMINANCE[0] * light[0] + _LUMINANCE[1] * light[1] + _LUMINANCE[2] * light[2]


def _encode(light: Triple) -> Triple:
    r, g, b = (math.pow(min(max(c, 0.0), 1.0), 1 / _DISPLAY_GAMMA) for c in light)
    return r, g, b


def _to_bt709(primaries: str) -> Matrix:
    return _product(_inverse(_rgb_to_xyz(_BT709)), _rgb_to_xyz(_PRIMARIES[primaries]))


def _rgb_to_xyz(primaries: tuple[tuple[float, float], ...]) -> Matrix:
    """Derive the matrix as SMPTE RP 177 does; its second row are the luminance weights."""
    r, g, b = (_xyz(chromaticity) for chromaticity in primaries)
    columns = _transposed((r, g, b))
    gains = _applied(_inverse(columns), _xyz(_D65))
    x, y, z = (_each_times(row, gains) for row in columns)
    return x, y, z


def _xyz(chromaticity: tuple[float, float]) -> Triple:
    x, y = chromaticity
    return x / y, 1.0, (1 - x - y) / y


def _each_times(a: Triple, b: Triple) -> Triple:
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


def _transposed(m: Matrix) -> Matrix:
    a, b, c = zip(*m, strict=True)
    return a, b, c


def _applied(m: Matrix, v: Triple) -> Triple:
    x, y, z = (math.fsum(_each_times(row, v)) for row in m)
    return x, y, z


def _product(m: Matrix, n: Matrix) -> Matrix:
    a, b, c = (_applied(m, column) for column in _transposed(n))
    return _transposed((a, b, c))


def _inverse(m: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = m
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return (
        (
            (e * i - f * h) / determinant,
            (c * h - b * i) / determinant,
            (b * f - c * e) / determinant,
        ),
        (
            (f * g - d * i) / determinant,
            (a * i - c * g) / determinant,
            (c * d - a * f) / determinant,
        ),
        (
            (d * h - e * g) / determinant,
            (b * g - a * h) / determinant,
            (a * e - b * d) / determinant,
        ),
    )


_LUMINANCE = _rgb_to_xyz(_BT709)[1]
_PQ_SOURCE = _to_pq(_PEAK_NITS / _REFERENCE_WHITE_NITS)
_PQ_TARGET = _to_pq(1.0) / _PQ_SOURCE
_PQ_KNEE = 1.5 * _PQ_TARGET - 0.5
_KNEE = _from_pq(_PQ_KNEE * _PQ_SOURCE)
