"""Captions of CEA-708."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.captions import Triplet, cc_data, dtvcc
from worker.text.a53 import cc_triplets
from worker.text.cea708 import Dtvcc

END_MS = 60_000
# DefineWindow 0 and 1, of two rows: hidden; visible, further down.
HIDDEN, VISIBLE_BELOW = b"\x98\x18\x10\x00\x11\x1f\x11", b"\x99\x38\x40\x00\x11\x1f\x11"
SHOW_0, HIDE_0, CLEAR_ALL, DELETE_ALL = b"\x89\x01", b"\x8a\x01", b"\x88\xff", b"\x8c\xff"
LINE, BACKSPACE, RESET = b"\x0d", b"\x08", b"\x8f"


def decode(*written: tuple[int, list[Triplet]], service: int = 1) -> list[tuple[int, int, str]]:
    channel = Dtvcc()
    for at_ms, triplets in written:
        for kind, first, second in cc_triplets(cc_data(triplets), is_escaped=False):
            channel.add(at_ms, kind, first, second)
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in channel.end(END_MS)[service - 1]]


def shown(block: bytes) -> str:
    ((_, _, text),) = decode((0, dtvcc(block)))
    return text


def test_a_window_is_shown_and_hidden() -> None:
    assert decode(
        (0, dtvcc(HIDDEN + b"Hello <b>")), (2000, dtvcc(SHOW_0)), (5000, dtvcc(HIDE_0))
    ) == [(2000, 5000, "Hello &lt;b&gt;")]


@pytest.mark.parametrize("erase", [CLEAR_ALL, DELETE_ALL, RESET])
def test_text_ends_where_its_window_is_cleared(erase: bytes) -> None:
    assert decode((0, dtvcc(VISIBLE_BELOW + b"Hello")), (900, dtvcc(erase))) == [(0, 900, "Hello")]


def test_windows_are_read_from_top_to_bottom() -> None:
    assert shown(VISIBLE_BELOW + b"low" + HIDDEN + b"high" + SHOW_0) == "high\nlow"


def test_lines_scroll_in_a_window_that_is_full() -> None:
    assert shown(VISIBLE_BELOW + b"one" + LINE + b"two" + LINE + b"three") == "two\nthree"


def test_the_pen_has_a_location_and_styles() -> None:
    pen = b"\x92\x01\x00" + b"low" + b"\x92\x00\x00" + b"\x90\x05\x80" + b"high"
    assert shown(VISIBLE_BELOW + pen) == "<i>high</i>\nlow"
    assert shown(VISIBLE_BELOW + b"abc" + BACKSPACE + b"d\x0eef") == "ef"


def test_characters_of_each_set() -> None:
    # Of the extended sets: a character, one that is not in it, and codes with one and four bytes.
    extended = b"\x10\x33\x10\x20\x10\x50\x10\x08x\x10\x80xxxx\x10\x91\x02xx"
    assert shown(VISIBLE_BELOW + b"a\x7f\xe9" + extended + b".") == "a♪é“\u00a0_."


@pytest.mark.parametrize("encoding", ["euc_kr", "utf-16-be"])
def test_korean_is_read_in_both_encodings(encoding: str) -> None:
    text = "안녕하세요, 함수를 봅니다."
    codes = (char.encode() if char.isascii() else b"\x18" + char.encode(encoding) for char in text)
    first, *rest = codes
    packets = [dtvcc(VISIBLE_BELOW + first), *map(dtvcc, rest)]
    ((_, _, found),) = decode(*((0, packet) for packet in packets))
    assert found == text


def test_each_service_has_windows_of_its_own() -> None:
    packet = dtvcc(VISIBLE_BELOW + b"due", service=2)
    written = ((0, dtvcc(VISIBLE_BELOW + b"uno")), (500, packet))
    assert decode(*written) == [(0, END_MS, "uno")]
    assert decode(*written, service=2) == [(500, END_MS, "due")]


@given(st.lists(st.tuples(st.sampled_from([2, 3]), st.integers(0, 255), st.integers(0, 255))))
def test_any_pairs_are_decoded_to_cues(pairs: list[tuple[int, int, int]]) -> None:
    channel = Dtvcc()
    for k, pair in enumerate(pairs):
        channel.add(k, *pair)
    assert all(cue.text for cues in channel.end(END_MS) for cue in cues)


@given(st.binary(max_size=30), st.integers(1, 6))
def test_any_block_is_decoded_to_cues(block: bytes, service: int) -> None:
    for text in (block, VISIBLE_BELOW + block):
        decode((0, dtvcc(text[:31], service=service)), service=service)
