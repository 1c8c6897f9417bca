"""What the commands show: plain lines and tables, without secrets and control characters."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from worker.config.location import redact

# Log lines hold file names that strangers chose: none may control the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MINUTE_S, _HOUR_S = 60, 3600
_GAP = 2
# Of the last column on a terminal, where it is folded to fit.
_LEAST_WIDTH = 20


def say(text: str = "") -> None:
    """Show a line at once."""
    _write(sys.stdout, clean(text))


def warn(text: str) -> None:
    """Show a line that is not part of a command's answer."""
    _write(sys.stderr, clean(text))


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show a line that changes, where stderr is a terminal; yields what sets its text."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.status import Status
    from rich.text import Text

    with Status(Text(clean(text)), console=Console(stderr=True)) as status:
        yield lambda text: status.update(Text(clean(text)))


def clean(text: str) -> str:
    """Return a text as it may be shown: no query of a URL, which may be a signature."""
    return _CONTROL.sub("�", redact(text))


def show_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Show aligned columns, a row in a line.

    Nothing is cut off. On a terminal the last column is folded where that makes the table fit.
    """
    # Imported where it is used: most commands show no table.
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = [[clean(" ".join(cell.split())) for cell in row] for row in (heading, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    table = Table(box=None, pad_edge=False, header_style="")
    for name, width in zip(heading[:-1], widths, strict=False):
        table.add_column(name, width=width)
    table.add_column(heading[-1], overflow="fold")
    for row in shown[1:]:
        table.add_row(*map(Text, row))
    console = Console(file=sys.stdout, color_system=None, force_terminal=sys.stdout.isatty())
    fixed = sum(width + _GAP for width in widths[:-1])
    last = min(widths[-1], max(_LEAST_WIDTH, console.width - fixed))
    console.width = fixed + (last if console.is_terminal else widths[-1])
    with console.capture() as text:
        console.print(table)
    for line in text.get().splitlines():
        _write(sys.stdout, line.rstrip())


def show_json(value: object) -> None:
    """Show a value as one line of JSON, for other programs."""
    _write(sys.stdout, clean(json.dumps(value, ensure_ascii=False)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A command's answer: lines for people, or with `--json` a JSON object a line."""

    as_json: bool = False

    def show(self, event: str, text: str, /, **fields: object) -> None:
        """Show one event: its text to a person, its name and fields to a program."""
        if self.as_json:
            show_json({"event": event, **fields})
        else:
            say(text)

    def note(self, text: str) -> None:
        """Show what has no fields."""
        self.show("note", text, text=text)


FOR_PEOPLE = Answer()


def is_terminal() -> bool:
    """Whether a person reads the answer as it comes, and can be asked."""
    return sys.stdout.isatty() and sys.stdin.isatty()


def ask(question: str) -> bool:
    """Ask a person; anything but y or yes is no."""
    _write(sys.stderr, clean(question) + " [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


@contextmanager
def live_lines() -> Iterator[Callable[[Sequence[str]], None]]:
    """Show lines at the foot of a terminal, which each call of the function replaces.

    What is said or warned meanwhile appears above them.
    """
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    console = Console(color_system=None, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(lines: Sequence[str]) -> None:
            texts = [Text(clean(line), no_wrap=True, overflow="ellipsis") for line in lines]
            live.update(Group(*texts), refresh=True)

        yield show


def duration(seconds: float) -> str:
    """Return a time as people write it: `48 s`, `12 min`, `3 h 20 min`."""
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    minutes = round(seconds / _MINUTE_S)
    hours, minutes = divmod(minutes, _MINUTE_S)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _write(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()
