"""SAMI as Korean academies have it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.text import sami
from worker.text.file_cue import BadSubtitlesError, Fault, FileCue
from worker.text.sami import is_sami, read_sami

HEAD = """<SAMI>
<HEAD>
<TITLE>3강</TITLE>
<STYLE TYPE="text/css">
<!--
P { margin-left:8pt; font-family:굴림; }
.KRCC { Name:Korean; lang:ko-KR; SAMIType:CC; }
.ENCC { Name:English; lang:en-US; SAMIType:CC; }
#STDPrn { Name:Standard Print; }
-->
</STYLE>
</HEAD>
<BODY>
"""
TWO = f"""{HEAD}<SYNC Start=1000><P Class=KRCC>
안녕하세요<br>여러분
<P Class=ENCC>Hello,<br>everybody
<SYNC Start=3000><P Class=KRCC>&nbsp;
<SYNC Start=3500><P Class=ENCC>&nbsp;
</BODY>
</SAMI>"""


def read(text: str, language: str = "ko") -> list[tuple[int, int, str]]:
    """Read the cues that show something."""
    found = list(read_sami(text, language=language))
    assert not any(isinstance(each, Fault) for each in found)
    cues = [each for each in found if isinstance(each, FileCue)]
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in cues if cue.text]


def test_each_language_has_its_class_and_its_own_ends() -> None:
    assert read(TWO) == [(1000, 3000, "안녕하세요\n여러분")]
    assert read(TWO, "en") == [(1000, 3500, "Hello,\neverybody")]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        # Any case, quotes or none, closed or not; a text is shown until the next SYNC.
        (
            (
                "<sync start='1000'><p class=\"krcc\">하나</p></sync>\n"
                "<Sync Start = 2000><P Class=KRCC>둘<SYNC Start=3000><P Class=KRCC>&nbsp;"
            ),
            [(1000, 2000, "하나"), (2000, 3000, "둘")],
        ),
        # Nothing says when the last one ends.
        ("<SYNC Start=1000><P Class=KRCC>끝", [(1000, 11_000, "끝")]),
        # A SYNC alone clears the screen, and so does one without a class.
        ("<SYNC Start=1000><P Class=KRCC>가<SYNC Start=2000>", [(1000, 2000, "가")]),
        ("<SYNC Start=1000><P Class=KRCC>가<SYNC Start=2000><P>&nbsp;", [(1000, 2000, "가")]),
        # No class, no P, and an End.
        ("<SYNC Start=1000><P>가<SYNC Start=2000>나", [(1000, 2000, "가"), (2000, 12_000, "나")]),
        ("<SYNC Start=1000 End=1500><P Class=KRCC>가", [(1000, 1500, "가")]),
        # In the order of their times, whatever that of the file is.
        (
            (
                "<SYNC Start=2000><P Class=KRCC>둘<SYNC Start=3000><P Class=KRCC>&nbsp;"
                "<SYNC Start=1000><P Class=KRCC>하나"
            ),
            [(1000, 2000, "하나"), (2000, 3000, "둘")],
        ),
        # One time twice.
        (
            (
                "<SYNC Start=1000><P Class=KRCC>가<SYNC Start=1000><P Class=KRCC>나"
                "<SYNC Start=2000><P Class=KRCC>&nbsp;"
            ),
            [(1000, 2000, "가\n나")],
        ),
        # Comments, also with a SYNC in them, and one that is never closed.
        (
            (
                "<SYNC Start=1000><P Class=KRCC>가<!-- 메모 -->\n<!-- <SYNC Start=1500>\n<P>x -->"
                "<SYNC Start=2000><P Class=KRCC>나<!--"
            ),
            [(1000, 2000, "가"), (2000, 12_000, "나&lt;!--")],
        ),
        # Markup: what is text stays, spaces are one, entities are characters, tags stay open.
        (
            (
                "<SYNC Start=1000><P Class=KRCC><font color=#ff0000><b>a &lt; b</b></font> &amp;\n"
                " <박수> vector<int> <i>기울임<br />  둘\n\n<SYNC Start=2000><P Class=KRCC>"
            ),
            [
                (
                    1000,
                    2000,
                    "<b>a &lt; b</b> &amp; &lt;박수&gt; vector&lt;int&gt; <i>기울임</i>\n<i>둘</i>",
                )
            ],
        ),
        # A tag that is not closed by a bracket.
        ("<SYNC Start=1000\n<P Class=KRCC>가<SYNC Start=2000>", [(1000, 2000, "가")]),
    ],
)
def test_what_programs_write_is_read(body: str, wanted: list[tuple[int, int, str]]) -> None:
    assert read(HEAD + body) == wanted


def test_a_file_with_one_class_has_the_language_that_is_asked_for() -> None:
    text = "<SAMI><BODY><SYNC Start=1000><P Class=SUBTTL>가<SYNC Start=2000><P Class=SUBTTL>&nbsp;"
    assert read(text, "ko") == read(text, "vi") == [(1000, 2000, "가")]


@pytest.mark.parametrize(
    ("style", "name", "language"),
    [
        (".KRCC { lang: ko-KR; }", "KRCC", "ko"),
        (".KRCC { Name:한국어; LANG : KR; }", "KRCC", "ko"),
        (".Unknown { lang:ko_KR }", "UNKNOWN", "ko"),
        ("", "KRCC", "ko"),
        ("", "ENUSCC", "en"),
        ("", "JPCC", "ja"),
        (".CNCC { lang:zh-TW; }", "CNCC", "zh-Hant"),
        (".A { lang:kor; }", "A", "ko"),
    ],
)
def test_a_class_is_found_by_its_style_or_its_name(style: str, name: str, language: str) -> None:
    body = f"<SYNC Start=0><P Class=FRCC>x<SYNC Start=1000><P Class={name}>가<SYNC Start=2000>"
    text = f"<SAMI><HEAD><STYLE>{style}</STYLE></HEAD><BODY>{body}"
    assert read(text, language) == [(1000, 2000, "가")]


def test_of_two_scripts_the_one_that_is_asked_for_is_taken() -> None:
    style = ".A { lang:zh-Hans; } .B { lang:zh-Hant; }"
    body = "<SYNC Start=0><P Class=A>x<P Class=B>y<SYNC Start=1000>"
    text = f"<SAMI><STYLE>{style}</STYLE><BODY>{body}"
    assert read(text, "zh-Hant") == [(0, 1000, "y")]
    assert read(text, "zh") == [(0, 1000, "x")]


def test_several_classes_without_the_language_are_refused_with_their_names() -> None:
    with pytest.raises(BadSubtitlesError, match=r"language ja; they are KRCC \(ko-kr\), ENCC"):
        read(TWO, "ja")


def test_a_class_that_never_shows_anything_is_no_choice() -> None:
    text = TWO.replace("Hello,<br>everybody", "&nbsp;")
    assert read(text, "ja") == [(1000, 3000, "안녕하세요\n여러분")]


def test_a_sync_without_a_time_is_a_fault_with_its_line() -> None:
    text = TWO.replace("<SYNC Start=3000>", "<SYNC Start=abc>")
    assert [each for each in read_sami(text, language="ko") if isinstance(each, Fault)] == [
        Fault(line=17, reason="a SYNC has no Start that can be read")
    ]


def test_too_many_tags_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sami, "_MAX_TAGS", 5)
    with pytest.raises(BadSubtitlesError, match="more than 50000 cues"):
        read(TWO)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(TWO, True), ("<sync start=1>x", True), ("<SYNC>", False), ("1\n0:00:01,0 --> x", False)],
)
def test_sami_is_known_by_its_tags(text: str, *, wanted: bool) -> None:
    assert is_sami(text) is wanted


@given(
    st.lists(
        st.sampled_from(
            [
                "<SYNC Start=",
                "1",
                "20",
                ">",
                "<P Class=",
                "KRCC",
                "ENCC",
                "x",
                "<!--",
                "-->",
                "<br>",
                "&",
                "\n",
            ]
        ),
        max_size=60,
    )
)
def test_no_text_breaks_the_reader(parts: list[str]) -> None:
    try:
        found = list(read_sami("".join(parts), language="ko"))
    except BadSubtitlesError:
        return
    assert all(isinstance(each, Fault) or each.start_ms <= each.end_ms for each in found)
