"""Measures the worker against the FFmpeg command that it replaces; see --help."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.beside import PEER_S, machine, made_by_all
from tests.bench.clips import LECTURE, NORMAL, Clip, find_clips, make_clip
from tests.bench.jobs import MEASURES, OWN_TABLES
from tests.bench.others import Others
from tests.bench.peer_table import draw_peers, peer_row, peer_table
from tests.bench.report import Result, draw, put_into, row, table
from tests.bench.settings import measure_settings
from tests.bench.team_time import MEASURED, team_table
from tests.bench.variants import TABLES
from tests.bench.ways import BASELINE, WAYS, WORKER, make, plan_for, quality_of
from tests.functional.conftest import MEDIA, ROOT

_PAGE, _PLOT = ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.png"
_JOBS = "jobs"
_PEERS_PLOT = ROOT / "docs" / "peers.png"

# A screen recording of ten seconds, mostly still. Other programs only add to what a run costs, so
# the cheaper of two is compared.
_GUARD = {"kind": LECTURE, "only": ("Kap",), "seconds": 10, "write": False, "runs": 2}
# Lectures are long: of a short clip, too much of the cost would be outside the encode.
_SECONDS = {LECTURE: 60.0, NORMAL: 12.0}
# With a margin to what is measured: 0.32 to 0.34 of the baseline's CPU on a quiet machine, of which
# a third is what each job costs, however short.
_MOST_CPU, _MOST_BYTES, _LEAST_VMAF = 0.4, 0.7, -0.5


def losses(results: Sequence[Result]) -> list[str]:
    """Return what is clearly worse than it was."""
    if not results:
        return ["there is no clip to measure"]
    faults = []
    for result in results:
        if result.least_cpu_ratio > _MOST_CPU:
            faults.append(f"{result.name} takes {result.least_cpu_ratio:.2f} of the baseline's CPU")
        if result.bytes_ratio > _MOST_BYTES:
            faults.append(f"{result.name} takes {result.bytes_ratio:.2f} of the baseline's bytes")
        if result.gain.mean < _LEAST_VMAF:
            faults.append(f"{result.name} has a VMAF {result.gain.mean:+.2f} from the baseline's")
    return faults


def measure(
    clip: Clip, folder: Path, *, runs: int, ways: Sequence[str] = WAYS, only_top: bool = False
) -> Result:
    """Make each variant so often, in turn, so that other load on the machine affects all alike.

    With `only_top` the quality of the other rungs is not measured.
    """
    plan = plan_for(clip.path, folder)
    result = Result(
        name=clip.name,
        kind=clip.kind,
        seconds=float(plan.grid.duration_s),
        runs={way: [] for way in ways},
    )
    for number in range(runs):
        for way in ways:
            own = folder / f"{way}-{number}"
            result.runs[way].append(make(way, clip.path, plan, own))
            if number or way not in {BASELINE, WORKER}:
                shutil.rmtree(own)
    for way in (BASELINE, WORKER):
        found = result.quality.setdefault(way, {})
        for rung in result.runs[way][0].rungs[: 1 if only_top else None]:
            # Of an upload up to 720p the baseline makes two rungs of one size: the better counts.
            if rung.size not in found:
                found[rung.size] = quality_of(rung, clip, plan, way=way, size=rung.size)
    return result


def guard(results: Sequence[Result]) -> None:
    """Print what `losses` compares, and end with 1 where something is lost."""
    for result in results:
        print(
            f"{result.name}: {result.least_cpu_ratio:.2f} of the baseline's CPU,"
            f" {result.bytes_ratio:.2f} of its bytes, VMAF {result.gain.mean:+.2f}"
        )
    if faults := losses(results):
        sys.exit("bench: " + "; ".join(faults))


def measure_jobs(names: Sequence[str], *, write: bool) -> None:
    """Measure whole jobs, and print each result at once.

    Some have a table of their own. The one of all others is written where all of them are measured.
    """
    tables, others = dict[str, list[str]](), Others()
    for name in names:
        lines = tables.setdefault(f"jobs {name}" if name in OWN_TABLES else _JOBS, [])
        with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
            folder = Path(temporary) / name
            folder.mkdir()
            for what, found in MEASURES[name](folder):
                lines.append(f"| {what} | {found} |")
                print(lines[-1], flush=True)
        for block, rows in tables.items():
            # A table of some of the others would replace that of all.
            if write and (block != _JOBS or set(names) >= set(MEASURES) - OWN_TABLES):
                text = "\n".join(["| | |", "|---|---|", *rows, "", _note(others)])
                put_into(_PAGE, block, text)


def measure_variants(names: Sequence[str], *, write: bool) -> None:
    """Measure settings of the encoder, and print each row at once."""
    for name in names:
        lines, others = [], Others()
        for line in measure_settings(name):
            lines.append(line)
            print(line, flush=True)
        if write:
            put_into(_PAGE, f"settings {name}", "\n".join([*lines, "", _note(others)]))


def measure_peers(*, only: Sequence[str], seconds: float, write: bool) -> None:
    """Let each program make the same clips, and print each result at once."""
    results, others = [], Others()
    for result in made_by_all(only=only, seconds=seconds):
        results.append(result)
        print(peer_row(result), flush=True)
        if write:
            # After each: all of them take long, and the run may be stopped.
            put_into(_PAGE, "peers", peer_table(results, _note(others)))
            draw_peers(results, _PEERS_PLOT)
    print(f"Other programs used {others.share:.0%} of the cores meanwhile.")


def _note(others: Others) -> str:
    return f"{machine()}; one run. Other programs used {others.share:.0%} of the cores."


def simulate_teams(*, write: bool) -> None:
    """Print how long several machines take."""
    text = team_table(MEASURED)
    print(text)
    if write:
        put_into(_PAGE, "machines", text)


def measure_clips(options: argparse.Namespace) -> list[Result]:
    """Measure clips in each way, and print each result at once."""
    results, others = [], Others()
    ways = (BASELINE, WORKER) if options.guard else WAYS
    kinds = (options.kind,) if options.kind else (LECTURE, NORMAL)
    for name, kind, path in find_clips(kinds, tuple(options.only)):
        with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
            folder = Path(temporary)
            seconds = options.seconds or _SECONDS[kind]
            clip = make_clip(name, kind, path, folder=folder, seconds=seconds)
            results.append(
                measure(clip, folder, runs=options.runs, ways=ways, only_top=options.guard)
            )
        if options.guard:
            continue
        print(row(results[-1]), flush=True)
        if options.write:
            # After each clip: all of them take long, and the run may be stopped.
            put_into(_PAGE, "measured", "\n".join([table(results), "", _note(others)]))
            draw(results, _PLOT)
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print each result at once, and write the page with --write."""
    options = _parser().parse_args(arguments)
    if options.team:
        simulate_teams(write=options.write)
        return
    if options.guard:
        options = argparse.Namespace(**{**vars(options), **_GUARD})
    if not MEDIA.is_dir():
        print(f"bench: no clips in {MEDIA}; nothing is measured")
    elif options.jobs is not None:
        measure_jobs(options.jobs or tuple(MEASURES), write=options.write)
    elif options.settings is not None:
        measure_variants(options.settings or tuple(TABLES), write=options.write)
    elif options.peers:
        measure_peers(only=options.only, seconds=options.seconds or PEER_S, write=options.write)
    elif options.guard:
        guard(measure_clips(options))
    else:
        print(table(measure_clips(options)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--kind", choices=(LECTURE, NORMAL), help="only clips of this kind")
    parser.add_argument("--only", nargs="*", default=(), help="only clips with this in their name")
    parser.add_argument(
        "--seconds", type=float, help="length (default: 60 of lectures, 12 of ordinary footage)"
    )
    parser.add_argument(
        "--runs", type=int, default=2, help="runs of each variant, in turn (default: 2)"
    )
    parser.add_argument(
        "--guard",
        action="store_true",
        help="one short lecture only; exit status 1 where cost or quality is clearly worse",
    )
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument(
        "--jobs",
        nargs="*",
        choices=tuple(MEASURES),
        help="measure whole jobs instead of clips: all of these, or those that are named",
    )
    parser.add_argument(
        "--settings",
        nargs="*",
        choices=tuple(TABLES),
        help="measure settings of the encoder against each other instead: all of these tables, or"
        " those that are named",
    )
    parser.add_argument(
        "--team",
        action="store_true",
        help="simulate three hours on 1 to 64 machines, from what was measured, instead",
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="let other programs make some lectures (30 s of each) beside the worker, instead",
    )
    return parser


main()
