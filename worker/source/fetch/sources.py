"""The parts of a source on disk: fetched as wholes, or as far as they are needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from worker.config.job import Job
from worker.errors import BadSourceError, NoSourceError, SourceFault
from worker.plan.plan import Plan, Span
from worker.runtime.workspace import Workspace
from worker.source.fetch.disk import check_space
from worker.source.fetch.download import OnProgress, download
from worker.source.fetch.ranged import RangedSource
from worker.storage.base import RemoteFile, naming_part
from worker.storage.local_source import refuse_special
from worker.storage.open import OpenedParts

_GIB = 1 << 30
# In the folder of each file.
_FETCHED = "source"

OnBegin = Callable[[int | None], None]
Content = RemoteFile | Path


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file that is on disk as a whole, as an encode reads it."""

    path: Path

    def ensure(self, plan: Plan, span: Span) -> None:
        """Everything is there."""

    def complete(self) -> None:
        """Everything is there."""


def fetch(
    source: OpenedParts,
    job: Job,
    workspace: Workspace,
    *,
    on_begin: OnBegin = lambda _size: None,
    on_progress: OnProgress = lambda _done, _size: None,
) -> tuple[Path, ...]:
    """Return all parts on disk, in order; a local one is read where it is.

    `on_begin` gets the size of all downloads, `on_progress` bytes so far and in all.

    Raises:
        BadSourceError: together they are larger than is accepted.
        NoSourceError: a local one went away, or is no regular file by now.
        WorkerError: as `download` raises it.

    """
    arrival = _Arrival.of(source, job, on_progress)
    if arrival.is_needed:
        # Before the first byte of the first part, not after hours, with the last one.
        check_space(workspace.folder, arrival.size or 0)
        on_begin(arrival.size)

    def fetch_part(number: int, content: Content, path: Path) -> Path:
        if isinstance(content, Path):
            return content
        download(
            content,
            path,
            budget=workspace.budget,
            threads=job.upload_threads,
            on_progress=arrival.reporter_of(number),
        )
        return path

    return tuple(_each(source, workspace, fetch_part))


def fetch_as_needed(
    source: OpenedParts,
    job: Job,
    workspace: Workspace,
    *,
    on_progress: OnProgress = lambda _done, _size: None,
) -> tuple[WholeFile | RangedSource, ...]:
    """Return all parts where `fetch` puts them, each to be fetched as far as it is needed.

    A local one is read where it is. `on_progress` gets the bytes so far and in all.

    Raises:
        BadSourceError: together they are larger than is accepted.
        NoSourceError: a local one went away, or is no regular file by now.

    """
    arrival = _Arrival.of(source, job, on_progress)

    def open_part(number: int, content: Content, path: Path) -> WholeFile | RangedSource:
        if isinstance(content, Path):
            return WholeFile(content)
        return RangedSource(
            content,
            path,
            budget=workspace.budget,
            threads=job.upload_threads,
            on_progress=arrival.reporter_of(number),
        )

    return tuple(_each(source, workspace, open_part))


def sizes_of(source: OpenedParts, paths: Sequence[Path]) -> tuple[int, ...]:
    """Return how large each part is, as announced, or else as it came to its path."""
    return tuple(
        _size_of(part.content) or (path.stat().st_size if path.exists() else 0)
        for part, path in zip(source.parts, paths, strict=True)
    )


_T = TypeVar("_T")


def _each(
    source: OpenedParts, workspace: Workspace, take: Callable[[int, Content, Path], _T]
) -> Iterator[_T]:
    """Yield what `take` makes of each part and the path where it belongs, if it is fetched."""
    count = len(source.parts)
    for number, part in enumerate(source.parts, start=1):
        path = workspace.of_file(number).folder / _FETCHED
        with naming_part(number, count):
            taken = take(number, part.content, path)
        yield taken


@dataclass(slots=True)
class _Arrival:
    """How much there is of each part, and how much of it has come.

    `sizes` None: not announced, and a server may send without end. `came` holds nothing of local
    ones, which are not fetched.
    """

    sizes: Sequence[int | None]
    came: dict[int, int]
    most_gib: float
    on_progress: OnProgress

    @classmethod
    def of(cls, source: OpenedParts, job: Job, on_progress: OnProgress) -> Self:
        """Look at the parts, and refuse what is known to be too large."""
        sizes: list[int | None] = []
        for number, part in enumerate(source.parts, start=1):
            with naming_part(number, len(source.parts)):
                sizes.append(_size_of(part.content))
        remote = (not isinstance(part.content, Path) for part in source.parts)
        came = {number: 0 for number, is_remote in enumerate(remote, start=1) if is_remote}
        arrival = cls(sizes=sizes, came=came, most_gib=job.max_source_gib, on_progress=on_progress)
        arrival.refuse_large()
        return arrival

    @property
    def is_needed(self) -> bool:
        """Whether anything is to be fetched."""
        return bool(self.came)

    @property
    def size(self) -> int | None:
        """How much is to be fetched; None where a part does not say."""
        sizes = [size for number in self.came if (size := self.sizes[number - 1]) is not None]
        return sum(sizes) if len(sizes) == len(self.came) else None

    def reporter_of(self, number: int) -> OnProgress:
        """Return what counts the bytes of a part, from 1, that have come."""

        def report(done: int, _size: int | None) -> None:
            self.came[number] = done
            self.refuse_large()
            self.on_progress(sum(self.came.values()), self.size)

        return report

    def refuse_large(self) -> None:
        """Refuse what is larger than is accepted, by the size or by what came of it.

        Raises:
            BadSourceError: it says up to which part.

        """
        total = 0
        for number, size in enumerate(self.sizes, start=1):
            total += self.came[number] if size is None else size
            if total > round(self.most_gib * _GIB):
                at = f" up to part {number} of {len(self.sizes)}" if self.sizes[1:] else ""
                raise BadSourceError(
                    f"the upload has {total / _GIB:.1f} GiB or more{at}; {self.most_gib:g} GiB"
                    " are accepted; export it at a lower bit rate, or in parts",
                    code=SourceFault.TOO_LARGE,
                )


def _size_of(content: Content) -> int | None:
    return _stat(content).st_size if isinstance(content, Path) else content.size_bytes


def _stat(path: Path) -> os.stat_result:
    """Look at a local source again: FFmpeg opens it from now on, and would wait for a FIFO."""
    try:
        found = path.stat()
    except OSError as error:
        raise NoSourceError(f"{path} went away: {error.strerror}; submit the job again") from error
    refuse_special(path, found)
    return found
