"""A folder as a store."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from worker.errors import CannotWriteError, StorageUnavailableError
from worker.layout import MANIFEST, MASTER, STATUS, THUMBNAIL, File, LargeFile, md5_of
from worker.storage.base import Content, Parts, PreconditionFailedError, StoredObject

_TEMPORARY = ".incomplete-"
_LOCK_WAIT_S, _LOCK_POLL_S = 5.0, 0.01
# What is replaced must be whole after a power failure: without fsync a file system may have the new
# name and none of the content.
_COMMITTED = frozenset({MASTER, MANIFEST, THUMBNAIL, STATUS})


class LocalStore:
    """Writes beside the target and renames over it, so that each object appears whole.

    The ETag is the MD5 of the content, as S3's is for an object written by one PUT.

    `is_leased`: no other process writes below the folder, so others' unfinished files are removed.
    """

    def __init__(self, folder: Path, *, is_leased: bool = False) -> None:
        self._folder = folder
        self._is_leased = is_leased
        # The name distinguishes a file that is being written from what a killed job left.
        self._temporary = f"{_TEMPORARY}{uuid.uuid4().hex[:8]}-"
        self._cleaned: set[Path] = set()

    def __str__(self) -> str:
        return str(self._folder)

    def put(self, file: File) -> StoredObject:
        """Write an object; content type and cache headers have no meaning in a folder."""
        with self._written(file.key, lambda target: target.write(file.data)) as temporary:
            temporary.replace(self._folder / file.key)
            self._sync(file)
        return StoredObject(bytes=len(file.data), etag=md5_of(file.data))

    def put_large(self, file: LargeFile, parts: Parts) -> StoredObject:  # noqa: ARG002 (as of Store)
        """Write an object from a file, whole."""
        with (
            file.path.open("rb") as source,
            self._written(file.key, lambda target: shutil.copyfileobj(source, target)) as temporary,
        ):
            temporary.replace(self._folder / file.key)
        return StoredObject(bytes=file.bytes, etag=file.md5)

    def give_up_large(self, file: LargeFile, parts: Parts) -> None:
        """Nothing is left of a copy that failed."""

    def replace(self, file: File, *, etag: str | None) -> StoredObject:
        """Write an object if it is the expected one; other workers on this machine wait.

        The lock is held for a comparison and a rename only: a worker that is stopped meanwhile
        (SIGSTOP) holds up all others.
        """
        with self._written(file.key, lambda target: target.write(file.data)) as temporary:
            with self._locked():
                found = self.get(file.key)
                if (found.etag if found else None) != etag:
                    raise PreconditionFailedError(file.key)
                temporary.replace(self._folder / file.key)
            self._sync(file)
        return StoredObject(bytes=len(file.data), etag=md5_of(file.data))

    @contextlib.contextmanager
    def _written(self, key: str, fill: Callable[[BinaryIO], object]) -> Iterator[Path]:
        """Write an object under another name, which is gone at the end.

        Errors of the caller's own calls to the file system count as its.
        """
        path = self._folder / key
        temporary: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._clean(path.parent)
            handle, name = tempfile.mkstemp(prefix=self._temporary, dir=path.parent)
            temporary = Path(name)
            with os.fdopen(handle, "wb") as target:
                # mkstemp makes it private; what is published is for others to read.
                os.fchmod(target.fileno(), 0o644)
                fill(target)
                if key in _COMMITTED:
                    target.flush()
                    os.fsync(target.fileno())
            yield temporary
        except FileNotFoundError as error:
            # It was made just now, and removed by another worker that found nothing in it.
            raise StorageUnavailableError(
                f"cannot write {path}: its folder was removed; submit the job again"
            ) from error
        except OSError as error:
            raise _refused("write", path, error) from error
        finally:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    temporary.unlink()

    def _sync(self, file: File) -> None:
        if file.key in _COMMITTED:
            _sync_folder((self._folder / file.key).parent)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock, which the kernel gives back however the worker ends."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._wait_for_lock(folder)
            yield
        finally:
            os.close(folder)

    def _wait_for_lock(self, folder: int) -> None:
        end_s = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                return fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > end_s:
                    raise StorageUnavailableError(
                        f"cannot lock {self._folder}: another process has held its lock for"
                        f" {_LOCK_WAIT_S:g} s; submit the job again when that has ended"
                    ) from error
            time.sleep(_LOCK_POLL_S)

    def get(self, key: str) -> Content | None:
        """Read an object; None where there is none."""
        try:
            data = (self._folder / key).read_bytes()
            return Content(data=data, etag=md5_of(data))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _refused("read", self._folder / key, error) from error

    def get_start(self, key: str, length: int) -> bytes | None:
        """Read the first bytes of an object; None where there is none."""
        try:
            with (self._folder / key).open("rb") as file:
                return file.read(length)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _refused("read", self._folder / key, error) from error

    def list(self, prefix: str) -> dict[str, StoredObject]:
        """List by reading: what the disk holds is what counts, not what was meant to be written.

        What another worker deletes meanwhile is left out.
        """
        found = {}
        try:
            for path in _files_below(self._folder / prefix.rpartition("/")[0]):
                key = path.relative_to(self._folder).as_posix()
                if key.startswith(prefix) and (stored := self._read(key)):
                    found[key] = stored
        except OSError as error:
            raise _refused("list", self._folder / prefix, error) from error
        return dict(sorted(found.items()))

    def _read(self, key: str) -> StoredObject | None:
        """Describe an object by reading it, piece by piece: it may be larger than memory."""
        try:
            with (self._folder / key).open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
                size = os.fstat(file.fileno()).st_size
                return StoredObject(bytes=size, etag=digest.hexdigest())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, and the folders in which nothing is left but what was never finished."""
        tops = set()
        for key in keys:
            path = self._folder / key
            tops.add(self._folder / key.partition("/")[0])
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise _refused("delete", path, error) from error
        for top in tops:
            for folder, _, names in os.walk(top, topdown=False):
                if all(self._is_left_over(name) for name in names):
                    _remove(Path(folder), names)

    def _clean(self, folder: Path) -> None:
        """Remove what a killed job left in a folder of a run, before the first write there.

        Jobs that only ask for the lease write in the destination itself, which is left alone.
        """
        if not self._is_leased or folder == self._folder or folder in self._cleaned:
            return
        self._cleaned.add(folder)
        with contextlib.suppress(OSError):
            for path in folder.glob(f"{_TEMPORARY}*"):
                if self._is_left_over(path.name):
                    path.unlink(missing_ok=True)

    def _is_left_over(self, name: str) -> bool:
        return name.startswith(_TEMPORARY) and not name.startswith(self._temporary)


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder, onerror=_raise_unless_gone):
        yield from (Path(parent, name) for name in names if _TEMPORARY not in name)


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; a file's own fsync does not."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Remove a folder with these files in it, if that is all."""
    with contextlib.suppress(OSError):
        for name in names:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def _refused(verb: str, path: Path, error: OSError) -> CannotWriteError:
    return CannotWriteError(
        f"cannot {verb} {path}: {error.strerror}; make room or grant access, then submit again"
    )
