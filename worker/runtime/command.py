"""A program's argument list, and the pipes that it writes on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# The label of a child's standard output; without it, that is discarded.
STDOUT = "stdout"
# The label of the pipe on which an FFmpeg reports its progress.
PROGRESS = "progress"
# No argument, path or text of an upload can hold a NUL: what stands between two of them is a label.
_MARK = "\0"

Program = Literal["ffmpeg", "ffprobe"]


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: a program, its arguments, and the labels of the pipes that it writes on.

    An argument names a pipe by `pipe_url(label)`. The descriptor is filled in when the program is
    started, so that a command is a plain value, known before anything runs.
    """

    program: Program
    args: tuple[str, ...]
    pipes: tuple[str, ...] = ()

    def fill_in(self, descriptors: Mapping[str, int]) -> list[str]:
        """Return the arguments with the descriptors of the pipes."""
        return [_fill_in(arg, descriptors) if _MARK in arg else arg for arg in self.args]


def pipe_url(label: str) -> str:
    """Name a pipe in an argument of FFmpeg: `pipe:7`, once the program is started."""
    return f"pipe:{_MARK}{label}{_MARK}"


def _fill_in(arg: str, descriptors: Mapping[str, int]) -> str:
    parts = arg.split(_MARK)
    parts[1::2] = (str(descriptors[label]) for label in parts[1::2])
    return "".join(parts)
