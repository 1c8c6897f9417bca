"""Finds out in which encoding a track's texts are: UTF-8, UTF-16, or Korean CP949. Pure.

Containers say UTF-8 and hold what they were given. A text of some words is too short for a
detector that counts letters (of seven in CP949 charset-normalizer reads four), so that an encoding
is found by what it cannot be.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

UTF8 = "utf-8"
# Of which EUC-KR is a part.
_CP949 = "cp949"
_PAIR = re.compile(rb"[\x81-\xfe][A-Za-z\x81-\xfe]")
_EUC_KR_FROM = 0xA1
# In Korean a few syllables of a thousand are CP949's alone. Nearly all are that CP949 makes of
# apostrophes in Windows-1252, or of Japanese in Shift JIS.
_LEAST_EUC_KR_SHARE = 0.5
# None of them is the start of a text in UTF-8 or CP949.
_MARKS = {
    codecs.BOM_UTF8: UTF8,
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# Of all characters in the wrong byte order most are in none of the ranges.
_LEAST_LIKELY_SHARE = 0.8
# ASCII, Latin, punctuation, Korean letters, full-width forms.
_LIKELY = (
    *(range(0x20, 0x7F), range(0xA0, 0x180), range(0x2000, 0x2070), range(0x3000, 0x3040)),
    *(range(0x3131, 0x318F), range(0xAC00, 0xD7A4), range(0xFF00, 0xFFF0)),
)


def decode_texts(raws: Sequence[bytes]) -> tuple[list[str], str]:
    """Decode the texts of one track; return them, and their encoding.

    Where texts differ in it, those that are not UTF-8 are named, with commas. What is wrong in it
    becomes U+FFFD. A text that starts with a byte order mark is what that says.
    """
    common = _find_encoding(raws)
    marks = [_mark_of(raw) for raw in raws]
    encodings = [_MARKS.get(mark, common) for mark in marks]
    texts = [
        raw.removeprefix(mark).decode(encoding, errors="replace").rstrip("\0")
        for raw, mark, encoding in zip(raws, marks, encodings, strict=True)
    ]
    return texts, ",".join(sorted({*encodings} - {UTF8})) or UTF8


def decode_file(raw: bytes) -> tuple[str, str]:
    """Decode a whole file; return its text, and its encoding.

    Judged line by line, so that a damaged byte does not decide for all of them. What is in neither
    of these encodings is decoded as UTF-8, so that it shows.
    """
    if _mark_of(raw) or b"\0" in raw:
        (text,), encoding = decode_texts([raw])
        return text, encoding
    encoding = _find_encoding(raw.split(b"\n"))
    if encoding == _CP949 and not _is_korean(raw):
        encoding = UTF8
    return raw.decode(encoding, errors="replace"), encoding


def _is_korean(raw: bytes) -> bool:
    """Whether what can be decoded as CP949 is what Korean texts are made of."""
    pairs: list[bytes] = _PAIR.findall(raw)
    return sum(min(pair) >= _EUC_KR_FROM for pair in pairs) >= _LEAST_EUC_KR_SHARE * len(pairs)


def _mark_of(raw: bytes) -> bytes:
    return next((mark for mark in _MARKS if raw.startswith(mark)), b"")


def _find_encoding(raws: Sequence[bytes]) -> str:
    plain = [raw for raw in raws if not _mark_of(raw)]
    if all(_is_utf8(raw) for raw in plain):
        return UTF8
    # Where a file was cut into packets, only the first has the mark.
    orders = {_MARKS[mark] for raw in raws if (mark := _mark_of(raw))} - {UTF8}
    if len(orders) == 1:
        return orders.pop()
    likeliest = min(UTF8, _CP949, key=lambda name: _count_undecodable(plain, name))
    # Spaces, digits and full stops have a zero byte in UTF-16, and in no other encoding.
    has_zeros = any(b"\0" in raw for raw in plain)
    may_be_utf16 = has_zeros or _count_undecodable(plain, likeliest) > 0
    return (may_be_utf16 and _byte_order(plain)) or likeliest


def _is_utf8(raw: bytes) -> bool:
    # ASCII in UTF-16 is valid UTF-8, with a zero in each character. One at the end ends a string.
    return b"\0" not in raw.rstrip(b"\0") and _can_decode(raw, UTF8)


def _byte_order(raws: Sequence[bytes]) -> str | None:
    """Return the UTF-16 that texts without a mark are in; None where they are not."""
    shares = {name: _likely_share(raws, name) for name in ("utf-16-le", "utf-16-be")}
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] >= _LEAST_LIKELY_SHARE else None


def _likely_share(raws: Sequence[bytes], encoding: str) -> float:
    text = "".join("".join(raw.decode(encoding, errors="replace").split()) for raw in raws)
    return sum(any(ord(c) in chars for chars in _LIKELY) for c in text) / max(1, len(text))


def _count_undecodable(raws: Sequence[bytes], encoding: str) -> int:
    return sum(not _can_decode(raw, encoding) for raw in raws)


def _can_decode(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
