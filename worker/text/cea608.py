"""Decodes CEA-608 captions: pairs of bytes in, cues out. Pure.

A channel has two memories of 15 rows and 32 columns. Pop-on captions are written into the hidden
one and shown at once; roll-up and paint-on captions are written into the one that is shown.
"""

from __future__ import annotations

from enum import Enum

from worker.hls.webvtt import Cue
from worker.text.cells import NO_STYLES, Cells, styles_of
from worker.text.markup import render_pieces
from worker.text.shown_text import ShownText

_COLUMNS, _LAST_ROW = 32, 15
# Where the codes differ from ASCII (CEA-608-E, table 50), then the sets of two bytes (51 to 53).
_STANDARD = dict(zip(b"*\\^_`{|}~\x7f", "áéíóúç÷Ññ█", strict=True))
_SPECIAL = "®°½¿™¢£♪à\u00a0èâêîôû"
_EXTENDED = {
    0x12: "ÁÉÓÚÜü‘¡*'—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»",  # noqa: RUF001 (its quotation marks)
    0x13: "ÃãÍÌìÒòÕõ{}\\^_|~ÄäÖöß¥¤│ÅåØø┌┐└┘",
}
# Of a code's first byte: the first of its two rows (table 53). 0x10 has one row.
_ROWS = {0x10: 11, 0x11: 1, 0x12: 3, 0x13: 12, 0x14: 14, 0x15: 5, 0x16: 7, 0x17: 9}
_CHANNEL_BIT = 0x08
_CONTROLS, _STANDARD_CODES, _PREAMBLES = range(0x10, 0x20), range(0x20, 0x80), range(0x40, 0x80)
_TWENTIES, _THIRTIES = range(0x20, 0x30), range(0x30, 0x40)
_MISCELLANEOUS = (0x14, 0x15)
# A control code comes twice; the pair of a 24 Hz frame is 42 ms after the one before.
_REPEAT_MS = 100


class _Mode(Enum):
    NONE = "none"
    POP_ON = "pop-on"
    PAINT_ON = "paint-on"
    ROLL_UP = "roll-up"


# Text mode (0x2A, 0x2B) is a service of its own, beside captions.
_MODES = {0x20: _Mode.POP_ON, 0x29: _Mode.PAINT_ON, 0x2A: _Mode.NONE, 0x2B: _Mode.NONE}


