"""The markup of subtitle formats, as WebVTT has it."""

from __future__ import annotations

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.text.markup import text_bytes, webvtt_text


def shown(codec: str, text: str) -> str:
    return webvtt_text(codec, text, text.encode())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("for (i = 0; i<n; i++)", "for (i = 0; i&lt;n; i++)"),
        ("a && b --> &lt;", "a &amp;&amp; b --&gt; &amp;lt;"),
        ("vector<int> 와 <박수>", "vector&lt;int&gt; 와 &lt;박수&gt;"),
        ("<i>기울임</i> <B>굵게</B> <u>밑줄</u>", "<i>기울임</i> <b>굵게</b> <u>밑줄</u>"),
        ("<b><i>둘 다</b> 하나</i>", "<b><i>둘 다</i></b><i> 하나</i>"),
        ("<i>두\r\n줄", "<i>두</i>\n<i>줄</i>"),
        ("</i>닫기만", "닫기만"),
        ('<font color="#fff">색</font> <s>줄</s>', "색 줄"),
        (r"{\an8}위 {\pos(1,2)}{\fnArial}글꼴", "위 글꼴"),
        (r"$\frac{\alpha}{2}$", r"$\frac{\alpha}{2}$"),
        ("하나<br/>둘", "하나\n둘"),
        ("하나\n\n \n둘\0\x07", "하나\n둘"),
        ("<i> </i>", ""),
    ],
)
def test_subrip(text: str, wanted: str) -> None:
    assert shown("subrip", text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"{\pos(1,2)\fad(2,2)}하나\N둘 {\i1}기{\i0}", "하나\n둘 <i>기</i>"),
        (r"a\hb\nc, d", "a\u00a0b c, d"),
        (r"{\p1}m 0 0 l 100 0 100 100{\p0}", ""),
        (r"앞{\an7\p2}m 0 0 l 9 9\N{\p0}뒤", "앞뒤"),
        (r"{\b700}굵{\b400}보통{\b1}굵{\r}보통", "<b>굵</b>보통<b>굵</b>보통"),
        (r"{\bord2\be1\iclip(0,0,1,1)\blur3}그대로", "그대로"),
        (r"{a comment}x<y & z", "x&lt;y &amp; z"),
        (r"\{x\} {", "{x} {"),
        (r"{\b" + "1" * 5000 + "}x", "x"),
    ],
)
def test_ass(text: str, wanted: str) -> None:
    assert shown("ass", f"0,0,Default,,0,0,0,,{text}") == wanted


def test_an_event_of_ass_without_its_fields_is_left_out() -> None:
    assert shown("ass", "0,0,Default") == ""


def test_plain_text_has_no_markup() -> None:
    assert shown("text", "<i>a</i>") == "&lt;i&gt;a&lt;/i&gt;"


def timed_text(text: str, *styles: tuple[int, int, int]) -> bytes:
    records = b"".join(struct.pack(">HHHBBI", a, b, 1, face, 18, 255) for a, b, face in styles)
    body = b"styl" + struct.pack(">H", len(styles)) + records
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw + struct.pack(">I", 4 + len(body)) + body


def test_timed_text_is_shown_in_its_styles() -> None:
    data = timed_text("a <b> 기울임 굵게", (6, 9, 2), (10, 12, 5))
    text = text_bytes("mov_text", data).decode()
    assert text == "a <b> 기울임 굵게"
    wanted = "a &lt;b&gt; <i>기울임</i> <b><u>굵게</u></b>"
    assert webvtt_text("mov_text", text, data) == wanted


def test_an_empty_sample_of_timed_text_is_no_text() -> None:
    assert webvtt_text("mov_text", text_bytes("mov_text", b"\0\0").decode(), b"\0\0") == ""


@given(
    st.sampled_from(["subrip", "ass", "mov_text", "text"]),
    st.one_of(st.text(), st.text(r"<>/bi{}\p10N,&-" + "\r\n")),
    st.binary(max_size=80),
)
def test_what_comes_out_is_the_text_of_one_cue(codec: str, text: str, data: bytes) -> None:
    found = webvtt_text(codec, text, data)
    assert "-->" not in found
    assert "\n\n" not in found
    assert "\r" not in found
    assert not re.search(r"<(?!/?[biu]>)", found)
    assert not re.search(r"&(?!(lt|gt|amp);)", found)
    assert all(found.count(f"<{tag}>") == found.count(f"</{tag}>") for tag in "biu")
