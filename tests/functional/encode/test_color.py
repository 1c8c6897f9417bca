"""The worker keeps colors: charts in, charts out, compared by CIEDE2000."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

from tests import colors
from tests.functional.conftest import ffmpeg, ffprobe, publish
from tests.functional.hls import decode

pytestmark = pytest.mark.ffmpeg

ReadChart: TypeAlias = Callable[[str], list[colors.Triple]]

COLUMNS, ROWS, SIDE = 6, 5, 48
WIDTH, HEIGHT = COLUMNS * SIDE, ROWS * SIDE
# A difference of 1 is just visible side by side; x264 and 8 bits cost about that.
MEAN, WORST = 1.0, 3.2
KNEE = 88 / colors.REFERENCE_WHITE_NITS


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How a chart is coded, and the tags that state it."""

    weights: tuple[float, float]
    tags: tuple[str, ...]
    bits: int = 8
    full: bool = False
    transfer: str = "sdr"


def tagged(matrix: str, transfer: str, primaries: str, color_range: str) -> tuple[str, ...]:
    return (
        *("-colorspace", matrix, "-color_trc", transfer),
        *("-color_primaries", primaries, "-color_range", color_range),
    )


BT709, BT601, BT2020 = (0.2126, 0.0722), (0.299, 0.114), (0.2627, 0.0593)
CODINGS = {
    "BT.709": Coding(weights=BT709, tags=tagged("bt709", "bt709", "bt709", "tv")),
    "BT.709 full": Coding(weights=BT709, tags=tagged("bt709", "bt709", "bt709", "pc"), full=True),
    "BT.601": Coding(weights=BT601, tags=tagged("smpte170m", "smpte170m", "bt709", "tv")),
    "BT.601 full": Coding(
        weights=BT601, tags=tagged("bt470bg", "smpte170m", "bt709", "pc"), full=True
    ),
    "BT.709, 10 bits": Coding(weights=BT709, tags=tagged("bt709", "bt709", "bt709", "tv"), bits=10),
    "untagged SD": Coding(weights=BT601, tags=()),
    "PQ": Coding(
        weights=BT2020,
        tags=tagged("bt2020nc", "smpte2084", "bt2020", "tv"),
        bits=10,
        transfer="pq",
    ),
    "HLG": Coding(
        weights=BT2020,
        tags=tagged("bt2020nc", "arib-std-b67", "bt2020", "tv"),
        bits=10,
        transfer="hlg",
    ),
    "BT.2020 SDR": Coding(
        weights=BT2020,
        tags=tagged("bt2020nc", "bt2020-10", "bt2020", "tv"),
        bits=10,
        transfer="2020",
    ),
}


def code(patch: colors.Triple, coding: Coding) -> colors.Triple:
    """Return the samples of a patch, which is given as a BT.709 signal."""
    wide = colors.to_2020(colors.light(patch))
    rgb = {
        "sdr": patch,
        "pq": (colors.pq(wide[0]), colors.pq(wide[1]), colors.pq(wide[2])),
        "hlg": colors.hlg(wide),
        "2020": colors.signal(wide),
    }[coding.transfer]
    return colors.to_yuv(rgb, weights=coding.weights, bits=coding.bits, full=coding.full)


