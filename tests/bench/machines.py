"""What one video costs on twelve machines: their CPU seconds, against those of one machine.

They run side by side on this machine's cores, so their elapsed time shows nothing. Each process
gets a core for a tenth of a second at a time, as root may ask of Linux: in the few milliseconds
that are usual, as many as these would find little of their data in a core's caches each time,
which 24 FFmpegs of one machine pay as well (0.1 of their CPU seconds), and machines of their own do
not.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
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
_LANES = 2
# On its own clock no preset is changed for lack of time, however busy these cores are.
_OPTIONS = ("--preset", "faster", "--copy-top", "never")


def measure_machines(folder: Path) -> Iterator[tuple[str, str]]:
    """An hour on one machine, and on twelve."""
    source = loop(MEDIA / _CLIP, folder / "source.mp4", seconds=_SECONDS)
    one = _run(folder / "one", source, folder / "out-one", words=_in_long_turns())
    name, out = f"team-{uuid.uuid4().hex}", folder / "out-team"
    with ThreadPoolExecutor(_MACHINES) as pool:
        team = list(
            pool.map(
                lambda k: _run(
                    folder / f"machine-{k}",
                    source,
                    out,
                    *("--job-id", name, "--machine", f"{k}/{_MACHINES}"),
                    words=_in_long_turns(core=k % (os.cpu_count() or 1)),
                ),
                range(1, _MACHINES + 1),
            )
        )
    spent = [cost.cpu_s for cost in team]
    turns = "long" if _in_long_turns() else "usual"
    yield (
        f"an hour on {_MACHINES} machines in {turns} turns, CPU seconds of all to those of one",
        f"{sum(spent) / one.cpu_s:.3f} ({sum(spent):.0f} s to {one.cpu_s:.0f} s)",
    )
    yield (
        "the same, the machine with most against the mean",
        f"{max(spent) / mean(spent):.2f} ({max(spent):.1f} s to {mean(spent):.1f} s)",
    )


def _in_long_turns(core: int | None = None) -> list[str]:
    """Return the words before a command that give it long turns, on one core where that is named.

    Linux does not spread such processes evenly by itself.
    """
    if os.geteuid() or shutil.which("chrt") is None:
        return []
    pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
    return ["chrt", "--rr", "1", *pinned]


def _run(
    folder: Path, source: Path, destination: Path, *options: str, words: Sequence[str]
) -> Cost:
    work = folder / "work"
    work.mkdir(parents=True)
    return run_worker(
        source,
        destination,
        *("--log-format", "json", "--parallel-spans", str(_LANES)),
        *_OPTIONS,
        *options,
        work=work,
        watched=folder,
        words=words,
    )
