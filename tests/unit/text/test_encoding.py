"""In which encoding texts are."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.text.encoding import decode_texts

KOREAN = ("안녕", "네", "오늘은 함수를 봅니다.", "x = 3")


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("texts", [KOREAN, KOREAN[2:3], ("글 쓰기", "끝"), ("똠방각하, 펲시",)])
def test_korean_is_read_in_each_encoding(encoding: str, texts: tuple[str, ...]) -> None:
    assert decode_texts([text.encode(encoding) for text in texts]) == ([*texts], encoding)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_korean_in_utf_16_without_a_space_is_read(encoding: str) -> None:
    assert decode_texts(["안녕하세요".encode(encoding)]) == (["안녕하세요"], encoding)


@pytest.mark.parametrize("texts", [("안녕", "끝"), ("네",), ("감사합니다",)])
def test_a_word_without_a_space_is_read_in_utf_8_and_cp949(texts: tuple[str, ...]) -> None:
    for encoding in ("utf-8", "cp949"):
        assert decode_texts([text.encode(encoding) for text in texts]) == ([*texts], encoding)


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")],
)
def test_a_byte_order_mark_decides_and_is_not_part_of_the_text(mark: bytes, encoding: str) -> None:
    each = [mark + text.encode(encoding) for text in KOREAN]
    assert decode_texts(each) == ([*KOREAN], encoding)
    first = [mark + KOREAN[0].encode(encoding), *(text.encode(encoding) for text in KOREAN[1:])]
    assert decode_texts(first) == ([*KOREAN], encoding)


def test_a_text_with_a_mark_among_others_is_read_as_that() -> None:
    """Timed text of MP4 may have a mark in each sample."""
    marked = codecs.BOM_UTF16_BE + "가".encode("utf-16-be")
    assert decode_texts([marked, "나".encode()]) == (["가", "나"], "utf-16-be")


def test_a_mark_of_utf_8_is_not_part_of_the_text() -> None:
    assert decode_texts([codecs.BOM_UTF8 + "가".encode()]) == (["가"], "utf-8")


def test_english_in_utf_16_is_not_taken_for_ascii() -> None:
    assert decode_texts(["Good morning".encode("utf-16-le")]) == (["Good morning"], "utf-16-le")


def test_a_zero_that_ends_a_string_makes_no_utf_16() -> None:
    assert decode_texts([b"abc\0", "다음".encode() + b"\0"]) == (["abc", "다음"], "utf-8")


def test_one_text_that_was_cut_leaves_the_others_in_their_encoding() -> None:
    texts, encoding = decode_texts(["안녕".encode(), "하세요".encode()[:-1], "끝".encode()])
    assert (texts, encoding) == (["안녕", "하세\ufffd", "끝"], "utf-8")


@given(st.lists(st.text(st.characters(exclude_characters="\0\ufeff", codec="utf-8"))))
def test_utf_8_stays_what_it_is(texts: list[str]) -> None:
    assert decode_texts([text.encode() for text in texts]) == (texts, "utf-8")


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_become_text(raws: list[bytes]) -> None:
    texts, _ = decode_texts(raws)
    assert len(texts) == len(raws)
