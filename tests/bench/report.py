"""Reports what was measured: rows of a table, and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import geometric_mean, median

from tests.bench.quality import Quality
from tests.bench.ways import BASELINE, PLAIN, WORKER, Made

_END = "<!-- to here -->"
_HEAD = (
    "| clip | CPU | elapsed | bytes | VMAF mean | worst 1% | lower rungs | CPU s a minute"
    " | worker/plain CPU | memory MB | disk MB | noise |"
)


@dataclass(kw_only=True)
class Result:
    """One clip, measured in each variant; the runs of a variant are in their order.

    `quality` is that of each rung, at its own size, largest first.
    """

    name: str
    kind: str
    seconds: float
    runs: dict[str, list[Made]]
    quality: dict[str, dict[tuple[int, int], Quality]] = field(default_factory=dict)

    def cpu_s(self, way: str) -> float:
        """Median of the runs' CPU seconds."""
        return median(made.cost.cpu_s for made in self.runs[way])

    @property
    def cpu_ratio(self) -> float:
        """CPU of the worker to that of the baseline."""
        return self.cpu_s(WORKER) / self.cpu_s(BASELINE)

    @property
    def least_cpu_ratio(self) -> float:
        """CPU of the worker's cheapest run to that of the baseline's cheapest."""
        worker_s, baseline_s = (
            min(made.cost.cpu_s for made in self.runs[way]) for way in (WORKER, BASELINE)
        )
        return worker_s / baseline_s

    @property
    def elapsed_ratio(self) -> float:
        """Elapsed time of the worker to that of the baseline, which uploads nothing."""
        worker_s, baseline_s = (
            median(made.cost.elapsed_s for made in self.runs[way]) for way in (WORKER, BASELINE)
        )
        return worker_s / baseline_s

    @property
    def overhead(self) -> float:
        """CPU of the worker to that of its FFmpegs alone."""
        return self.cpu_s(WORKER) / self.cpu_s(PLAIN)

    @property
    def bytes_ratio(self) -> float:
        """Bytes of all segments, to the baseline's."""
        return self.runs[WORKER][0].bytes / self.runs[BASELINE][0].bytes

    @property
    def noise(self) -> float | None:
        """How far the runs of one variant differ at most: share of their CPU; None of one run."""
        if any(len(runs) == 1 for runs in self.runs.values()):
            return None
        spreads = []
        for runs in self.runs.values():
            seconds = [made.cost.cpu_s for made in runs]
            spreads.append((max(seconds) - min(seconds)) / min(seconds))
        return max(spreads)

    @property
    def gain(self) -> Quality:
        """VMAF of the top rung, less the baseline's."""
        worker, baseline = self.top(WORKER), self.top(BASELINE)
        return Quality(mean=worker.mean - baseline.mean, worst=worker.worst - baseline.worst)

    def top(self, way: str) -> Quality:
        """Return the quality of a variant's top rung."""
        return next(iter(self.quality[way].values()))

    @property
    def lower(self) -> str:
        """VMAF of the other rungs, with the difference to the baseline's of the same size."""
        parts = []
        for size, found in list(self.quality[WORKER].items())[1:]:
            baseline = self.quality[BASELINE].get(size)
            gain = f" ({found.mean - baseline.mean:+.1f})" if baseline else ""
            parts.append(f"{min(size)}p {found.mean:.1f}{gain}")
        return ", ".join(parts) or "none"


def row(result: Result) -> str:
    """Render the row of one clip."""
    gain, minutes = result.gain, result.seconds / 60
    costs = [f"{result.cpu_s(way) / minutes:.0f}" for way in (BASELINE, WORKER)]
    memory = max(made.cost.memory_bytes for made in result.runs[WORKER]) / 1e6
    disk = max(made.cost.disk_bytes for made in result.runs[WORKER]) / 1e6
    top = result.top(WORKER)
    noise = "not known" if result.noise is None else f"{100 * result.noise:.0f} %"
    return (
        f"| {result.name} | {result.cpu_ratio:.2f} | {result.elapsed_ratio:.2f}"
        f" | {result.bytes_ratio:.2f}"
        f" | {top.mean:.1f} ({gain.mean:+.2f}) | {top.worst:.1f} ({gain.worst:+.2f})"
        f" | {result.lower} | {costs[1]} of {costs[0]} | {result.overhead:.2f}"
        f" | {memory:.0f} | {disk:.1f} | {noise} |"
    )


def summary(results: Sequence[Result], kind: str) -> str:
    """Render the row of one kind: geometric means of ratios, means of differences."""
    count = len(results)
    return (
        f"| **{kind}, {count} clips** | **{geometric_mean(r.cpu_ratio for r in results):.2f}**"
        f" | **{geometric_mean(r.elapsed_ratio for r in results):.2f}**"
        f" | **{geometric_mean(r.bytes_ratio for r in results):.2f}**"
        f" | **{sum(r.gain.mean for r in results) / count:+.2f}**"
        f" | **{sum(r.gain.worst for r in results) / count:+.2f}** | |"
        f" | {geometric_mean(r.overhead for r in results):.2f} | | | |"
    )


def table(results: Sequence[Result]) -> str:
    """Render all clips, each kind below its own summary."""
    lines = [_HEAD, "|---" * (_HEAD.count("|") - 1) + "|"]
    for kind in dict.fromkeys(result.kind for result in results):
        of_kind = [result for result in results if result.kind == kind]
        lines += [summary(of_kind, kind), *map(row, of_kind)]
    return "\n".join(lines)


def put_into(page: Path, what: str, text: str) -> None:
    """Write a table into a page, between its marks."""
    begin = f"<!-- {what}: scripts/bench writes from here -->"
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(_END)
    page.write_text(f"{before}{begin}\n{text}\n{_END}{after}")


@dataclass(frozen=True, kw_only=True)
class Point:
    """A clip made in one way, compared with the baseline; points of one label have one color."""

    label: str
    name: str
    cpu_ratio: float
    bytes_ratio: float
    gain: float


def draw(results: Sequence[Result], path: Path) -> None:
    """Draw each clip's CPU and bytes against its quality, all compared with the baseline."""
    scatter(
        [
            Point(
                label=result.kind,
                name=result.name,
                cpu_ratio=result.cpu_ratio,
                bytes_ratio=result.bytes_ratio,
                gain=result.gain.mean,
            )
            for result in results
        ],
        path,
    )


def scatter(points: Sequence[Point], path: Path) -> None:
    """Draw points on two axes: CPU and bytes."""
    # Imported where it draws: it takes seconds.
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), sharey=True)
    for axes, what in ((left, "cpu_ratio"), (right, "bytes_ratio")):
        for label in dict.fromkeys(point.label for point in points):
            chosen = [point for point in points if point.label == label]
            ratios = [getattr(point, what) for point in chosen]
            axes.scatter(ratios, [point.gain for point in chosen], label=label)
            for point, ratio in zip(chosen, ratios, strict=True):
                axes.annotate(point.name[:22], (ratio, point.gain), fontsize=6)
        axes.axhline(-0.5, color="gray", linewidth=0.8, linestyle="--")
        axes.set_xlim(0, max(1.2, *(1.1 * getattr(point, what) for point in points)))
        axes.set_xlabel({"cpu_ratio": "CPU", "bytes_ratio": "bytes"}[what] + " (baseline is 1)")
    left.set_ylabel("VMAF of the top rung, less the baseline's")
    left.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
