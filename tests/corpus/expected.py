"""The expected result of each clip, as rows of a table."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from tests.corpus.figures import Figures
from tests.corpus.source import Source

# `either`: it may be published, and then correctly, or refused with the reason.
OUTCOMES = ("published", "bad_source", "either")
_TOLERANCE_PX = 2
# Beside one frame of the slowest rate, the 50 ms by which clocks of a container may differ.
_SLOWEST_RATE = 10
_TOLERANCE_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Sizes are as displayed: square pixels, rotated. `why` explains what is not obvious."""

    outcome: str
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    has_audio: bool | None = None
    why: str = ""


def read_expected(path: Path) -> dict[str, Expected]:
    """Read a table of tab-separated rows with a heading, by clip."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {row["clip"]: from_row(row) for row in rows}


def from_row(row: dict[str, str]) -> Expected:
    """Read one row; an empty column is unknown, or does not apply.

    Raises:
        ValueError: an unknown outcome.

    """
    if row["outcome"] not in OUTCOMES:
        raise ValueError(f"{row['clip']}: {row['outcome']!r} is not one of {', '.join(OUTCOMES)}")
    width, _, height = row["displayed"].partition("x")
    return Expected(
        outcome=row["outcome"],
        width=int(width) if width else None,
        height=int(height) if height else None,
        duration_s=float(row["duration_s"]) if row["duration_s"] else None,
        has_audio=row["audio"] == "yes" if row["audio"] else None,
        why=row["why"],
    )


def check_expected(expected: Expected, outcome: str, source: Source, figures: Figures) -> list[str]:
    """Compare an outcome, and what was measured of a published one, with a row."""
    if outcome != "published":
        wanted = expected.outcome in (outcome, "either")
        return [] if wanted else [f"outcome: {outcome}, expected {expected.outcome}"]
    faults = []
    if expected.outcome == "bad_source":
        faults.append(f"outcome: published, expected to be refused ({expected.why})")
    if expected.duration_s is not None:
        tolerance_s = _TOLERANCE_S + max(figures.frame_s, 1 / _SLOWEST_RATE)
        if abs(figures.duration_s - expected.duration_s) > tolerance_s:
            faults.append(
                f"duration: {figures.duration_s:.3f} s, expected {expected.duration_s:.3f}"
            )
    if expected.has_audio is not None and figures.has_audio != expected.has_audio:
        faults.append(f"audio: {'present' if figures.has_audio else 'absent'}, expected otherwise")
    if expected.width and expected.height and source.display is not None:
        found = tuple(float(side) for side in source.display)
        wanted_px = (expected.width, expected.height)
        if any(abs(a - b) > _TOLERANCE_PX for a, b in zip(found, wanted_px, strict=True)):
            faults.append(f"size: read as {found}, expected {wanted_px}: the reader is wrong")
        faults += _shape_fault(expected.width / expected.height, figures)
    return faults


def _shape_fault(aspect: float, figures: Figures) -> list[str]:
    width, height = figures.width, figures.height
    if abs(width - aspect * height) <= max(_TOLERANCE_PX, 0.02 * width):
        return []
    if abs(height - width / aspect) <= max(_TOLERANCE_PX, 0.02 * height):
        return []
    return [f"size: {width}x{height} has not the expected shape"]
