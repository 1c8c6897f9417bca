"""Limits and restrictions of a child process, set by words that precede its command."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from worker.runtime import launcher
from worker.runtime.landlock import landlock_version, landlock_words
from worker.runtime.resources import memory_bytes
from worker.runtime.seccomp import NoFilterError, filter_descriptor

# More than any segment; a copy of the source is given its own limit.
MAX_FILE_BYTES = 256 << 20
_OPEN_FILES = 256
_SET_DUMPABLE = 4

Mode = Literal["auto", "required", "off"]


class Part(StrEnum):
    """What a sandbox is made of."""

    NO_NEW_PRIVS = "no_new_privs"
    LANDLOCK = "landlock"
    SECCOMP = "seccomp"


@dataclass(frozen=True, slots=True)
class Level:
    """Parts of a sandbox, and the launcher (a program with its first arguments) that sets them."""

    launcher: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


class Sandbox:
    """How FFmpeg is restricted: not at all, until `choose` has found what works on this machine.

    `readable` are the files it may read beside its own and those in the work folder. `reasons` has
    why a part is not in force.
    """

    def __init__(self, mode: Mode = "off", *, readable: Sequence[Path] = ()) -> None:
        self.mode = mode
        self.reasons: dict[Part, str] = {}
        self.landlock_version = 0
        self._setpriv = (path,) if (path := shutil.which("setpriv")) else ()
        self._unrestricted = self.level = Level(self._setpriv)
        self._readable = tuple(readable)

    def choose(self, find_fault: Callable[[], str | None]) -> None:
        """Choose the strongest level with which FFmpeg runs, as `find_fault` finds by running it.

        Where it runs with none, the sandbox stays as it was.
        """
        faults = ["unknown"]
        for level in self._levels():
            self.level = level
            if (fault := find_fault()) is None:
                break
            faults.append(fault)
        else:
            self.level = self._unrestricted
        for part in self.lacks:
            self.reasons.setdefault(part, faults[-1])

    def _levels(self) -> Iterator[Level]:
        """Yield what may work on this machine, the strongest first."""
        there = {Part.LANDLOCK: self._has_landlock(), Part.SECCOMP: self._has_seccomp()}
        launchers: list[tuple[str, ...]] = [self._setpriv] if self._setpriv else []
        launchers.append((sys.executable, "-I", "-S", launcher.__file__))
        tried = set()
        for parts in ((Part.LANDLOCK, Part.SECCOMP), (Part.SECCOMP,), (Part.LANDLOCK,), ()):
            known = tuple(part for part in parts if there[part])
            if known not in tried:
                tried.add(known)
                yield from (Level(each, (Part.NO_NEW_PRIVS, *known)) for each in launchers)

    def _has_landlock(self) -> bool:
        self.landlock_version = landlock_version()
        if not self.landlock_version:
            self.reasons[Part.LANDLOCK] = "the kernel has none, or denies it"
        return self.landlock_version > 0

    def _has_seccomp(self) -> bool:
        try:
            filter_descriptor()
        except NoFilterError as error:
            self.reasons[Part.SECCOMP] = str(error)
            return False
        return True

    @property
    def lacks(self) -> tuple[Part, ...]:
        """Parts that are not in force."""
        return tuple(part for part in Part if part not in self.level.parts)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Open files that its launcher inherits."""
        return (filter_descriptor(),) if Part.SECCOMP in self.level.parts else ()

    def command(self, program: str, folder: Path, *, file_bytes: int) -> list[str]:
        """Return the words that limit and restrict a program that works in a folder, and its path.

        The kernel kills it when the thread that started it ends, however the worker ends. It may
        use as much memory as the container has: what a crafted file asks for beyond is refused,
        where it would make a machine without such a limit swap. On a system without util-linux it
        runs unlimited.
        """
        path = Path(shutil.which(program) or program).absolute()
        return [*_limits(file_bytes), *self._restrictions(path, folder), str(path)]

    def _restrictions(self, program: Path, folder: Path) -> Iterator[str]:
        parts = self.level.parts
        if not self.level.launcher:
            return
        yield from (*self.level.launcher, "--pdeathsig=KILL")
        if Part.NO_NEW_PRIVS in parts:
            yield "--no-new-privs"
        if Part.LANDLOCK in parts:
            yield from landlock_words(
                self.landlock_version,
                program=program,
                folder=folder,
                readable=self._readable,
                library_path=os.environ.get("LD_LIBRARY_PATH", ""),
            )
        if Part.SECCOMP in parts:
            yield f"--seccomp-filter=/proc/self/fd/{filter_descriptor()}"
        yield "--"


def _limits(file_bytes: int) -> Iterator[str]:
    if path := shutil.which("prlimit"):
        yield from (path, "--core=0", f"--fsize={file_bytes}", f"--nofile={_OPEN_FILES}")
        if memory := memory_bytes():
            yield f"--data={memory}"
        yield "--"


def hide_memory() -> None:
    """Let no other process of this user read the worker's memory and environment, or trace it."""
    ctypes.CDLL(None).prctl(_SET_DUMPABLE, *[ctypes.c_ulong(0)] * 4)
