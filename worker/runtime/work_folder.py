"""A job's own folder below the work directory, and those that killed jobs left there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from worker.runtime.threads import NoAnswerError, run_in_thread

_PREFIX = "academy-video-worker-"
# Within the folder, and held for as long as the process lives: the kernel gives it back however
# that ends. Its children do not inherit it.
_LOCK = ".lock"
_ATTEMPTS = 5
# For all folders together. A disk that needs longer has a fault that the job will notice itself.
_CLEAN_S = 30.0

log = structlog.get_logger(__name__)


@contextlib.contextmanager
def open_folder(parent: Path | None) -> Iterator[Path]:
    """Make a folder of the job's own, locked, and remove it with all that is in it.

    Raises:
        OSError: it cannot be made.

    """
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    folder, lock = _make(parent)
    try:
        yield folder.resolve()
    finally:
        _remove(folder)
        if lock is not None:
            os.close(lock)


def remove_old_folders(parent: Path | None, check: Callable[[], None]) -> None:
    """Remove what killed jobs left below the work directory, in half a minute at most.

    `check` is called several times a second, and may raise.
    """
    end_s = time.monotonic() + _CLEAN_S
    folder = parent or Path(tempfile.gettempdir())
    try:
        run_in_thread(lambda: _remove_old(folder, end_s), check, timeout_s=_CLEAN_S)
    except NoAnswerError:
        log.warning("old_work_folders_not_removed", seconds=_CLEAN_S)


def _make(parent: Path | None) -> tuple[Path, int | None]:
    """Make a folder and lock it; None for the lock where the file system has no locks.

    Another job may take a folder for an old one before it is locked. Then there is a next one.
    """
    for _ in range(_ATTEMPTS):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        path = folder / _LOCK
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        except OSError:
            # Without a lock file no job takes it for an old one.
            os.close(lock)
            path.unlink(missing_ok=True)
            return folder, None
        if path.exists():
            return folder, lock
        os.close(lock)
    raise OSError(f"{_ATTEMPTS} folders were removed by another process as they were made")


def _remove_old(parent: Path, end_s: float) -> None:
    for folder in sorted(parent.glob(f"{_PREFIX}*")):
        if time.monotonic() > end_s:
            return
        with contextlib.suppress(OSError):
            _remove_if_old(folder)


def _remove_if_old(folder: Path) -> None:
    """Remove a folder of this user's that has a lock file, which no process holds."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)
        log.info("old_work_folder_removed", folder=str(folder))
    finally:
        os.close(lock)


def _remove(folder: Path) -> None:
    """Remove a folder, the lock file last: without it, the rest would never be found to be old."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name == _LOCK:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
