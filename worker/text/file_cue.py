"""What the readers of subtitle files yield: cues, and what is wrong in a line. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCue:
    """A cue as a file has it, in milliseconds of the file's time; `text` is that of WebVTT.

    Of one without a text nothing is shown.
    """

    start_ms: int
    end_ms: int
    text: str
    settings: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Why a cue cannot be used, and in which line that is, counted from 1."""

    line: int
    reason: str


class BadSubtitlesError(Exception):
    """A file of subtitles cannot be used: `fault` says in which line, and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"line {fault.line}: {fault.reason}")
        self.fault = fault
