"""What one video costs on twelve machines: their CPU seconds, against those of one machine.

They run side by side on this machine's cores, so their elapsed time shows nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

from tests.bench.clips import loop
from tests.bench.cost import Cost
from tests.bench.ways import run_worker
from tests.functional.conftest import MEDIA

_MACHINES, _SECONDS = 12, 3600
# A screen that is recorded, with a voice: an hour of it is encoded in minutes.
_CLIP = "lecture/Kap__incomplete.mp4"
# On its own clock no preset is changed for lack of time, however busy these cores are.
_OPTIONS = ("--preset", "faster", "--copy-top", "never")


def measure_machines(folder: Path) -> Iterator[tuple[str, str]]:
    """An hour on one machine, and on twelve."""
    source = loop(MEDIA / _CLIP, folder / "source.mp4", seconds=_SECONDS)
    one = _run(folder / "one", source, folder / "out-one")
    name, out = f"team-{uuid.uuid4().hex}", folder / "out-team"
    with ThreadPoolExecutor(_MACHINES) as pool:
        team = list(
            pool.map(
                lambda k: _run(
                    folder / f"machine-{k}",
                    source,
                    out,
                    *("--job-id", name, "--machine", f"{k}/{_MACHINES}"),
                ),
                range(1, _MACHINES + 1),
            )
        )
    spent = [cost.cpu_s for cost in team]
    yield (
        f"an hour on {_MACHINES} machines, CPU seconds of all against those of one machine",
        f"{sum(spent) / one.cpu_s:.3f} ({sum(spent):.0f} s to {one.cpu_s:.0f} s)",
    )
    yield (
        "the same, the machine with most against the mean",
        f"{max(spent) / mean(spent):.2f} ({max(spent):.1f} s to {mean(spent):.1f} s)",
    )


def _run(folder: Path, source: Path, destination: Path, *options: str) -> Cost:
    work = folder / "work"
    work.mkdir(parents=True)
    return run_worker(
        source, destination, "--log-format", "json", *_OPTIONS, *options, work=work, watched=folder
    )
