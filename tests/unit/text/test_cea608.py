"""Captions of CEA-608, and the user data in which they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.captions import (
    BACKSPACE,
    DELETE_TO_END,
    E_DIAERESIS,
    ERASE_SHOWN,
    FLIP,
    NOTE_SIGN,
    PAINT_ON,
    RESUME_POP_ON,
    RETURN,
    ROLL_UP_2,
    ROW_1,
    ROW_14,
    ROW_15,
    ROW_15_ITALIC,
    TEXT_MODE,
    Pair,
    cc_data,
    letters,
    parity,
    pop_on,
    sei,
    twice,
)
from worker.hls.webvtt import TooManyCuesError
from worker.text.a53 import PresentationOrder, cc_triplets
from worker.text.cea608 import Field
from worker.text.shown_text import ShownText

FRAME_MS = 40
END_MS = 60_000


def decode(*written: tuple[int, Sequence[Pair]], channel: int = 0) -> list[tuple[int, int, str]]:
    """Decode pairs, one a frame, each group from a time on; return what the channel showed."""
    field = Field()
    for start_ms, pairs in written:
        for k, (first, second) in enumerate(pairs):
            field.add(start_ms + k * FRAME_MS, parity(first), parity(second))
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in field.end(END_MS)[channel]]


def test_a_pop_on_caption_is_shown_from_the_flip_until_it_is_erased() -> None:
    shown = decode((0, pop_on("HELLO <WORLD>")), (2000, twice(FLIP)), (4000, twice(ERASE_SHOWN)))
    assert shown == [(2000, 4000, "HELLO &lt;WORLD&gt;")]


def test_a_pop_on_caption_replaces_the_one_before() -> None:
    shown = decode(
        *((0, pop_on("ONE")), (1000, twice(FLIP)), (2000, pop_on("TWO")), (5000, twice(FLIP)))
    )
    assert shown == [(1000, 5000, "ONE"), (5000, END_MS, "TWO")]


def test_rows_become_lines_and_styles_become_tags() -> None:
    pairs = [*pop_on("lower"), *twice(ROW_1), *letters("upper"), *twice((0x11, 0x2E))]
    pairs += [*letters("leaning"), *twice((0x11, 0x20)), *letters("not")]
    assert decode((0, pairs), (2000, twice(FLIP)))[0][2] == "upper <i>leaning</i> not\nlower"
    pairs = [*twice((0x14, 0x20), ROW_15_ITALIC), *letters("all")]
    assert decode((0, pairs), (2000, twice(FLIP)))[0][2] == "<i>all</i>"


def test_all_characters_are_those_of_the_standard() -> None:
    pairs = [*twice((0x14, 0x20), ROW_15), (0x2A, 0x5C), (0x7E, 0x7F), *twice(NOTE_SIGN)]
    # An extended character replaces the one that older receivers show.
    pairs += [*letters("OE"), *twice(E_DIAERESIS), *letters("Bs"), *twice((0x13, 0x34))]
    assert decode((0, pairs), (2000, twice(FLIP)))[0][2] == "áéñ█♪OËBß"


@pytest.mark.parametrize("times", [1, 2])
def test_a_control_code_counts_once_whether_it_comes_once_or_twice(times: int) -> None:
    pairs = [*pop_on("ABCD"), *[BACKSPACE] * times]
    assert decode((0, pairs), (2000, twice(FLIP)))[0][2] == "ABC"


def test_a_third_code_and_one_that_comes_later_are_no_repeats() -> None:
    assert decode((0, [*pop_on("ABCD"), *[BACKSPACE] * 4]), (2000, twice(FLIP)))[0][2] == "AB"
    shown = decode((0, pop_on("ABCD")), (900, [BACKSPACE]), (1500, [BACKSPACE]), (2000, [FLIP]))
    assert shown[0][2] == "AB"


def test_roll_up_captions_are_shown_with_the_line_before() -> None:
    start = twice(ROLL_UP_2, RETURN, ROW_15)
    shown = decode(
        (0, [*start, *letters("line one")]),
        (3000, [*twice(RETURN), *letters("line two")]),
        (6000, [*twice(RETURN), *letters("line three")]),
        (9000, twice(ERASE_SHOWN)),
    )
    assert shown == [
        (240, 3080, "line one"),
        (3080, 6000, "line one\nline two"),
        (6000, 9000, "line two\nline three"),
    ]


def test_roll_up_captions_erase_others_and_move_with_their_lowest_row() -> None:
    start = twice(ROLL_UP_2, RETURN, ROW_15)
    shown = decode(
        *((0, pop_on("before")), (1000, twice(FLIP)), (2000, pop_on("hidden"))),
        (3000, [*start, *letters("one"), *twice(RETURN), *letters("two")]),
        (6000, [*twice(ROW_1), *twice(RETURN), *letters("three")]),
        (9000, twice(RESUME_POP_ON, FLIP)),
    )
    assert shown == [
        (1000, 3000, "before"),
        (3240, 6080, "one\ntwo"),
        (6080, 9080, "two\nthree"),
    ]


def test_the_hidden_memory_can_be_erased() -> None:
    pairs = [*twice(RESUME_POP_ON, ROW_1), *letters("never"), *pop_on("shown")]
    assert decode((0, pairs), (2000, twice(FLIP)))[0][2] == "shown"


def test_what_is_written_slowly_is_no_cue_that_shows_it_long_before() -> None:
    start = twice(PAINT_ON, ROW_14)
    shown = decode((0, [*start, *letters("at first ")]), (3000, letters("and later")))
    assert shown == [(160, 3000, "at first"), (3000, END_MS, "at first and later")]


def test_the_rest_of_a_row_can_be_deleted() -> None:
    pairs = [*pop_on("ABCDEF"), *twice(ROW_15), *letters("AB"), *twice(DELETE_TO_END)]
    assert decode((0, pairs), (2000, twice(FLIP)))[0][2] == "AB"


def test_each_channel_has_captions_of_its_own() -> None:
    other = [(first | 0x08 if first in range(0x10, 0x20) else first, second)
             for first, second in pop_on("DOS")]  # fmt: skip
    written = ((0, pop_on("ONE")), (1000, other), (2000, twice(FLIP)), (2100, [(0x1C, 0x2F)]))
    assert decode(*written) == [(2000, END_MS, "ONE")]
    assert decode(*written, channel=1) == [(2100, END_MS, "DOS")]


def test_text_mode_and_data_about_the_program_are_no_captions() -> None:
    assert decode((0, [*twice(TEXT_MODE, ROW_15), *letters("stock prices")])) == []
    about = [(0x01, 0x03), *letters("TITLE"), (0x0F, 0x20)]
    assert decode((0, pop_on("AB")), (900, [*about, *twice(FLIP)]))[0][2] == "AB"


def test_nothing_before_the_first_control_code_is_a_caption() -> None:
    assert decode((0, letters("the end of something"))) == []


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=300))
def test_any_pairs_are_decoded_to_cues_in_order(pairs: list[Pair]) -> None:
    field = Field()
    for k, (first, second) in enumerate(pairs):
        field.add(k * FRAME_MS, first, second)
    for cues in field.end(END_MS):
        assert all(cue.start_ms < cue.end_ms and cue.text for cue in cues)
        assert all(a.end_ms <= b.start_ms for a, b in pairwise(cues))


def test_what_is_corrected_at_once_is_no_cue() -> None:
    shown = ShownText()
    for at_ms, text in ((0, "mistkae"), (40, "mist"), (80, "mistake"), (5000, "")):
        shown.show(at_ms, text)
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in shown.end(9000)] == [
        (0, 5000, "mistake")
    ]


def test_more_captions_than_anybody_reads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.text.shown_text.MAX_CUES", 3)
    shown = ShownText()
    for k in range(4):
        shown.show(k * 1000, f"{k}")
    with pytest.raises(TooManyCuesError):
        shown.show(9000, "")


def test_triplets_are_found_in_escaped_user_data() -> None:
    data = sei(cc_data([(0, (0x14, 0x20)), (1, (0x15, 0x2C))]))
    triplets = [(0, 0x94, 0x20), (1, 0x15, 0x2C)]
    assert cc_triplets(b"\0\0\0\1" + data, is_escaped=True) == triplets
    # Two fields may be in one packet.
    assert cc_triplets(b"\0\0\1" + data + b"\0\0\1" + data, is_escaped=True) == 2 * triplets
    escaped = b"GA94\x03\xc2\xff\xfc\x00\x00\x03\x04AB"
    assert cc_triplets(escaped, is_escaped=True) == [(0, *b"AB")]


def test_padding_and_what_is_not_valid_is_no_triplet() -> None:
    assert cc_triplets(b"GA94\x03\xc2\xff\xfc\x80\x80\xf8AB\xff", is_escaped=False) == []
    assert cc_triplets(b"GA94\x03\x81\xff\xfcAB\xff", is_escaped=False) == []
    assert cc_triplets(b"GA94\x03\xdf\xff\xfcA", is_escaped=False) == []


def test_captions_come_in_the_order_of_display() -> None:
    order = PresentationOrder()
    # A pyramid of 16 B-frames, of which the shortest come last.
    steps = (15, 7, 3, 11, 1, 5, 9, 13, *range(0, 16, 2))
    decoded = [float(k + step) for k in range(0, 96, 16) for step in steps]
    found = [pair for at_s in decoded for pair in order.add(at_s, [(0, int(at_s), 0)])]
    assert [*found, *order.rest()] == [(float(k), (0, k, 0)) for k in range(96)]
