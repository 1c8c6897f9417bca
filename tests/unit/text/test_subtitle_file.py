"""Files of subtitles: which format and encoding they are in, and which are refused."""

from __future__ import annotations

import codecs

import pytest

from worker.text import subtitle_file
from worker.text.file_cue import BadSubtitlesError, Fault
from worker.text.subtitle_file import SubtitleTrack, read_subtitle_file

SRT = "1\n00:00:01,000 --> 00:00:02,000\n안녕하세요, 여러분.\n\n"
SMI = "<SAMI><BODY>\n<SYNC Start=1000><P Class=KRCC>안녕하세요, 여러분.\n<SYNC Start=2000><P>&nbsp;"
VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\n안녕하세요, 여러분.\n"


def read(text: str | bytes) -> SubtitleTrack:
    return read_subtitle_file(text.encode() if isinstance(text, str) else text, language="ko")


def refusal(text: str | bytes) -> str:
    with pytest.raises(BadSubtitlesError) as refused:
        read(text)
    return str(refused.value)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("cp949", b""),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
@pytest.mark.parametrize(("kind", "text"), [("srt", SRT), ("sami", SMI), ("webvtt", VTT)])
def test_each_format_is_read_in_each_encoding(
    kind: str, text: str, encoding: str, mark: bytes, ends: str
) -> None:
    track = read(mark + text.replace("\n", ends).encode(encoding))
    assert (track.format, track.encoding, track.faults) == (kind, encoding, ())
    (cue,) = track.cues
    assert (cue.start_ms, cue.end_ms, cue.text) == (1000, 2000, "안녕하세요, 여러분.")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "line 1: the file is empty"),
        (" \n\n", "line 1: the file is empty"),
        ("강의 원고입니다.\n", "line 1: it is no SRT, WebVTT or SAMI"),
        ("[Script Info]\nDialogue: 0,0:00:01.23,0:00:02.34,Default", "line 1: it is no SRT"),
        ("WEBVTT\n", "line 1: there is no text in it"),
        (SMI.replace("안녕하세요, 여러분.", ""), "line 1: there is no text in it"),
        (SRT + "2\n00:00:03,000 -> 0x\nx\n", "line 6: its times cannot be read"),
        (SRT + "2\n00:00:09,000 --> 00:00:03,000\nx\n", "line 6: it ends before it starts"),
        (SMI + "\n<SYNC Start=>x", "line 4: a SYNC has no Start that can be read"),
        (b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 9, "line 1: it is no SRT"),
        (SRT.encode() + b"2\n00:00:03,000 --> 00:00:04,000\n\xff\xfe\xfa\n", "line 7: it is in no"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(text: str | bytes, wanted: str) -> None:
    assert refusal(text).startswith(wanted)


def many(count: int, *, bad: int) -> str:
    cue = "{}\n00:{:02d}:{:02d},000 --> 00:{:02d}:{:02d},900\n{}\n\n"
    times = [divmod(k, 60) for k in range(count)]
    good = [cue.format(k + 1, *at, *at, "가") for k, at in enumerate(times)]
    return "".join(good[bad:] + ["x\n00:00:0o,000 --> 00:00:01,000\nlost\n\n"] * bad)


def test_of_a_hundred_cues_one_that_cannot_be_read_is_left_out() -> None:
    track = read(many(100, bad=1))
    assert len(track.cues) == 99
    assert track.faults == (Fault(line=398, reason="its times cannot be read"),)
    assert "lost" not in {cue.text for cue in track.cues}
    assert refusal(many(99, bad=1)) == "line 394: its times cannot be read"
    assert refusal(many(100, bad=2)) == "line 394: its times cannot be read"


def test_a_damaged_character_does_not_decide_which_encoding_a_file_is_in() -> None:
    raw = many(100, bad=0).encode("cp949").replace("가".encode("cp949"), b"\xff\n", 1)
    track = read(raw)
    assert track.encoding == "cp949"
    assert [cue.text for cue in track.cues[:2]] == ["\ufffd", "가"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Don\u2019t, I\u2019m, it\u2019s", "cp1252"),
        ("こんにちは、世界。これは字幕です", "shift_jis"),
    ],
)
def test_another_encoding_is_not_taken_for_korean(text: str, encoding: str) -> None:
    """Each of these bytes is valid CP949: viewers would read syllables that nobody wrote."""
    raw = SRT.replace("안녕하세요, 여러분.", text).encode(encoding)
    raw.decode("cp949")
    assert refusal(raw) == ("line 3: it is in no encoding that can be read; save the file as UTF-8")


def test_syllables_that_only_cp949_has_are_read() -> None:
    text = "똠방각하가 뷁이라고 했습니다."
    track = read(SRT.replace("안녕하세요, 여러분.", text).encode("cp949"))
    assert [cue.text for cue in track.cues] == [text]


def test_cues_are_in_the_order_of_their_times_and_may_overlap() -> None:
    text = (
        "1\n0:00:05,0 --> 0:00:06,0\nb\n\n2\n0:00:01,0 --> 0:00:09,0\na\n\n"
        "3\n0:00:07,0 --> 0:00:07,0\nno time\n\n4\n0:00:08,0 --> 0:00:09,0\n\n"
    )
    assert [cue.text for cue in read(text).cues] == ["a", "b"]


def test_more_cues_than_anybody_reads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subtitle_file, "MAX_CUES", 9)
    assert refusal(many(10, bad=0)) == "line 1: there are more than 9 cues"
    assert len(read(many(9, bad=0)).cues) == 9
