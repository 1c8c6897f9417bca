"""Limits of a child process, set by words that precede its command."""

from __future__ import annotations

import shutil

from worker.runtime.resources import memory_bytes

# More than any segment; a copy of the source is given its own limit.
MAX_FILE_BYTES = 256 << 20
_OPEN_FILES = 256


def limit_words(*, file_bytes: int) -> list[str]:
    """Return the words that tie a command to the worker's life and limit its resources.

    The kernel kills it when the thread that started it ends, however the worker ends. It may use as
    much memory as the container has: what a crafted file asks for beyond is refused, where it would
    make a machine without such a limit swap. On a system without util-linux it runs unlimited.
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
