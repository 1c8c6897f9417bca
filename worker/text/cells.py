"""A screen of captions: characters in rows and columns. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from worker.text.markup import Piece

Styles = frozenset[str]
Cell = tuple[str, Styles]
NO_STYLES: Styles = frozenset()


@dataclass(slots=True)
class Cells:
    """Rows of cells, by row and column, of which only written ones are there."""

    rows: dict[int, dict[int, Cell]] = field(default_factory=dict)

    def pieces(self) -> Iterator[Piece]:
        """Yield the text from top to bottom, each row a line."""
        for _, row in sorted(self.rows.items()):
            if row:
                line = [row.get(k, (" ", NO_STYLES)) for k in range(min(row), max(row) + 1)]
                for styles, cells in groupby(line, lambda cell: cell[1]):
                    yield "".join(char for char, _ in cells), styles
            yield "\n", NO_STYLES

    def scroll(self, by: int) -> None:
        """Move all rows down, or up where it is negative."""
        self.rows = {row + by: cells for row, cells in self.rows.items()}

    def keep(self, window: range) -> None:
        """Leave only these rows."""
        self.rows = {row: cells for row, cells in self.rows.items() if row in window}


def styles_of(*, is_italic: bool, is_underlined: bool) -> Styles:
    """Return the styles of a pen."""
    styles = {"i": is_italic, "u": is_underlined}
    return frozenset(name for name, is_on in styles.items() if is_on)
