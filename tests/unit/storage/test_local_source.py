"""A local source that is replaced or changed is noticed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from worker.errors import NoSourceError
from worker.storage.local_source import LocalSource


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "upload.mp4"
    path.write_bytes(b"one")
    os.utime(path, ns=(0, 0))
    return path


def put_at(path: Path, content: bytes, time_ns: int = 0) -> None:
    """Replace a file by renaming, as most programs do; its inode is another."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    os.utime(new, ns=(time_ns, time_ns))
    new.replace(path)


def test_a_file_that_stays_is_unchanged_and_named_by_its_content(path: Path) -> None:
    source = LocalSource(path)
    source.check_unchanged()
    assert source.identity == f"file 3 {hashlib.sha256(b'one').hexdigest()}"


def test_a_file_that_was_replaced_by_another_of_its_size_and_time_is_noticed(path: Path) -> None:
    source = LocalSource(path)
    put_at(path, b"two")
    with pytest.raises(NoSourceError, match=r"upload.mp4 was replaced while it was read .*inode"):
        source.check_unchanged()


@pytest.mark.parametrize(
    ("content", "time_ns", "difference"),
    [(b"another", 0, "size"), (b"two", 1, "time of modification")],
)
def test_a_file_that_was_written_to_is_noticed(
    path: Path, content: bytes, time_ns: int, difference: str
) -> None:
    source = LocalSource(path)
    path.write_bytes(content)
    os.utime(path, ns=(time_ns, time_ns))
    with pytest.raises(NoSourceError, match=f"was replaced .*{difference}"):
        source.check_unchanged()


def test_a_file_that_went_away_is_noticed(path: Path) -> None:
    source = LocalSource(path)
    path.unlink()
    with pytest.raises(NoSourceError, match=r"cannot read .*upload.mp4"):
        source.check_unchanged()


@pytest.mark.parametrize("way", ["appended to", "replaced"])
def test_a_file_that_changes_while_it_is_hashed_is_refused(
    way: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload that is still being copied to its path, for example."""
    digest = hashlib.file_digest

    def then_changed(*arguments: object) -> object:
        found = digest(*arguments)  # type: ignore[arg-type]
        if way == "replaced":
            put_at(path, b"two")
        else:
            with path.open("ab") as file:
                file.write(b"more")
        return found

    monkeypatch.setattr(hashlib, "file_digest", then_changed)
    with pytest.raises(NoSourceError, match="was replaced while it was read"):
        LocalSource(path)
