"""SRT and WebVTT as programs and people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.hls.webvtt import Cue, render_track
from worker.text.file_cue import Fault, FileCue
from worker.text.subtitle_file import read_subtitle_file
from worker.text.timed_lines import read_timed_lines


def read(text: str) -> list[tuple[int, int, str]]:
    cues = [cue for cue in read_timed_lines(text.split("\n")) if isinstance(cue, FileCue)]
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in cues]


@pytest.mark.parametrize(
    ("timing", "wanted"),
    [
        ("00:00:01,000 --> 00:00:02,500", (1000, 2500)),
        ("00:00:01.000 --> 00:00:02.5", (1000, 2500)),
        ("0:00:01,000-->0:00:02,500", (1000, 2500)),
        ("00:01,000 --> 00:02,500", (1000, 2500)),
        ("00:00:01 --> 00:00:02,500", (1000, 2500)),
        ("100:00:01,000 --> 100:00:02,500", (360_001_000, 360_002_500)),
        ("00:00:01,000 --> 00:00:02,500  X1:100 X2:200 Y1:50 Y2:60", (1000, 2500)),
        ("  00:00:01,000 --> 00:00:02,500  ", (1000, 2500)),
        ("00: 00: 01,000 -> 00: 00: 02, 500", (1000, 2500)),
        ("00:00:01,000000 --> 00:00:02,500000", (1000, 2500)),
    ],
)
def test_times_are_read_in_each_form(timing: str, wanted: tuple[int, int]) -> None:
    assert read(f"1\n{timing}\n안녕") == [(*wanted, "안녕")]


@pytest.mark.parametrize(
    ("timing", "reason"),
    [
        ("00:00:0l,000 --> 00:00:02,500", "its times cannot be read"),
        ("00:00:01,000 --> ", "its times cannot be read"),
        ("00:00:01,000 00:00:02,500", "its times cannot be read"),
        ("00:00:61,000 --> 00:01:02,500", "its times cannot be read"),
        ("00:60:01,000 --> 01:01:02,500", "its times cannot be read"),
        ("00:00:01,000 --> 00:00:02,500:12", "its times cannot be read"),
        ("-00:00:01,000 --> 00:00:02,500", "its times cannot be read"),
        ("00:00:03,000 --> 00:00:02,500", "it ends before it starts"),
    ],
)
def test_a_time_that_cannot_be_read_is_reported_with_its_line(timing: str, reason: str) -> None:
    found = list(read_timed_lines(["1", "00:00:00,000 --> 00:00:01,000", "a", "", "2", timing]))
    assert found[1:] == [Fault(line=6, reason=reason)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # No empty line between, nor a number; a last line without an end.
        ("0:00:01,0 --> 0:00:02,0\na\n0:00:03,0 --> 0:00:04,0\nb", ["a", "b"]),
        ("1\n0:00:01,0 --> 0:00:02,0\na\n2\n0:00:03,0 --> 0:00:04,0\nb\n", ["a", "b"]),
        # Empty lines within a text, and a text that is a number.
        (
            "1\n0:00:01,0 --> 0:00:02,0\na\n\nb\n\n2\n0:00:03,0 --> 0:00:04,0\n42\n\n",
            ["a\nb", "42"],
        ),
        ("0:00:01,0 --> 0:00:02,0\n2020\n\n0:00:03,0 --> 0:00:04,0\nb", ["2020", "b"]),
        # Text in the line of the times; what is none there.
        (
            "1\n0:00:01,0 --> 0:00:02,0 a b\n\n2\n0:00:03,0 --> 0:00:04,0 align:start\nb",
            ["a b", "b"],
        ),
        # Each line twice as far apart.
        ("1\n\n0:00:01,0 --> 0:00:02,0\n\na\n\n2\n\n0:00:03,0 --> 0:00:04,0\n\nb", ["a", "b"]),
        # Numbers that do not count, and what is text though it has an arrow or a time.
        ("7\n0:00:01,0 --> 0:00:02,0\nf: x --> y\n\n7\n0:00:03,0 --> 0:00:04,0\n10:30", None),
    ],
)
def test_what_is_between_cues_is_no_part_of_them(text: str, wanted: list[str] | None) -> None:
    assert [text for _, _, text in read(text)] == (wanted or ["f: x --&gt; y", "10:30"])


def test_markup_of_srt_becomes_that_of_webvtt() -> None:
    text = '1\n0:00:01,0 --> 0:00:02,0\n<font color="red"><I>a</I></font> & <박수>'
    assert read(text) == [(1000, 2000, "<i>a</i> &amp; &lt;박수&gt;")]


WEBVTT = """WEBVTT - 강의

STYLE
::cue { color: red }

NOTE 00:00:01.000 --> 00:00:02.000
is a comment

intro
00:01.000 --> 00:02.000 line:0 position:50%,center size:101% align:start region:top
<v 교수>a &amp; b</v>

NOTE b

00:00:03.000 --> 00:00:04.000 vertical:rl
x
--> y
"""


def test_webvtt_keeps_its_text_and_the_settings_that_are_valid() -> None:
    found = list(read_timed_lines(WEBVTT.split("\n")))
    assert found == [
        FileCue(
            start_ms=1000,
            end_ms=2000,
            text="<v 교수>a &amp; b</v>",
            settings="line:0 position:50%,center align:start",
        ),
        FileCue(start_ms=3000, end_ms=4000, text="x\n--&gt; y", settings="vertical:rl"),
    ]


WORDS = st.text(alphabet="가나다라 abc.,!?", min_size=1, max_size=20).filter(str.strip)


@given(st.lists(st.tuples(st.integers(0, 10**8), st.integers(1, 10**5), WORDS), max_size=20))
def test_what_was_written_as_webvtt_is_read_back(cues: list[tuple[int, int, str]]) -> None:
    written = [
        Cue(start_ms=start_ms, end_ms=start_ms + length_ms, text=text.strip())
        for start_ms, length_ms, text in sorted(cues)
    ]
    if written:
        track = read_subtitle_file(render_track(written).encode(), language="ko")
        assert sorted(track.cues, key=repr) == sorted(written, key=repr)


@given(st.text(alphabet="0123456789:,.-> \nab<>WEBVTT{}\\", max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    for each in read_timed_lines(text.split("\n")):
        assert isinstance(each, Fault) or each.start_ms <= each.end_ms
