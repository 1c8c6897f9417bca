"""What a job published, and how that differs from what another one published.

Only `read_files` reads a disk. Nothing is imported from the worker: the worker is what changes
between the two commits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from tests.digests import without_digests

MASTER, RUN = "master.m3u8", "RUN"
MANIFEST = "manifest.json"
# They hold times, the job's speed and versions, so their bytes differ from job to job.
RECORDS = frozenset({MANIFEST, "checkpoint.json", "status.json"})
_SEGMENT, _PLAYLIST, _TEXTS = ".ts", ".m3u8", (".m3u8", ".vtt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """Exit statuses of a job's worker runs, and its files with the run's name replaced by `RUN`.

    A status is None where the worker was killed because it took too long. `run` is None where
    there is no run's folder.
    """

    statuses: tuple[int | None, ...]
    run: str | None
    files: Mapping[str, bytes]

    @property
    def is_whole(self) -> bool:
        """Whether each run of the worker exited with 0."""
        return all(status == 0 for status in self.statuses)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A file that differs; `key` is empty where the exit status does.

    `is_in_both` is true where both published the file, with other bytes.
    """

    key: str
    text: str
    is_in_both: bool = False

    def __str__(self) -> str:
        return f"{self.key}: {self.text}" if self.key else self.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How many files and bytes of OLD were compared, and what came of it.

    `unreproducible` are keys of files that OLD does not repeat either. `records` says which
    top-level keys of the JSON records differ; that is no difference.
    """

    files: int
    bytes: int
    differences: tuple[Difference, ...]
    records: tuple[str, ...] = ()
    unreproducible: tuple[str, ...] = ()

    @property
    def has_other_segments(self) -> bool:
        """Whether the bytes of a segment differ that both published."""
        return any(each.is_in_both and each.key.endswith(_SEGMENT) for each in self.differences)


def read_files(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder; none where there is no folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def name_run(files: Mapping[str, bytes]) -> str | None:
    """Find the run's name: the folder that the master playlist names, else the only folder."""
    for line in files.get(MASTER, b"").decode().splitlines():
        if line and not line.startswith("#"):
            return line.partition("/")[0]
    folders = {key.partition("/")[0] for key in files if "/" in key}
    return folders.pop() if len(folders) == 1 else None


def without_run(statuses: Sequence[int | None], files: Mapping[str, bytes]) -> Published:
    """Replace the run's name, and leave out digests of content, in keys and inside playlists."""
    run = name_run(files)
    if run is None:
        return Published(statuses=tuple(statuses), run=None, files=files)
    replaced = {}
    for key, data in files.items():
        folder, slash, rest = key.partition("/")
        named = without_digests(f"{RUN}/{rest}" if slash and folder == run else key)
        is_text = key.endswith(_TEXTS)
        text = without_digests(data.decode().replace(run, RUN)) if is_text else ""
        replaced[named] = text.encode() if is_text else data
    return Published(statuses=tuple(statuses), run=run, files=replaced)


def compare(old: Published, new: Published) -> Comparison:
    """Compare all files but the records byte for byte, and the exit statuses."""
    both = [key for key in old.files if key in new.files]
    compared = [key for key in both if not is_record(key)]
    return Comparison(
        files=len(compared),
        bytes=sum(len(old.files[key]) for key in compared),
        differences=tuple(_differences(old, new)),
        records=tuple(
            f"{key}: {text}"
            for key in both
            if is_record(key) and (text := _compare_keys(old.files[key], new.files[key]))
        ),
    )


def set_aside(comparison: Comparison, *, old: Published, again: Published) -> Comparison:
    """Take from the differences the files in which OLD, run once more, differs from itself."""
    varying = {
        each.key
        for each in comparison.differences
        if each.is_in_both and again.files.get(each.key, old.files[each.key]) != old.files[each.key]
    }
    return replace(
        comparison,
        differences=tuple(each for each in comparison.differences if each.key not in varying),
        unreproducible=tuple(sorted(varying)),
    )


def is_record(key: str) -> bool:
    """Whether a file is one of the JSON records, which are not compared byte for byte."""
    return key.rpartition("/")[2] in RECORDS


def _differences(old: Published, new: Published) -> Iterator[Difference]:
    if old.statuses != new.statuses:
        text = f"exit status {_list(old.statuses)} in OLD, {_list(new.statuses)} in this tree"
        yield Difference(key="", text=text)
    elif not old.is_whole:
        # Two jobs that fail alike show nothing.
        yield Difference(key="", text=f"not published: exit status {_list(old.statuses)} in both")
    for key in sorted(old.files.keys() | new.files.keys()):
        if key not in new.files:
            yield Difference(key=key, text="only in OLD")
        elif key not in old.files:
            yield Difference(key=key, text="only in this tree")
        elif not is_record(key) and old.files[key] != new.files[key]:
            text = _describe(key, old.files[key], new.files[key])
            yield Difference(key=key, text=text, is_in_both=True)


def _list(statuses: Sequence[int | None]) -> str:
    return ", ".join("none (killed: too long)" if s is None else str(s) for s in statuses)


def _describe(key: str, old: bytes, new: bytes) -> str:
    """Describe the first difference: a line of a text, or a byte."""
    if key.endswith(_TEXTS):
        rows = zip_longest(old.splitlines(), new.splitlines())
        for number, (a, b) in enumerate(rows, 1):
            if a != b:
                return f"line {number} is {_quote(a)} in OLD, {_quote(b)} in this tree"
    first = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
    at = min(len(old), len(new)) if first is None else first
    return f"{len(old)} bytes in OLD, {len(new)} in this tree, the first that differs at {at}"


def _quote(line: bytes | None) -> str:
    return "missing" if line is None else repr(line.decode(errors="replace"))


def _compare_keys(old: bytes, new: bytes) -> str:
    """Say which top-level keys appear and disappear; empty where none does."""
    before, after = _keys(old), _keys(new)
    if before is None or after is None:
        return "" if before is after else "is a JSON object in one of both only"
    changes = [
        *(f"+{key}" for key in sorted(after - before)),
        *(f"-{key}" for key in sorted(before - after)),
    ]
    return " ".join(changes)


def _keys(record: bytes) -> set[str] | None:
    try:
        content = json.loads(record)
    except ValueError:
        return None
    return set(content) if isinstance(content, dict) else None
