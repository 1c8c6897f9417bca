"""Turns the markup of subtitle formats into that of WebVTT. Pure.

Italics, bold and underline are kept where the format means them; all other markup, and what draws
shapes, is left out. All that is text is escaped, so that players show it as it is.
"""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

# A piece of text, and which of b, i and u it is shown with.
Piece = tuple[str, frozenset[str]]
_PLAIN: frozenset[str] = frozenset()

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

# What programs write into SubRip. Other words in brackets are text: `vector<int>`. Overrides are
# those of ASS, with a value: `{\alpha}` is LaTeX.
_SUBRIP = re.compile(
    r"<(?P<end>/?)(?P<style>[biu])>|(?P<line><br ?/?>)"
    r"|</?(?:font(?:\s[^<>]*)?|s)>|\{\\(?:\d?[a-z]+[\d(&]|fn)[^{}]*\}",
    re.IGNORECASE,
)
# In SAMI, which is HTML; other words in brackets are text there as well: `<박수>`.
_SAMI = re.compile(
    r" ?(?P<line><br(?:[\s/][^<>]*)?>) ?|<(?P<end>/?)(?P<style>[biu])(?:\s[^<>]*)?>"
    r"|</?(?:font|span|div|center|p|sync|body|sami|s|strike|em|strong|big|small|tt|nobr"
    r"|ruby|rb|rt|rp|sub|sup|a|img|table|tr|td|h[1-6])(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_ASS = re.compile(r"\\(?P<char>[Nnh{}])|\{(?P<overrides>[^{}]*)\}")
_ASS_CHARS = {"N": "\n", "n": " ", "h": "\u00a0", "{": "{", "}": "}"}
_OVERRIDE = re.compile(r"\\(?:(?P<name>[biup])(?P<value>\d{0,4})|(?P<reset>r)\w*)(?![^\\)\s])")
# Weights of `\b`: 400 is regular, 700 bold.
_LEAST_BOLD = 600
# ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect; then the text.
_ASS_FIELDS = 8

# 3GPP TS 26.245, 5.17.1.1: first and last character, font, style flags, size, color.
_STYLE_RECORD = struct.Struct(">HHHBBI")
_MAX_STYLES = 1000
_FACES = {1: "b", 2: "i", 4: "u"}


def text_bytes(codec: str, data: bytes) -> bytes:
    """Return the part of a packet that is text in some encoding."""
    if codec != "mov_text":
        return data
    return data[2 : 2 + int.from_bytes(data[:2])]


def webvtt_text(codec: str, text: str, data: bytes) -> str:
    """Return the text of a packet as that of a WebVTT cue; empty where there is nothing to show."""
    readers: dict[str, Callable[[str], Iterator[Piece]]] = {
        "subrip": _subrip_pieces,
        "sami": _sami_pieces,
        "ass": _ass_pieces,
        "ssa": _ass_pieces,
        "mov_text": lambda text: _styled_pieces(text, data),
    }
    return render_pieces(readers.get(codec, _plain_pieces)(text.replace("\r\n", "\n")))


def render_pieces(pieces: Iterable[Piece]) -> str:
    """Write pieces of text as the text of a cue; empty where there is nothing to show."""
    written = "".join(
        "\n".join(_wrap(_CONTROL.sub("", part), styles) for part in re.split("[\r\n]", text))
        for text, styles in pieces
    )
    # An empty line would end the cue.
    return "\n".join(line.rstrip() for line in written.split("\n") if line.strip())


def _wrap(text: str, styles: frozenset[str]) -> str:
    escaped = text.translate(_ESCAPES)
    if not text.strip():
        return escaped
    opening = "".join(f"<{style}>" for style in sorted(styles))
    closing = "".join(f"</{style}>" for style in sorted(styles, reverse=True))
    return f"{opening}{escaped}{closing}"


def _plain_pieces(text: str) -> Iterator[Piece]:
    yield text, _PLAIN


def _subrip_pieces(text: str) -> Iterator[Piece]:
    return _tagged_pieces(text, _SUBRIP)


def _sami_pieces(text: str) -> Iterator[Piece]:
    """Split the text of an HTML element: line breaks are tags, and spaces are one space."""
    pieces = _tagged_pieces(_SPACES.sub(" ", text).strip(" "), _SAMI)
    return ((html.unescape(piece), styles) for piece, styles in pieces)


def _tagged_pieces(text: str, tags: re.Pattern[str]) -> Iterator[Piece]:
    styles, at = _PLAIN, 0
    for match in tags.finditer(text):
        yield text[at : match.start()], styles
        at = match.end()
        if match["line"]:
            yield "\n", _PLAIN
        elif style := match["style"]:
            styles = _switched(styles, style.lower(), is_on=not match["end"])
    yield text[at:], styles


def _ass_pieces(event: str) -> Iterator[Piece]:
    *head, text = event.split(",", _ASS_FIELDS)
    if len(head) < _ASS_FIELDS:
        return
    styles, is_drawing, at = _PLAIN, False, 0
    for match in _ASS.finditer(text):
        yield "" if is_drawing else text[at : match.start()], styles
        at = match.end()
        if match["char"]:
            yield "" if is_drawing else _ASS_CHARS[match["char"]], styles
            continue
        for override in _OVERRIDE.finditer(match["overrides"]):
            value = int(override["value"] or 0)
            if override["reset"]:
                styles = _PLAIN
            elif override["name"] == "p":
                is_drawing = value > 0
            else:
                is_on = value == 1 or value >= _LEAST_BOLD
                styles = _switched(styles, override["name"], is_on=is_on)
    yield "" if is_drawing else text[at:], styles


def _switched(styles: frozenset[str], style: str, *, is_on: bool) -> frozenset[str]:
    return styles | {style} if is_on else styles - {style}


def _styled_pieces(text: str, data: bytes) -> Iterator[Piece]:
    """Split 3GPP's timed text where its style box says that the style changes."""
    faces = bytearray(len(text))
    for first, end, flags in _style_records(data):
        styled = range(len(text))[first:end]
        faces[styled.start : styled.stop] = bytes([flags]) * len(styled)
    for face, chars in groupby(zip(faces, text, strict=True), lambda each: each[0]):
        styles = frozenset(name for flag, name in _FACES.items() if face & flag)
        yield "".join(char for _, char in chars), styles


def _style_records(data: bytes) -> Iterator[tuple[int, int, int]]:
    at = 2 + int.from_bytes(data[:2])
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        body = data[at + 8 : at + max(size, 8)]
        if data[at + 4 : at + 8] == b"styl":
            count = min(int.from_bytes(body[:2]), _MAX_STYLES)
            for k in range(2, min(len(body), 2 + count * _STYLE_RECORD.size), _STYLE_RECORD.size):
                if len(body) - k >= _STYLE_RECORD.size:
                    first, end, _, flags, _, _ = _STYLE_RECORD.unpack_from(body, k)
                    yield first, end, flags
        at += max(size, 8)
