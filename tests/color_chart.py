"""Draws the color charts before and after the worker: docs/color.png and its figures."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import colors
from tests.functional.conftest import ROOT
from tests.functional.encode.test_color import (
    CODINGS,
    COLUMNS,
    differences,
    is_kept,
    publish_chart,
)

IMAGE = ROOT / "docs" / "color.png"
_SIDE, _GAP, _ACROSS = 24, 12, 3


def print_row(name: str, found: list[colors.Triple]) -> None:
    pairs = zip(colors.PATCHES, found, strict=True)
    kept = [pair for pair in pairs if is_kept(pair[0], CODINGS[name])]
    found_differences = differences(*zip(*kept, strict=True))
    mean = sum(found_differences) / len(found_differences)
    print(f"| {name} | {mean:.2f} | {max(found_differences):.2f} | {len(found_differences)} |")


def draw(panels: list[list[colors.Triple]]) -> None:
    """Draw each patch: the source above, what was published below."""
    wide = COLUMNS * _SIDE + _GAP
    rows = -(-len(colors.PATCHES) // COLUMNS)
    high = rows * _SIDE + _GAP
    width, height = _ACROSS * wide + _GAP, -(-len(panels) // _ACROSS) * high + _GAP
    image = bytearray(b"\x80" * (3 * width * height))
    for number, panel in enumerate(panels):
        left = _GAP + (number % _ACROSS) * wide
        top = _GAP + (number // _ACROSS) * high
        for i, (before, after) in enumerate(zip(colors.PATCHES, panel, strict=True)):
            x, y = left + (i % COLUMNS) * _SIDE, top + (i // COLUMNS) * _SIDE
            for line in range(_SIDE):
                color = before if line < _SIDE // 2 else after
                pixel = bytes(round(255 * min(max(c, 0.0), 1.0)) for c in color)
                at = 3 * ((y + line) * width + x)
                image[at : at + 3 * _SIDE] = pixel * _SIDE
    raw = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}"]
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *raw, "-i", "-", str(IMAGE)]
    subprocess.run(command, input=bytes(image), check=True)


def main() -> int:
    panels = []
    print("| coding | mean | worst | patches |\n|---|---|---|---|")
    for name in CODINGS:
        with tempfile.TemporaryDirectory() as folder:
            panels.append(publish_chart(name, Path(folder)))
        print_row(name, panels[-1])
    draw(panels)
    print(f"{os.path.relpath(IMAGE, ROOT)}: {IMAGE.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
