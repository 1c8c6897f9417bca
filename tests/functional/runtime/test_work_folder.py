"""Work folders of killed jobs are removed by the next job; those of live ones are not."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path

import pytest

from tests.functional.conftest import wait_for
from tests.functional.pipeline.outcomes import SLOW, video_segments
from tests.functional.worker_process import FAST_LEASE, RunWorker, StartWorker
from worker.errors import TerminatedError
from worker.runtime import work_folder
from worker.runtime.work_folder import open_folder, remove_old_folders


def nothing() -> None:
    """Nothing stops the job."""


def leave_folder(parent: Path, name: str = "academy-video-worker-old") -> Path:
    """Leave what a killed job leaves."""
    folder = parent / name
    (folder / "720p").mkdir(parents=True)
    (folder / "720p" / "00000.ts").write_bytes(b"x")
    (folder / ".lock").touch()
    return folder


def test_the_next_job_removes_the_folder_of_a_killed_one(
    start_worker: StartWorker, run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """While a third one works in the same directory, and keeps its own.

    Both are suspended, so that neither ends before it is looked at.
    """
    work = tmp_path / "shared"
    options = ("--source", small_clip, "--work-dir", work, *SLOW)
    killed = start_worker(*options, "--destination", tmp_path / "killed", before=FAST_LEASE)
    wait_for(lambda: video_segments(tmp_path / "killed"), what="segment")
    killed.process.send_signal(signal.SIGSTOP)
    (left,) = work.iterdir()
    alive = start_worker(*options, "--destination", tmp_path / "alive", before=FAST_LEASE)
    wait_for(lambda: video_segments(tmp_path / "alive"), what="segment")
    alive.process.send_signal(signal.SIGSTOP)
    assert len(list(work.iterdir())) == 2
    killed.process.kill()
    killed.process.communicate()
    ended = run_worker(*options, "--destination", tmp_path / "killed", before=FAST_LEASE)
    assert ended.status == 0, ended.stdout
    assert [e["folder"] for e in ended.named("old_work_folder_removed")] == [str(left)]
    alive.process.send_signal(signal.SIGCONT)
    assert alive.wait(300).status == 0
    assert list(work.iterdir()) == []


def test_only_unlocked_folders_of_the_workers_own_are_removed(tmp_path: Path) -> None:
    old = leave_folder(tmp_path)
    kept = [
        leave_folder(tmp_path, "another-program"),
        leave_folder(tmp_path, "academy-video-worker-without-lock"),
        tmp_path / "academy-video-worker-file",
        tmp_path / "academy-video-worker-link",
    ]
    (kept[1] / ".lock").unlink()
    kept[2].touch()
    kept[3].symlink_to(kept[0])
    with open_folder(tmp_path) as own:
        remove_old_folders(tmp_path, nothing)
        assert own.is_dir()
    assert not old.exists()
    assert not own.exists()
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    assert (kept[0] / "720p" / "00000.ts").exists()


def test_a_folder_that_is_removed_as_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, calls = fcntl.flock, list[int]()

    def late(lock: int, operation: int) -> None:
        calls.append(lock)
        if len(calls) == 1:
            remove_old_folders(tmp_path, nothing)
        flock(lock, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with open_folder(tmp_path) as own:
        assert (own / ".lock").exists()
        assert list(tmp_path.iterdir()) == [own]


def test_the_removal_is_bounded_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network file system may stand still."""
    leave_folder(tmp_path)
    monkeypatch.setattr(work_folder, "_CLEAN_S", 0.3)
    monkeypatch.setattr(work_folder, "_remove", lambda _: time.sleep(20))
    started_s = time.monotonic()
    remove_old_folders(tmp_path, nothing)
    assert time.monotonic() - started_s < 10


def test_a_stop_ends_the_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_folder(tmp_path)
    monkeypatch.setattr(work_folder, "_remove", lambda _: time.sleep(20))

    def stopped() -> None:
        raise TerminatedError("now")

    with pytest.raises(TerminatedError):
        remove_old_folders(tmp_path, stopped)


def test_the_lock_is_not_inherited(tmp_path: Path) -> None:
    with open_folder(tmp_path) as own:
        held = [
            int(each.name)
            for each in Path("/proc/self/fd").iterdir()
            if each.resolve() == own / ".lock"
        ]
        assert [os.get_inheritable(lock) for lock in held] == [False]
