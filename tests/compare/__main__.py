"""Runs the same jobs with the worker of another commit and with that of this tree.

What they publish is compared byte for byte: segments, playlists, images and texts. The run's name
may differ, and the records (manifest.json, checkpoint.json, status.json) may. Exits with 0 where
all is the same, with 1 where anything differs, with 2 where nothing can be compared.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.compare.jobs import JOBS, ROOT, CannotCompareError, CompareJob, check_clips, find_source
from tests.compare.published import Comparison, compare, set_aside
from tests.compare.run import Ended, Side, run_sides

_MOST_SHOWN = 5
_CANNOT_COMPARE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Trees:
    """Where the two workers are, and the folder that takes clips, logs and published files."""

    old: Path
    new: Path
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """A job that was run with both workers."""

    job: CompareJob
    old: Ended
    new: Ended
    comparison: Comparison


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise CannotCompareError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def find_commit(name: str) -> str:
    try:
        return git("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
    except CannotCompareError as error:
        raise CannotCompareError(f"{name} is no commit of this repository ({error})") from error


@contextlib.contextmanager
def worktree(commit: str, path: Path) -> Iterator[Path]:
    """Check a commit out into a folder, and remove that at the end."""
    git("worktree", "add", "--detach", str(path), commit)
    try:
        yield path
    finally:
        git("worktree", "remove", "--force", str(path))


def compare_job(job: CompareJob, trees: Trees) -> Result:
    """Run a job with both workers; where segments differ, with OLD's once more."""
    source = find_source(job, trees.folder / "clips")
    folder = trees.folder / job.name
    sides = [
        Side(tree=trees.old, folder=folder / "old"),
        Side(tree=trees.new, folder=folder / "new"),
    ]
    old, new = run_sides(job, source, sides)
    for pattern in job.must_publish:
        if old.published.is_whole and not any(fnmatch(key, pattern) for key in old.published.files):
            raise CannotCompareError(f"{job.name}: OLD publishes no {pattern}")
    comparison = compare(old.published, new.published)
    if comparison.has_other_segments:
        (again,) = run_sides(job, source, [Side(tree=trees.old, folder=folder / "old-again")])
        comparison = set_aside(comparison, old=old.published, again=again.published)
    return Result(job=job, old=old, new=new, comparison=comparison)


def print_result(result: Result) -> None:
    """Print one line, and below it the first differences."""
    job, found = result.job, result.comparison
    differences, unreproducible = found.differences, found.unreproducible
    verdict = f"{len(differences)} DIFFERENCES" if differences else "same"
    if unreproducible:
        verdict += f", {len(unreproducible)} files not reproducible in OLD either"
    print(
        f"{job.name}: {job.clip}, {job.described_options}: {found.files} files,"
        f" {found.bytes} bytes: {verdict}; run {result.old.published.run},"
        f" {result.new.published.run}; {result.old.seconds:.0f} and {result.new.seconds:.0f} s"
    )
    _print_first("differs", [str(each) for each in differences])
    _print_first("not reproducible in OLD either", unreproducible)
    _print_first("top-level keys", found.records)
    sys.stdout.flush()


def _print_first(label: str, rows: Sequence[str]) -> None:
    for row in rows[:_MOST_SHOWN]:
        print(f"    {label}: {row}")
    if len(rows) > _MOST_SHOWN:
        print(f"    … and {len(rows) - _MOST_SHOWN} more")


def print_summary(results: Sequence[Result]) -> int:
    """Print how many jobs are the same; 1 where one is not."""
    same = [result for result in results if not result.comparison.differences]
    loose = [result for result in same if result.comparison.unreproducible]
    note = f", {len(loose)} but for files not reproducible in OLD either" if loose else ""
    print(f"{len(same)} of {len(results)} jobs the same{note}")
    return int(len(same) < len(results))


def choose_jobs(names: str) -> list[CompareJob]:
    """Choose jobs by their names, separated by commas; all where none is given."""
    known = {job.name: job for job in JOBS}
    chosen = [name.strip() for name in names.split(",") if name.strip()] or list(known)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise CannotCompareError(
            f"no job is named {', '.join(unknown)}; there are {', '.join(known)}"
        )
    return [known[name] for name in dict.fromkeys(chosen)]


def run_all(old: str, jobs: Sequence[CompareJob], keep: Path | None) -> int:
    """Compare all jobs and print each; return the exit status."""
    commit = find_commit(old)
    changed = ", with changes that are not committed" if git("status", "--porcelain") else ""
    print(f"OLD is {commit}, this tree {git('rev-parse', 'HEAD')}{changed}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="compare-") as temporary,
        worktree(commit, Path(temporary) / "old") as tree,
    ):
        trees = Trees(old=tree, new=ROOT, folder=keep or Path(temporary) / "jobs")
        results = []
        for job in jobs:
            results.append(compare_job(job, trees))
            print_result(results[-1])
    return print_summary(results)


def check_empty(folder: Path) -> Path:
    """Resolve a folder that is to be filled.

    Raises:
        CannotCompareError: something is there already.

    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CannotCompareError(f"{folder} is not an empty folder")
    return folder.resolve()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/compare-commits", description=__doc__)
    parser.add_argument("old", metavar="OLD", help="the commit to compare with")
    parser.add_argument(
        "--jobs",
        metavar="NAME,…",
        default="",
        help=f"only these jobs (all: {', '.join(job.name for job in JOBS)})",
    )
    parser.add_argument(
        "--keep",
        metavar="DIR",
        type=Path,
        help="keep clips, logs and published files in this folder, which is new or empty",
    )
    return parser.parse_args()


def _exit(number: int, _: FrameType | None) -> NoReturn:
    """End by an exception, so that the worktree and the worker go."""
    sys.exit(128 + number)


def main() -> int:
    arguments = _parse()
    signal.signal(signal.SIGTERM, _exit)
    try:
        jobs = choose_jobs(arguments.jobs)
        check_clips(jobs)
        return run_all(arguments.old, jobs, arguments.keep and check_empty(arguments.keep))
    except CannotCompareError as error:
        print(f"compare-commits: {error}", file=sys.stderr)
        return _CANNOT_COMPARE


if __name__ == "__main__":
    sys.exit(main())