def make_chart(path: Path, patches: Sequence[colors.Triple], coding: Coding) -> None:
    """Write the patches as a lossless video of one second."""
    black = [(0.0, 0.0, 0.0)] * (COLUMNS * ROWS - len(patches))
    samples = [code(patch, coding) for patch in (*patches, *black)]
    planes = b"".join(
        colors.plane([s[i] for s in samples], columns=COLUMNS, side=side, bits=coding.bits)
        for i, side in ((0, SIDE), (1, SIDE // 2), (2, SIDE // 2))
    )
    raw = path.with_suffix(".yuv")
    raw.write_bytes(planes * 25)
    pixels = "yuv420p" if coding.bits == 8 else "yuv420p10le"
    ffmpeg(
        *("-f", "rawvideo", "-pixel_format", pixels, "-video_size", f"{WIDTH}x{HEIGHT}"),
        # The same tags on input and output: nothing is converted.
        *("-framerate", 25, *coding.tags, "-i", raw, "-c:v", "ffv1", *coding.tags, path),
    )


def read_chart(out: Path, count: int) -> list[colors.Triple]:
    """Read the middles of the patches of a published chart as BT.709 signals."""
    master = (out / "master.m3u8").read_text()
    (playlist,) = re.findall(rf"RESOLUTION={WIDTH}x{HEIGHT}[^\n]*\n(\S+)", master)
    rows = ffprobe(
        "-show_entries", "stream=pix_fmt,color_range,color_space,color_transfer", out / playlist
    )
    for tag in ("yuv420p", "color_range=tv", "color_space=bt709", "color_transfer=bt709"):
        assert tag in rows
    one = ("-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "yuv420p")
    raw = decode(out / playlist, *one).stdout
    luma, quarter = WIDTH * HEIGHT, WIDTH * HEIGHT // 4
    found = []
    for i in range(count):
        x, y = (i % COLUMNS) * SIDE + SIDE // 2, (i // COLUMNS) * SIDE + SIDE // 2
        at = (y // 2) * (WIDTH // 2) + x // 2
        found.append(
            colors.from_yuv_709(raw[y * WIDTH + x], raw[luma + at], raw[luma + quarter + at])
        )
    return found


def is_kept(patch: colors.Triple, coding: Coding) -> bool:
    """Whether a patch should be published unchanged: HDR is rolled off above the knee."""
    return coding.transfer not in {"pq", "hlg"} or max(colors.light(patch)) < KNEE


def differences(before: Sequence[colors.Triple], after: Sequence[colors.Triple]) -> list[float]:
    return [
        colors.difference(colors.lab(colors.light(a)), colors.lab(colors.light(b)))
        for a, b in zip(before, after, strict=True)
    ]


def publish_chart(name: str, folder: Path) -> list[colors.Triple]:
    """Publish a chart of all patches in one of the codings, and read it."""
    source = folder / "chart.mkv"
    make_chart(source, colors.PATCHES, CODINGS[name])
    return read_chart(publish(folder, source, "--ladder", HEIGHT), len(colors.PATCHES))


@pytest.fixture(scope="module")
def published_colors(tmp_path_factory: pytest.TempPathFactory) -> ReadChart:
    """The colors of a published chart, by the name of its coding."""

    @cache
    def read(name: str) -> list[colors.Triple]:
        return publish_chart(name, tmp_path_factory.mktemp("chart"))

    return read


@pytest.mark.parametrize("name", CODINGS)
def test_a_published_chart_keeps_its_colors(name: str, published_colors: ReadChart) -> None:
    """In HDR those up to 88 cd/m², below which nothing is rolled off."""
    pairs = zip(colors.PATCHES, published_colors(name), strict=True)
    kept = [pair for pair in pairs if is_kept(pair[0], CODINGS[name])]
    found_differences = differences(*zip(*kept, strict=True))
    mean = sum(found_differences) / len(found_differences)
    print(f"{name}: mean {mean:.2f}, worst {max(found_differences):.2f} of {len(kept)}")
    assert mean < MEAN
    assert max(found_differences) < WORST


@pytest.mark.parametrize("name", ["PQ", "HLG"])
def test_bright_hdr_colors_keep_their_hue_and_order(name: str, published_colors: ReadChart) -> None:
    found = published_colors(name)
    for patch, after in zip(colors.PATCHES, found, strict=True):
        before_lab, after_lab = (colors.lab(colors.light(c)) for c in (patch, after))
        if colors.chroma(before_lab) > 20:
            turned = (colors.hue_deg(after_lab) - colors.hue_deg(before_lab) + 180) % 360 - 180
            assert abs(turned) < 8, f"{patch} turned by {turned:.1f}°"
        assert after_lab[0] > 0.75 * before_lab[0], f"{patch} becomes dark"
    # The gray row of the ColorChecker, from white to black.
    grays = [colors.lab(colors.light(c))[0] for c in found[18:24]]
    assert grays == sorted(grays, reverse=True)
    white = sum(found[18]) / 3
    assert 0.86 < white < 0.93, "white stays white, with headroom for highlights"
