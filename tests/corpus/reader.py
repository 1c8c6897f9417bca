"""Reads and checks one clip in a child process: a broken file may crash the reader."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.corpus.expected import Expected
from tests.corpus.measure import Lag
from tests.corpus.run import Ended, Result, check_result
from tests.corpus.source import read_source

# An hour of 1080p is read in less.
_LONGEST_READING_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is printed about one clip."""

    clip: str
    status: int | None
    line: str
    faults: tuple[str, ...]
    doubts: tuple[str, ...]


def make_row(result: Result) -> Row:
    """Put a result into words."""
    source, figures, ended = result.source, result.figures, result.ended
    parts = [ended.outcome or "no outcome"]
    if ended.status == 0:
        parts += [
            f"{source.duration_s:.3f} → {figures.duration_s:.3f} s",
            f"audio {show_lags(figures.audio)}" if figures.has_audio else "no audio",
            f"video {show_lags(figures.video)}",
            f"{show_display(result)} → {figures.width}x{figures.height}",
            f"orientation {figures.orientation}",
        ]
    elif ended.message:
        parts.append(ended.message.replace("\n", " ")[:200])
    parts.append(f"took {ended.seconds:.1f} s")
    return Row(
        clip=result.clip,
        status=ended.status,
        line=", ".join(parts),
        faults=tuple(result.faults),
        doubts=tuple(result.doubts),
    )


def show_lags(found: Sequence[Lag | None]) -> str:
    """Write the lag at start, middle and end; `-` where it is static or silent."""
    parts = ["-" if lag is None else f"{lag.lag_s * 1000:+.0f}" for lag in found]
    return f"{'/'.join(parts)} ms" if any(found) else "static"


def show_display(result: Result) -> str:
    size = result.source.display
    return f"{float(size[0]):.0f}x{float(size[1]):.0f}" if size else "?"


def _examine(
    pipe: Connection[Any, Any], name: str, clip: Path, out: Path, expected: Expected | None
) -> None:
    source = read_source(clip)
    pipe.send(source.duration_s)
    ended = pipe.recv()
    pipe.send(make_row(check_result(name, source, ended, out, expected)))


class Reader:
    """A child that reads a clip, sends its length, waits for the worker, and checks the result."""

    def __init__(self, name: str, clip: Path, out: Path, expected: Expected | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child_end = context.Pipe()
        self._process = context.Process(
            target=_examine, args=(child_end, name, clip, out, expected), daemon=True
        )
        self._process.start()
        child_end.close()
        self.length_s: float | None = self._answer()

    def check(self, ended: Ended) -> Row | None:
        """Return the child's row; None where the child has died or hangs."""
        try:
            self._pipe.send(ended)
        except OSError:
            return None
        answer: Row | None = self._answer()
        return answer

    def _answer(self) -> Any:  # noqa: ANN401 (what the child sends)
        try:
            return self._pipe.recv() if self._pipe.poll(_LONGEST_READING_S) else None
        except (EOFError, OSError):
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()