class Channel:
    """One channel (CC1 … CC4): its memories, its cursor, and what it showed."""

    def __init__(self) -> None:
        self.shown = ShownText()
        self._displayed, self._hidden = Cells(), Cells()
        self._mode = _Mode.NONE
        self._depth, self._row, self._column = 2, _LAST_ROW, 0
        self._styles = NO_STYLES

    def control(self, at_ms: int, first: int, second: int) -> None:
        """Execute a control code, its channel bit cleared."""
        if second in _PREAMBLES:
            self._address(first, second)
        elif first in _MISCELLANEOUS and second in _TWENTIES:
            self._command(second)
        elif first == 0x11 and second in _TWENTIES:
            # A mid-row code takes the space of a character.
            self._styles = NO_STYLES
            self._write(" ")
            self._styles = styles_of(is_italic=second >= 0x2E, is_underlined=bool(second & 1))
        elif first == 0x11 and second in _THIRTIES:
            self._write(_SPECIAL[second - 0x30])
        elif first in _EXTENDED and second in range(0x20, 0x40):
            # It replaces the nearest character of the standard set, which comes before it.
            self._backspace()
            self._write(_EXTENDED[first][second - 0x20])
        elif first == 0x17 and second in range(0x21, 0x24):
            self._column = min(self._column + second - 0x20, _COLUMNS - 1)
        self._show(at_ms)

    def text(self, at_ms: int, *codes: int) -> None:
        """Write characters of the standard set."""
        for code in codes:
            if code in _STANDARD_CODES:
                self._write(_STANDARD.get(code, chr(code)))
        if self._mode is not _Mode.POP_ON:
            self._show(at_ms)

    def _show(self, at_ms: int) -> None:
        self.shown.show(at_ms, render_pieces(self._displayed.pieces()))

    @property
    def _memory(self) -> Cells:
        return self._hidden if self._mode is _Mode.POP_ON else self._displayed

    def _write(self, char: str) -> None:
        if self._mode is _Mode.NONE:
            return
        row = self._memory.rows.setdefault(self._row, {})
        row[min(self._column, _COLUMNS - 1)] = (char, self._styles)
        self._column = min(self._column + 1, _COLUMNS)

    def _backspace(self) -> None:
        if self._column > 0:
            self._column -= 1
            self._memory.rows.get(self._row, {}).pop(self._column, None)

    def _address(self, first: int, second: int) -> None:
        """Move the cursor: a preamble address code."""
        row = _ROWS[first] + (1 if second & 0x20 and first != 0x10 else 0)
        if self._mode is _Mode.ROLL_UP and row != self._row:
            # The rows that are shown move with the lowest one.
            self._displayed.scroll(row - self._row)
        self._row = row
        attribute = second >> 1 & 0x0F
        self._column = 4 * (attribute - 8) if attribute >= 8 else 0
        self._styles = styles_of(is_italic=attribute == 7, is_underlined=bool(second & 1))

    def _command(self, code: int) -> None:
        """Execute a miscellaneous control code (table 52)."""
        if code in _MODES:
            self._mode = _MODES[code]
            return
        match code:
            case 0x21:
                self._backspace()
            case 0x24:
                self._delete_to_end()
            case 0x25 | 0x26 | 0x27:
                self._roll_up(depth=code - 0x23)
            case 0x2C:
                self._displayed = Cells()
            case 0x2D:
                self._return()
            case 0x2E:
                self._hidden = Cells()
            case 0x2F:
                self._displayed, self._hidden = self._hidden, self._displayed
                self._mode = _Mode.POP_ON
            case _:
                pass

    def _delete_to_end(self) -> None:
        row = self._memory.rows.get(self._row, {})
        for column in [k for k in row if k >= self._column]:
            del row[column]

    def _roll_up(self, *, depth: int) -> None:
        if self._mode is not _Mode.ROLL_UP:
            self._displayed, self._hidden = Cells(), Cells()
            self._row, self._column = _LAST_ROW, 0
        self._mode, self._depth = _Mode.ROLL_UP, depth
        self._keep_window()

    def _return(self) -> None:
        if self._mode is not _Mode.ROLL_UP:
            return
        self._displayed.scroll(-1)
        self._keep_window()
        self._column, self._styles = 0, NO_STYLES

    def _keep_window(self) -> None:
        self._displayed.keep(range(self._row - self._depth + 1, self._row + 1))


class Field:
    """One field's pairs: two channels, and in the second field data about the program."""

    def __init__(self) -> None:
        self._channels = (Channel(), Channel())
        self._current: Channel | None = None
        self._repeatable: tuple[int, int, int] | None = None

    def add(self, at_ms: int, first: int, second: int) -> None:
        """Decode a pair; parity bits are not looked at.

        Raises:
            TooManyCuesError: there are more than 50,000 cues.

        """
        first, second = first & 0x7F, second & 0x7F
        if first == second == 0:
            return
        if first in _CONTROLS:
            if not self._is_repeat(at_ms, first, second):
                self._current = self._channels[bool(first & _CHANNEL_BIT)]
                self._current.control(at_ms, first & ~_CHANNEL_BIT, second)
            return
        self._repeatable = None
        if 0 < first < _CONTROLS.start:
            # Data about the program, until the next control code.
            self._current = None
        elif self._current:
            self._current.text(at_ms, first, second)

    def _is_repeat(self, at_ms: int, first: int, second: int) -> bool:
        before, self._repeatable = self._repeatable, (at_ms, first, second)
        if before is None or before[1:] != (first, second) or at_ms - before[0] > _REPEAT_MS:
            return False
        # A third one is no repeat.
        self._repeatable = None
        return True

    def end(self, at_ms: int) -> tuple[tuple[Cue, ...], tuple[Cue, ...]]:
        """Return the cues of both channels."""
        first, second = self._channels
        return first.shown.end(at_ms), second.shown.end(at_ms)
