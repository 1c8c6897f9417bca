"""A file on this machine: as the source of a job, and as a published file to be read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from worker.errors import NoSourceError
from worker.storage.base import BrokenOffError, was_replaced

_READ_BYTES = 1 << 18
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class LocalSource:
    """A file that a job reads where it is, again and again, until it publishes.

    `identity` names its very content by its size and SHA-256.

    Raises:
        NoSourceError: it is missing, no file, may not be read, or was changed while it was hashed.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _refusals(path):
            # Before it is opened: a socket cannot be, and a device may act on it.
            refuse_special(path, path.stat())
            # O_NONBLOCK: opening what has become a FIFO meanwhile would wait for a writer. For a
            # file it has no meaning.
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                self._found = os.fstat(handle)
                refuse_special(path, self._found)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                self.identity = f"file {file.seek(0, os.SEEK_CUR)} {digest}"
        self.check_unchanged()

    def check_unchanged(self) -> None:
        """Make sure that the path leads to the file that was hashed, and that nobody wrote to it.

        Not by another digest, which takes as long as reading the whole file.

        Raises:
            NoSourceError: it was replaced or changed, or went away.

        """
        with _refusals(self.path):
            found = self.path.stat()
        refuse_special(self.path, found)
        for name, was, now in (
            ("size", self._found.st_size, found.st_size),
            ("time of modification", self._found.st_mtime_ns, found.st_mtime_ns),
            ("inode", self._found.st_ino, found.st_ino),
        ):
            if was != now:
                raise NoSourceError(was_replaced(self.path, f"its {name} is another"))


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoSourceError(
            f"cannot read {path}: {error.strerror}; check the path (in a container: the mount)"
        ) from error


def refuse_special(path: Path, found: os.stat_result) -> None:
    """Refuse what is no regular file: reading it may wait for ever, or never end.

    Raises:
        NoSourceError: it says what is there.

    """
    if stat.S_ISREG(found.st_mode):
        return
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no regular file")
    raise NoSourceError(f"{path} is {kind}; name a regular file")


class LocalFile:
    """A file of a folder, to be read in ranges; a link that leads out of the folder is refused.

    Raises:
        NoSourceError: it is missing, no file, outside the folder, or may not be read.

    """

    takes_ranges = True

    def __init__(self, folder: Path, key: str) -> None:
        self._path = folder / key
        try:
            real = self._path.resolve(strict=True)
            if not real.is_file() or not real.is_relative_to(folder.resolve()):
                raise NoSourceError(f"there is no {key} in {folder}")
            found = real.stat()
        except (OSError, ValueError) as error:
            raise NoSourceError(f"there is no {key} in {folder}") from error
        self._path = real
        self.size_bytes: int | None = found.st_size
        self.identity = f"file {found.st_size} {found.st_mtime_ns}"

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end)."""
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                while start < end and (data := file.read(min(_READ_BYTES, end - start))):
                    start += len(data)
                    yield data
        except OSError as error:
            raise BrokenOffError(f"reading {self._path} broke off: {error.strerror}") from error
