"""What bounds a child process: words that stand before its command."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

# More than any segment; a copy of the source is given its own bound.
FILE_BYTES = 256 << 20
_OPEN_FILES = 256
_MEMORY_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def guard(*, file_bytes: int) -> list[str]:
    """Return the words that tie a command to the worker's life and bound what it may take.

    The kernel kills it when the thread that started it goes, however the worker ends. It may use as
    much memory as the container has: what a crafted file asks for beyond is refused, where it would
    make a machine without such a limit swap. On a system without util-linux it runs unbound.
    """
    words: list[str] = []
    if path := shutil.which("setpriv"):
        words += [path, "--pdeathsig", "KILL", "--"]
    if path := shutil.which("prlimit"):
        words += [path, "--core=0", f"--fsize={file_bytes}", f"--nofile={_OPEN_FILES}"]
        if memory := memory_bytes():
            words.append(f"--data={memory}")
        words.append("--")
    return words


def memory_bytes() -> int | None:
    """Return the memory of the container, or of the machine; None where nobody tells."""
    found = []
    for path in _MEMORY_FILES:
        with contextlib.suppress(OSError, ValueError):
            found.append(int(path.read_text()))
    with contextlib.suppress(OSError, ValueError, IndexError):
        found.append(int(Path("/proc/meminfo").read_text().split()[1]) * 1024)
    return min(found, default=None)
