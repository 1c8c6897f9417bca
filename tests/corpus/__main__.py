"""Runs the worker on every file of a folder, and lists what is wrong with the results."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from tests.corpus.expected import Expected, read_expected
from tests.corpus.reader import Reader, Row
from tests.corpus.run import INTERNAL_ERROR, Ended, run_worker

_SKIPPED = re.compile(r"(?i)(?:.*\.tsv|.*\.md|LICEN[CS]E.*)")


def clips(folder: Path, only: str) -> list[str]:
    """List the files of a folder, sorted, without those that describe it."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        name.as_posix()
        for name in names
        if not _SKIPPED.fullmatch(name.name) and fnmatch(name.as_posix(), only)
    )


def try_clip(arguments: argparse.Namespace, name: str, expected: Expected | None) -> Row:
    """Read a clip, run the worker on it, and check the result; with --keep it stays."""
    clip, kept = arguments.folder / name, arguments.keep and arguments.keep / name
    with tempfile.TemporaryDirectory(prefix="corpus-") as work:
        out = kept or Path(work) / "out"
        if kept and kept.exists():
            shutil.rmtree(kept)
        with Reader(name, clip, out, expected) as reader:
            bound_s = arguments.bound + arguments.bound_rate * (reader.length_s or 0)
            ended = run_worker(clip, out, bound_s=bound_s)
            if kept:
                kept.mkdir(parents=True, exist_ok=True)
                (kept / "log.jsonl").write_text(ended.output)
            return reader.check(ended) or unread(name, ended)


def unread(name: str, ended: Ended) -> Row:
    """Return the row of a clip at which the reader died."""
    return Row(
        clip=name,
        status=ended.status,
        line=f"{ended.outcome or 'hang'}  {ended.seconds:.1f} s",
        faults=("cannot be checked: the reader died, or hung",),
        doubts=(),
    )


def rows(arguments: argparse.Namespace, names: Sequence[str]) -> Iterator[Row]:
    expected = read_expected(arguments.expect) if arguments.expect else {}
    with ThreadPoolExecutor(arguments.jobs) as pool:
        yield from pool.map(lambda name: try_clip(arguments, name, expected.get(name)), names)


def print_row(row: Row) -> None:
    status = "hang" if row.status is None else str(row.status)
    print(f"{status:>4}  {row.clip}\n      {row.line}")
    for fault in row.faults:
        print(f"      WRONG {fault}")
    for doubt in row.doubts:
        print(f"      doubt {doubt}")
    sys.stdout.flush()


def print_summary(found: Sequence[Row]) -> int:
    """Print counts; 1 where anything failed."""
    statuses = Counter("hang" if row.status is None else str(row.status) for row in found)
    wrong = [row for row in found if row.faults]
    counts = ", ".join(f"{count} of status {status}" for status, count in sorted(statuses.items()))
    print(
        f"{len(found)} clips: {counts}; {statuses['hang']} hangs,"
        f" {statuses[str(INTERNAL_ERROR)]} internal errors, {len(wrong)} wrong,"
        f" {sum(bool(row.doubts) for row in found)} doubtful"
    )
    for row in wrong:
        print(f"  WRONG {row.clip}: {row.faults[0]}")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/corpus",
        description=f"{__doc__} Each clip is decoded by PyAV, with no code of the worker, and"
        " what is published is compared with that: duration, offset of audio and video, shape,"
        " orientation, coding, metadata. Exit status 1 where anything is wrong.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder of clips")
    parser.add_argument(
        "--expect",
        metavar="FILE",
        type=Path,
        help="expected results of the clips (tests/data/*.tsv)",
    )
    parser.add_argument(
        "--keep", metavar="DIR", type=Path, help="keep what was published in this folder"
    )
    parser.add_argument(
        "--only", metavar="GLOB", default="*", help="only the clips whose path matches"
    )
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="clips at a time (1)")
    parser.add_argument(
        "--bound",
        metavar="S",
        type=float,
        default=120,
        help="seconds that a run may take (120), plus",
    )
    parser.add_argument(
        "--bound-rate",
        metavar="X",
        type=float,
        default=20,
        help="so many times the length of the clip (20)",
    )
    arguments = parser.parse_args()
    arguments.folder = arguments.folder.resolve()
    arguments.keep = arguments.keep and arguments.keep.resolve()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder")
    names = clips(arguments.folder, arguments.only)
    if not names:
        parser.error(f"no file in {arguments.folder} matches {arguments.only}")
    found = []
    for row in rows(arguments, names):
        print_row(row)
        found.append(row)
    return print_summary(found)


if __name__ == "__main__":
    sys.exit(main())
