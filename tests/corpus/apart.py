"""Reads and judges one clip in a process of its own: a broken file may take its reader with it."""

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
from tests.corpus.run import Ended, Verdict, judge
from tests.corpus.source import read_source

# An hour of 1080p is read in less.
_LONGEST_READING_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is printed of one clip."""

    clip: str
    status: int | None
    line: str
    faults: tuple[str, ...]
    doubts: tuple[str, ...]


def row(verdict: Verdict) -> Row:
    """Put a verdict into words."""
    source, figures, ended = verdict.source, verdict.figures, verdict.ended
    parts = [ended.outcome or "no outcome"]
    if ended.status == 0:
        parts += [
            f"{source.duration_s:.3f} → {figures.duration_s:.3f} s",
            f"sound {lags(figures.sound)}" if figures.has_sound else "no sound",
            f"picture {lags(figures.picture)}",
            f"{displayed(verdict)} → {figures.width}x{figures.height}",
            f"turned {figures.orientation}",
        ]
    elif ended.message:
        parts.append(ended.message.replace("\n", " ")[:200])
    parts.append(f"took {ended.seconds:.1f} s")
    return Row(
        clip=verdict.clip,
        status=ended.status,
        line=", ".join(parts),
        faults=tuple(verdict.faults),
        doubts=tuple(verdict.doubts),
    )


def lags(found: Sequence[Lag | None]) -> str:
    """Say how late it is at start, middle and end; `-`: static or silent there."""
    told = ["-" if lag is None else f"{lag.lag_s * 1000:+.0f}" for lag in found]
    return f"{'/'.join(told)} ms" if any(found) else "static"


def displayed(verdict: Verdict) -> str:
    size = verdict.source.display
    return f"{float(size[0]):.0f}x{float(size[1]):.0f}" if size else "?"


def _examine(
    pipe: Connection[Any, Any], name: str, clip: Path, out: Path, expected: Expected | None
) -> None:
    source = read_source(clip)
    pipe.send(source.duration_s)
    ended = pipe.recv()
    pipe.send(row(judge(name, source, ended, out, expected)))


class Reader:
    """A child that reads the clip, tells its length, waits for the worker's end, and judges."""

    def __init__(self, name: str, clip: Path, out: Path, expected: Expected | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_examine, args=(theirs, name, clip, out, expected), daemon=True
        )
        self._process.start()
        theirs.close()
        self.length_s: float | None = self._answer()

    def judge(self, ended: Ended) -> Row | None:
        """Return what the child makes of it; None where there is no child any more."""
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
