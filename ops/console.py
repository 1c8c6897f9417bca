"""What the commands show: plain lines, aligned tables, no secrets."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

# Log lines hold file names that strangers chose: none may steer the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")
_MINUTE_S, _HOUR_S = 60, 3600


def say(text: str = "") -> None:
    """Show a line at once."""
    sys.stdout.write(_CONTROL.sub("�", text) + "\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """Show a line that is not part of a command's answer."""
    sys.stderr.write(_CONTROL.sub("�", text) + "\n")
    sys.stderr.flush()


def redact(text: str) -> str:
    """Leave out the queries of URLs: a presigned one opens the upload to everyone."""
    return _QUERY.sub(r"\1?…", text)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns; the first row is the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def duration(seconds: float) -> str:
    """Say a time as a person would: `48 s`, `12 min`, `3 h 20 min`."""
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    minutes = round(seconds / _MINUTE_S)
    hours, minutes = divmod(minutes, _MINUTE_S)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
