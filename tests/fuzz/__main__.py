"""Damages small clips, and joins some, in a repeatable way; runs the worker on what comes out."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.corpus.run import run_worker
from tests.functional.conftest import MEDIA
from tests.fuzz.damage import damage, small_clips
from tests.fuzz.joints import Joined, join
from tests.fuzz.judge import BOUND_S, find_fault, find_loss, find_wrong_parts

_QUICKLY = ("--ladder", "120", "--preset", "ultrafast")


@dataclass(frozen=True, kw_only=True)
class Tried:
    """The result of one spoiled clip; `fault` is what was wrong with it."""

    name: str
    status: int | None
    seconds: float
    fault: str | None


def try_one(sources: Sequence[Path], number: int, *, seed: int, folder: Path) -> Tried:
    """Damage a clip, or, with every second number and without clips, join some."""
    rng = random.Random(f"{seed}/{number}")  # noqa: S311 (to be repeated, not to be secret)
    joined: Joined | None = None
    if number % 2 or not sources:
        joined = join(rng, folder)
        name, data = joined.name, joined.data
    else:
        name, data = damage(sources[number // 2 % len(sources)], rng)
    source, out = folder / f"{number:04d}-{name}", folder / f"out{number}"
    source.write_bytes(data)
    ended = run_worker(source, out, bound_s=BOUND_S, options=_QUICKLY)
    fault = find_fault(ended, out)
    if fault is None:
        fault = find_wrong_parts(ended, out, joined) if joined else find_loss(ended, source)
    shutil.rmtree(out, ignore_errors=True)
    if fault is None:
        source.unlink()
    return Tried(name=source.name, status=ended.status, seconds=ended.seconds, fault=fault)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="clips to spoil (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same clips")
    parser.add_argument("--only", type=int, metavar="N", help="only the clip of this number")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep clips with faults in this folder"
    )
    options = parser.parse_args(arguments)
    sources = small_clips()
    if not sources:
        print(f"fuzz: no clips in {MEDIA}: none is damaged; WORKER_TEST_MEDIA names a folder")
    numbers = [options.only] if options.only is not None else range(options.runs)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    tried = []
    for number in numbers:
        one = try_one(sources, number, seed=options.seed, folder=folder)
        tried.append(one)
        if one.fault:
            print(f"FAULT {one.name}: {one.fault}", flush=True)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / one.name, options.keep)
    shutil.rmtree(folder, ignore_errors=True)
    statuses = Counter("hang" if t.status is None else str(t.status) for t in tried)
    print(
        f"fuzz, seed {options.seed}: {len(tried)} spoiled clips; status "
        + ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        + f"; longest {max(t.seconds for t in tried):.1f} s;"
        f" {sum(t.fault is not None for t in tried)} faults"
    )
    return int(any(t.fault for t in tried))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
