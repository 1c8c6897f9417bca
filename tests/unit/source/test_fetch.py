"""Several files of one source: all are fetched, limited and reported together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes import Clock
from tests.unit.sample import job
from worker.config.location import LocalLocation, S3Location
from worker.errors import BadSourceError, NoSourceError, SourceFault, StorageUnavailableError
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools, Workspace
from worker.source.fetch import sources
from worker.source.fetch.ranged import RangedSource
from worker.source.fetch.sources import WholeFile, fetch, fetch_as_needed, sizes_of
from worker.storage.base import naming_part
from worker.storage.open import OpenedParts, OpenedSource

GIB = 1 << 30


class Remote:
    """A file elsewhere, of which every byte is its number."""

    takes_ranges = True

    def __init__(self, number: int, size: int, *, announced: bool = True) -> None:
        self.number, self.size = number, size
        self.size_bytes = size if announced else None
        self.identity = f"remote {number}"

    def read(self, start: int, end: int) -> Iterator[bytes]:
        yield bytes([self.number]) * (end - start if self.size_bytes is not None else self.size)


def opened(*contents: Remote | Path) -> OpenedParts:
    return OpenedParts(
        tuple(
            OpenedSource(
                location=S3Location(bucket="uploads", key=f"{number}.mp4"),
                content=content,
                identity=f"{number}",
            )
            for number, content in enumerate(contents, start=1)
        )
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    folder = tmp_path / "work"
    folder.mkdir()
    return Workspace(folder=folder, tools=Tools(), budget=Budget(time_limit_s=600, clock=Clock()))


def test_each_part_has_a_file_and_progress_is_of_all_bytes(
    workspace: Workspace, tmp_path: Path
) -> None:
    local = tmp_path / "local.mp4"
    local.write_bytes(b"local")
    begun: list[int | None] = []
    seen: list[tuple[int, int | None]] = []
    source = opened(Remote(1, 3000), local, Remote(2, 500), Remote(1, 0))
    paths = fetch(
        source,
        job(),
        workspace,
        on_begin=begun.append,
        on_progress=lambda done, size: seen.append((done, size)),
    )
    work = workspace.folder
    assert paths == (work / "source", local, work / "file3/source", work / "file4/source")
    assert [path.read_bytes() for path in paths] == [b"\1" * 3000, b"local", b"\2" * 500, b""]
    assert begun == [3500]
    assert seen[-1] == (3500, 3500)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {size for _, size in seen} == {3500}
    assert sizes_of(source, paths) == (3000, 5, 500, 0)


def test_one_file_is_fetched_as_ever(workspace: Workspace) -> None:
    (path,) = fetch(opened(Remote(1, 10)), job(), workspace)
    assert path == workspace.folder / "source"


def test_a_size_that_is_not_announced_is_unknown_of_all(workspace: Workspace) -> None:
    begun: list[int | None] = []
    remotes = (Remote(1, 10), Remote(2, 20, announced=False))
    paths = fetch(opened(*remotes), job(), workspace, on_begin=begun.append)
    assert begun == [None]
    assert [path.stat().st_size for path in paths] == [10, 20]


def test_local_files_alone_are_not_fetched(workspace: Workspace, tmp_path: Path) -> None:
    local = tmp_path / "local.mp4"
    local.write_bytes(b"local")
    begun: list[int | None] = []
    assert fetch(opened(local, local), job(), workspace, on_begin=begun.append) == (local, local)
    assert begun == []
    assert not [path for path in workspace.folder.rglob("*") if path.is_file()]
    assert fetch_as_needed(opened(local), job(), workspace) == (WholeFile(local),)


def test_the_size_limit_is_for_all_parts_together(workspace: Workspace) -> None:
    source = opened(Remote(1, 2 * GIB), Remote(2, 2 * GIB), Remote(3, GIB))
    for take in (fetch, fetch_as_needed):
        with pytest.raises(
            BadSourceError, match=r"4\.0 GiB or more up to part 2 of 3; 3"
        ) as raised:
            take(source, job("--max-source-gib", "3"), workspace)
        assert raised.value.code is SourceFault.TOO_LARGE
    alone = opened(Remote(1, 4 * GIB))
    with pytest.raises(BadSourceError, match=r"the upload has 4\.0 GiB or more; 3 GiB"):
        fetch(alone, job("--max-source-gib", "3"), workspace)


def test_what_comes_without_an_announced_size_counts_as_well(workspace: Workspace) -> None:
    source = opened(Remote(1, 700 << 10), Remote(2, 700 << 10, announced=False))
    with pytest.raises(BadSourceError, match=r"up to part 2 of 2; 0\.001 GiB"):
        fetch(source, job("--max-source-gib", "0.001"), workspace)


def test_space_for_all_parts_is_checked_before_the_first_byte(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Any] = []
    monkeypatch.setattr(sources, "check_space", lambda folder, size: checked.append((folder, size)))
    fetch(opened(Remote(1, 10), Remote(2, 20)), job(), workspace)
    assert checked == [(workspace.folder, 30)]


def test_a_machine_of_a_team_fetches_each_part_by_itself(workspace: Workspace) -> None:
    first, second = fetch_as_needed(opened(Remote(1, 10), Remote(2, 20)), job(), workspace)
    assert isinstance(first, RangedSource)
    assert isinstance(second, RangedSource)
    second.complete()
    assert not first.path.exists()
    assert second.path.read_bytes() == b"\2" * 20


@pytest.mark.parametrize("kind", [NoSourceError, StorageUnavailableError])
def test_a_part_that_cannot_be_read_is_named_where_there_are_several(kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^part 2 of 3: gone$"), naming_part(2, 3):
        raise kind("gone")
    with pytest.raises(kind, match=r"^gone$"), naming_part(1, 1):
        raise kind("gone")


def test_a_local_part_that_changed_is_named(tmp_path: Path) -> None:
    def changed() -> None:
        raise NoSourceError("b.mp4 was replaced")

    location = LocalLocation(path=tmp_path)
    parts = (
        OpenedSource(location=location, content=tmp_path, identity="a"),
        OpenedSource(location=location, content=tmp_path, identity="b", check_unchanged=changed),
    )
    with pytest.raises(NoSourceError, match=r"^part 2 of 2: b\.mp4 was replaced"):
        OpenedParts(parts).check_unchanged()
    assert OpenedParts(parts).identity == '["a", "b"]'
    assert OpenedParts(parts[:1]).identity == "a"
