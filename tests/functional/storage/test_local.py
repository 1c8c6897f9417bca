"""A folder as a store: what a killed job left in it is removed, and nothing else."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.functional.worker_process import RunWorker
from worker.errors import StorageUnavailableError
from worker.layout import STATUS, json_file, segment_file
from worker.storage import local
from worker.storage.local import LocalStore


def put(store: LocalStore, key: str) -> None:
    store.put(segment_file(key, b"x"))


def leave_unfinished_file(folder: Path) -> Path:
    """Leave what a job leaves that is killed in the middle of a write."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".incomplete-abcd1234"
    path.write_bytes(b"half")
    return path


def test_deleting_a_run_deletes_what_a_killed_job_left_in_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for key in ("old/720p/00000.ts", "old/checkpoint.json", "new/720p/00000.ts"):
        put(store, key)
    for folder in ("old", "old/720p", "old/480p", "new/720p"):
        leave_unfinished_file(tmp_path / folder)
    store.delete(store.list("old/"))
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert len(list((tmp_path / "new" / "720p").iterdir())) == 2


def test_what_another_worker_deletes_meanwhile_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, read = LocalStore(tmp_path), hashlib.file_digest
    for key in ("run/a/0", "run/b/0", "run/c/0"):
        put(store, key)

    def read_and_delete(*given: Any) -> object:
        digest = read(*given)
        shutil.rmtree(tmp_path / "run")
        return digest

    monkeypatch.setattr(hashlib, "file_digest", read_and_delete)
    assert len(store.list("run/")) == 1


def test_a_write_is_repeated_whose_folder_another_worker_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, make = LocalStore(tmp_path), tempfile.mkstemp

    def remove_once(*, prefix: str, dir: Path) -> tuple[int, str]:  # noqa: A002 (mkstemp's own)
        monkeypatch.undo()
        dir.rmdir()
        return make(prefix=prefix, dir=dir)

    monkeypatch.setattr(tempfile, "mkstemp", remove_once)
    with pytest.raises(StorageUnavailableError):
        put(store, "run/0")
    put(store, "run/0")


def test_a_file_that_is_being_written_is_not_deleted(tmp_path: Path) -> None:
    """Nor is a folder that still holds an object."""
    store = LocalStore(tmp_path)
    for key in ("run/a/0", "run/b/0", "run/b/1"):
        put(store, key)
    under_way = tmp_path / "run" / "a" / f"{store._temporary}xyz"
    under_way.write_bytes(b"half")
    kept = leave_unfinished_file(tmp_path / "run" / "b")
    store.delete(["run/a/0", "run/b/0"])
    assert under_way.exists()
    assert kept.exists()
    assert set(store.list("run/")) == {"run/b/1"}


def test_the_lease_owner_removes_unfinished_files_of_its_run(tmp_path: Path) -> None:
    """Nothing in the destination itself, where another job may request the lease."""
    stale = leave_unfinished_file(tmp_path / "run" / "720p")
    foreign = leave_unfinished_file(tmp_path)
    store = LocalStore(tmp_path, is_leased=True)
    put(store, "run/720p/00000.ts")
    put(store, "thumbnail.jpg")
    assert not stale.exists()
    assert foreign.exists()
    late = leave_unfinished_file(tmp_path / "run" / "720p")
    put(store, "run/720p/00001.ts")
    assert late.exists()


def test_without_a_lease_no_unfinished_file_is_removed(tmp_path: Path) -> None:
    """The preview writes a report while a job may be writing to the same run."""
    under_way = leave_unfinished_file(tmp_path / "run")
    put(LocalStore(tmp_path), "run/report.html")
    assert under_way.exists()


def test_a_job_removes_unfinished_files_of_the_run_that_it_resumes(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--source", small_clip, "--destination", out)
    run = run_worker(*options).final["run"]
    stale = leave_unfinished_file(out / run / "180p")
    (out / "master.m3u8").unlink()
    again = run_worker(*options)
    assert (again.status, again.final["run"]) == (0, run)
    assert not stale.exists()


@pytest.mark.parametrize("key", ["master.m3u8", "manifest.json", "status.json", "thumbnail.jpg"])
def test_what_is_replaced_is_on_the_disk_before_it_counts(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file before it gets its name, then the folder that has the name."""
    synced = []

    def fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").resolve()
        synced.append((path == tmp_path, path.stat().st_size > 0, (tmp_path / key).exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    put(LocalStore(tmp_path), key)
    assert [each[0::2] for each in synced] == [(False, False), (True, True)]
    assert synced[0][1], "the content is written by then"
    put(LocalStore(tmp_path), "run/720p/00000.ts")
    assert len(synced) == 2, "segments are many, and verified before they are published"


def test_no_lock_is_held_while_the_disk_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is stopped (SIGSTOP) with the lock would hold up the one that takes over."""
    lockable = []
    write_to_disk = os.fsync

    def fsync(handle: int) -> None:
        folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lockable.append(folder)
        os.close(folder)
        write_to_disk(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    LocalStore(tmp_path).replace(json_file(STATUS, b"{}"), etag=None)
    assert len(lockable) == 2, "the file, then its folder"


def test_a_lock_that_is_never_given_back_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_LOCK_WAIT_S", 0.05)
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        with pytest.raises(StorageUnavailableError, match="another process has held its lock"):
            LocalStore(tmp_path).replace(json_file(STATUS, b"{}"), etag=None)
    finally:
        os.close(folder)
    assert list(tmp_path.iterdir()) == []
