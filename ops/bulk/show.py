"""What is shown while the rows of a list are on their way: a live table, lines, or JSON events."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ops.bulk.report import row_record
from ops.bulk.upload import Phase, Progress
from ops.console import duration, is_terminal, live_lines, say, show_json

# Of rows named at the foot of a terminal.
_NAMED = 12
_INTERVAL_S = 0.25
# Where no table is seen, the counts are a line from time to time.
_LINE_INTERVAL_S = 60.0
_EVENT = "row"


@dataclass(frozen=True, kw_only=True, slots=True)
class Screen:
    """`show` gets each change of a row, `tick` all rows, often."""

    show: Callable[[Progress], None]
    tick: Callable[[Sequence[Progress]], None]


@contextmanager
def open_screen(*, as_json: bool, clock: Callable[[], float] = time.monotonic) -> Iterator[Screen]:
    """Open what fits: events for a program, a table for a person, lines for a log."""
    if as_json:
        yield Screen(show=_show_event, tick=lambda _: None)
    elif is_terminal():
        with live_lines() as draw:
            lines = _limited(lambda rows: draw(_table(rows)), _INTERVAL_S, clock)
            yield Screen(show=_show_end, tick=lines)
    else:
        yield Screen(
            show=_show_line,
            tick=_limited(lambda rows: say(_counts(rows)), _LINE_INTERVAL_S, clock),
        )


def _limited(
    draw: Callable[[Sequence[Progress]], None], interval_s: float, clock: Callable[[], float]
) -> Callable[[Sequence[Progress]], None]:
    drawn_s = float("-inf")

    def tick(rows: Sequence[Progress]) -> None:
        nonlocal drawn_s
        if clock() - drawn_s >= interval_s:
            drawn_s = clock()
            draw(rows)

    return tick


def _show_event(each: Progress) -> None:
    record: dict[str, Any] = {"event": _EVENT, **row_record(each)}
    show_json({name: value for name, value in record.items() if value not in (None, "")})


def _show_line(each: Progress) -> None:
    if each.phase is not Phase.RUNNING:
        say(_line(each))


def _show_end(each: Progress) -> None:
    if each.phase in {Phase.REFUSED, Phase.FAILED, Phase.SKIPPED}:
        say(_line(each))


def _line(each: Progress) -> str:
    words = [f"line {each.row.line}: {each.phase}", str(each.row.destination)]
    if each.job_id:
        words.append(each.job_id)
    if each.end and each.end.seconds is not None:
        words.append(f"({duration(each.end.seconds)})")
    text = " ".join(words)
    if each.end is None or each.phase is Phase.PUBLISHED:
        return text
    return f"{text}: {each.end.outcome}: {each.end.message}"


def _counts(rows: Sequence[Progress]) -> str:
    counts = Counter(each.phase for each in rows)
    return f"{len(rows)} rows: " + ", ".join(f"{counts[p]} {p}" for p in Phase)


def _table(rows: Sequence[Progress]) -> list[str]:
    working = [each for each in rows if each.is_in_batch]
    # Running ones first: they are what moves.
    working.sort(key=lambda each: (each.phase is not Phase.RUNNING, each.row.line))
    lines = [_counts(rows)]
    lines += [
        f"  {each.phase:8} line {each.row.line:<6} {each.row.destination}"
        for each in working[:_NAMED]
    ]
    if len(working) > _NAMED:
        lines.append(f"  … and {len(working) - _NAMED} more")
    return lines
