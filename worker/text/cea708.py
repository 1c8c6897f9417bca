"""Decodes CEA-708 captions: the packets of DTVCC in, cues out. Pure.

Text is written into up to eight windows, which are shown and hidden. Codes are those of CEA-708-E,
sections 7 and 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from worker.hls.webvtt import Cue
from worker.text.cells import NO_STYLES, Cells, Styles, styles_of
from worker.text.markup import render_pieces
from worker.text.shown_text import ShownText

_START = 3
_SERVICES = range(1, 7)
_MAX_COLUMN = 63
_G2 = dict(
    zip(
        b"\x20\x21\x25\x2a\x2c\x30\x31\x32\x33\x34\x35\x39\x3a\x3c\x3d\x3f\x76\x77\x78\x79",
        "\u00a0\u00a0…ŠŒ█‘’“”•™šœ℠Ÿ⅛⅜⅝⅞",  # noqa: RUF001 (its quotation marks)
        strict=True,
    )
)
# How many bytes follow a code of C0 and of C1.
_C0_MORE = {**dict.fromkeys(range(0x11, 0x18), 1), **dict.fromkeys(range(0x18, 0x20), 2)}
_C1_MORE = {
    **dict.fromkeys(range(0x88, 0x8E), 1),
    **dict.fromkeys((0x90, 0x92), 2),
    **dict.fromkeys(range(0x98, 0xA0), 6),
    0x91: 3,
    0x97: 4,
}
_EXTENDED = 0x10


@dataclass(slots=True)
class _Window:
    """One window: its text, its pen, and where it is; `anchor` is its vertical position."""

    anchor: int = 0
    row_count: int = 1
    is_visible: bool = False
    cells: Cells = field(default_factory=Cells)
    row: int = 0
    column: int = 0
    styles: Styles = NO_STYLES

    def write(self, char: str) -> None:
        self.cells.rows.setdefault(self.row, {})[self.column] = (char, self.styles)
        self.column = min(self.column + 1, _MAX_COLUMN)

    def backspace(self) -> None:
        if self.column > 0:
            self.column -= 1
            self.cells.rows.get(self.row, {}).pop(self.column, None)

    def clear(self) -> None:
        self.cells = Cells()
        self.row = self.column = 0

    def new_line(self) -> None:
        self.column = 0
        if self.row + 1 < self.row_count:
            self.row += 1
        else:
            self.cells.scroll(-1)
            self.cells.keep(range(self.row_count))


class _Service:
    """One service: its windows, of which one is written into, and what it showed."""

    def __init__(self) -> None:
        self.shown = ShownText()
        self._windows: dict[int, _Window] = {}
        self._current: _Window | None = None

    def read(self, at_ms: int, block: bytes) -> None:
        """Read a service block; a code that is cut off at its end is left out."""
        at = 0
        while at < len(block):
            at += self._read_code(block[at:])
        self.shown.show(at_ms, render_pieces(self._pieces()))

    def _pieces(self) -> Iterator[tuple[str, Styles]]:
        for window in sorted(self._windows.values(), key=lambda window: window.anchor):
            if window.is_visible:
                yield from window.cells.pieces()

    def _read_code(self, rest: bytes) -> int:
        """Execute the first code, and return how many bytes it has."""
        code = rest[0]
        if code == _EXTENDED:
            return self._read_extended(rest)
        if code < 0x20:
            self._control(code, rest[1:3])
            return 1 + _C0_MORE.get(code, 0)
        if 0x80 <= code < 0xA0:
            size = 1 + _C1_MORE.get(code, 0)
            if len(rest) >= size:
                self._command(code, rest[1:size])
            return size
        self._write("♪" if code == 0x7F else chr(code))
        return 1

    def _read_extended(self, rest: bytes) -> int:
        code = rest[1] if len(rest) > 1 else 0
        if 0x20 <= code < 0x80:
            # What is not in the set is shown as an underline.
            self._write(_G2.get(code, "_"))
        if code < 0x20:
            return 2 + code // 8
        if 0x80 <= code < 0x90:
            return 2 + code // 8 - 12
        if 0x90 <= code < 0xA0:
            return 3 + (rest[2] & 0x3F if len(rest) > 2 else 0)
        return 2

    def _write(self, char: str) -> None:
        if self._current:
            self._current.write(char)

    def _control(self, code: int, more: bytes) -> None:
        window = self._current
        if window is None:
            return
        match code:
            case 0x08:
                window.backspace()
            case 0x0C:
                window.clear()
            case 0x0D:
                window.new_line()
            case 0x0E:
                window.cells.rows.pop(window.row, None)
                window.column = 0
            case 0x18 if len(more) == 2:
                # In UTF-16, or in Korean KS X 1001: known when all are seen.
                window.write(chr(int.from_bytes(more)))
            case _:
                pass

    def _command(self, code: int, more: bytes) -> None:
        window = self._current
        if code < 0x88:
            self._current = self._windows.get(code - 0x80, window)
        elif 0x88 <= code <= 0x8C:
            for k in [k for k in self._windows if more[0] >> k & 1]:
                self._change_window(code, k)
        elif code == 0x8F:
            self._windows, self._current = {}, None
        elif code == 0x90 and window:
            window.styles = styles_of(
                is_italic=bool(more[1] & 0x80), is_underlined=bool(more[1] & 0x40)
            )
        elif code == 0x92 and window:
            window.row, window.column = more[0] & 0x0F, more[1] & 0x3F
        elif code >= 0x98:
            self._define_window(code - 0x98, more)

    def _change_window(self, code: int, k: int) -> None:
        window = self._windows[k]
        if code == 0x88:
            window.clear()
        elif code == 0x8C:
            del self._windows[k]
            self._current = None if self._current is window else self._current
        else:
            window.is_visible = {0x89: True, 0x8A: False}.get(code, not window.is_visible)

    def _define_window(self, k: int, more: bytes) -> None:
        window = self._windows.setdefault(k, _Window())
        window.is_visible = bool(more[0] & 0x20)
        window.anchor = more[1] & 0x7F
        window.row_count = (more[3] & 0x0F) + 1
        self._current = window


class Dtvcc:
    """The channel of CEA-708: packets, put together of triplets, and the services in them."""

    def __init__(self) -> None:
        self._services = {number: _Service() for number in _SERVICES}
        self._packet = bytearray()
        self._size = 0

    def add(self, at_ms: int, kind: int, first: int, second: int) -> None:
        """Take a pair of a packet.

        Raises:
            TooManyCuesError: there are more than 50,000 cues.

        """
        if kind == _START:
            self._packet.clear()
            # In pairs; the first byte is the header.
            self._size = 2 * (first & 0x3F) or 128
        self._packet += bytes((first, second))
        if self._size and len(self._packet) >= self._size:
            self._read_packet(at_ms, bytes(self._packet[1:]))
            self._size = 0

    def _read_packet(self, at_ms: int, packet: bytes) -> None:
        at = 0
        while at < len(packet):
            number, size = packet[at] >> 5, packet[at] & 0x1F
            at += 1
            if number == 7 and size and at < len(packet):
                number = packet[at] & 0x3F
                at += 1
            if number in self._services and size:
                self._services[number].read(at_ms, packet[at : at + size])
            at += size

    def end(self, at_ms: int) -> tuple[tuple[Cue, ...], ...]:
        """Return the cues of each service."""
        return tuple(_in_unicode(service.shown.end(at_ms)) for service in self._services.values())


def _in_unicode(cues: tuple[Cue, ...]) -> tuple[Cue, ...]:
    """Read characters of two bytes as Korean in EUC-KR, where all of them can be that.

    Of those in UTF-16 most have a second byte that EUC-KR has not.
    """
    codes = {ord(char) for cue in cues for char in cue.text if ord(char) > 0xA1A0}
    table: dict[int, str] = {}
    for code in codes:
        try:
            table[code] = code.to_bytes(2).decode("euc_kr")
        except (UnicodeDecodeError, OverflowError):
            return cues
    return tuple(replace(cue, text=cue.text.translate(table)) for cue in cues)
