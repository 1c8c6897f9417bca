"""Reports clips that several programs made in one run: a table, and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.quality import Quality
from tests.bench.report import Point, scatter
from tests.bench.ways import BASELINE, Made

_HEAD = (
    "| clip | made by | what is run | rungs | CPU s | elapsed s | first minute s | MB | VMAF mean"
    " | worst 1% | late ms |"
)


@dataclass(frozen=True, kw_only=True)
class PeerResult:
    """A clip and who made it. `quality` is that of the top rung; None where it is not measured.

    `late_s` is by how much its video is late as a whole. `obstacle` says why nothing was made.
    """

    clip: str
    name: str
    origin: str
    made: Made | None = None
    quality: Quality | None = None
    late_s: float = 0.0
    obstacle: str = ""


def peer_row(result: PeerResult) -> str:
    """Render a row: figures, or why there are none."""
    start = f"| {result.clip} | {result.name} | {result.origin} |"
    made, quality = result.made, result.quality
    if made is None:
        return f"{start} none: {result.obstacle} | | | | | | | |"
    scores = (
        f"{quality.mean:.1f} | {quality.worst:.1f} | {1000 * result.late_s:.0f}"
        if quality
        else "| |"
    )
    rungs = " ".join(f"{min(rung.size)}p" for rung in made.rungs)
    return (
        f"{start} {rungs} | {made.cost.cpu_s:.1f} | {made.cost.elapsed_s:.1f}"
        f" | {made.first_minute_s:.1f} | {made.bytes / 1e6:.2f} | {scores} |"
    )


def peer_table(results: Sequence[PeerResult], note: str) -> str:
    """Render all rows, and what they were measured on below them."""
    lines = [_HEAD, "|---" * (_HEAD.count("|") - 1) + "|", *map(peer_row, results)]
    return "\n".join([*lines, "", note])


def peer_points(results: Sequence[PeerResult]) -> list[Point]:
    """Compare each result whose quality is known with the baseline's of the same clip."""
    points = []
    for result in results:
        ours = next((r for r in results if (r.clip, r.name) == (result.clip, BASELINE)), None)
        if not (ours and ours.made and ours.quality and result.made and result.quality):
            continue
        points.append(
            Point(
                label=result.name,
                name=result.clip,
                cpu_ratio=result.made.cost.cpu_s / ours.made.cost.cpu_s,
                bytes_ratio=result.made.bytes / ours.made.bytes,
                gain=result.quality.mean - ours.quality.mean,
            )
        )
    return points


def draw_peers(results: Sequence[PeerResult], path: Path) -> None:
    """Draw who made each clip at which cost, where anything can be compared."""
    if points := peer_points(results):
        scatter(points, path)
