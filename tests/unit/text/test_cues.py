"""Packets of text tracks, and the cues that are made of them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.captions import ERASE_SHOWN, FLIP, pop_on
from worker.hls import webvtt
from worker.hls.webvtt import Cue, TooManyCuesError
from worker.text import packets as packets_module
from worker.text.cues import caption_cues, packet_cues
from worker.text.packets import TextPacket, TextPackets

LINES = """[PACKET]
stream_index=1
pts_time=1.234000
duration_time=1.111000
data=
00000000: 303a 3132 3334 3536 3738 3930 3132 333d  0:12345678901 3=
00000010: 6162 63                                  abc

[SIDE_DATA]
[/SIDE_DATA]
[/PACKET]
[PACKET]
stream_index=2
pts_time=2.000000
duration_time=N/A
data=
00000000: 78                                       x

[/PACKET]
[PACKET]
stream_index=1
pts_time=N/A
[/PACKET]"""


def read(lines: str, *indexes: int) -> TextPackets:
    found = TextPackets(indexes)
    for line in lines.splitlines():
        found.add(line)
    return found


def test_packets_are_read_with_their_bytes_and_exact_times() -> None:
    found = read(LINES, 1, 2)
    assert found.tracks == {
        1: [
            TextPacket(
                at_s=Fraction("1.234"), duration_s=Fraction("1.111"), data=b"0:1234567890123=abc"
            )
        ],
        2: [TextPacket(at_s=Fraction(2), duration_s=None, data=b"x")],
    }
    assert read(LINES, 2).tracks.keys() == {2}


def test_a_track_that_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets_module, "MAX_TRACK_BYTES", 18)
    found = read(LINES, 1, 2)
    assert (found.too_large, found.tracks[1], len(found.tracks[2])) == ({1}, [], 1)


def test_no_more_is_read_than_many_tracks_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets_module, "_MAX_BYTES", 47)
    assert read(LINES, 1, 2).is_full
    monkeypatch.setattr(packets_module, "_MAX_BYTES", 48)
    assert not read(LINES, 1, 2).is_full


def test_a_packet_is_gathered_no_further_than_a_track_may_be_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packets_module, "MAX_TRACK_BYTES", 32)
    endless = "\n".join(["[PACKET]", *["00000000: 7878"] * 500_000])
    assert len(read(endless, 1)._data) < 64


def packet(at_s: str, duration_s: str | None, text: str) -> TextPacket:
    return TextPacket(
        at_s=Fraction(at_s),
        duration_s=None if duration_s is None else Fraction(duration_s),
        data=text.encode(),
    )


def test_times_count_from_the_origin_to_the_millisecond() -> None:
    cues, _ = packet_cues(
        "subrip", [packet("1.5", "1", "a"), packet("1", "0.1", "-")], origin_s=Fraction("1.421")
    )
    assert cues == (Cue(start_ms=79, end_ms=1079, text="a"),)


def test_a_text_without_an_end_is_shown_until_the_next_for_ten_seconds_at_most() -> None:
    some = [packet("1", None, "a"), packet("1", None, "b"), packet("4", None, "c")]
    cues, _ = packet_cues("subrip", [*some, packet("30", "1", "d")], origin_s=Fraction(0))
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [
        *((1000, 4000), (1000, 4000), (4000, 14_000), (30_000, 31_000))
    ]


def test_overlapping_texts_are_all_kept_and_empty_ones_are_not() -> None:
    some = [packet("2", "3", "b"), packet("1", "9", "a"), packet("3", "1", " \n")]
    cues, _ = packet_cues("subrip", some, origin_s=Fraction(0))
    assert [cue.text for cue in cues] == ["a", "b"]


def test_the_encoding_of_the_track_is_returned() -> None:
    some = TextPacket(at_s=Fraction(0), duration_s=Fraction(1), data="안녕 <".encode("cp949"))
    cues, encoding = packet_cues("subrip", [some], origin_s=Fraction(0))
    assert ([cue.text for cue in cues], encoding) == (["안녕 &lt;"], "cp949")


def test_a_track_of_captions_is_decoded() -> None:
    """Each packet holds pairs of both fields, of one frame or of several."""

    def packet(at_s: str, *pairs: tuple[int, int], kind: int = 0xFC) -> TextPacket:
        data = b"".join(bytes((kind, *pair)) for pair in pairs)
        return TextPacket(at_s=Fraction(at_s), duration_s=None, data=data)

    other = packet("1.5", (0x15, 0x2C), kind=0xFD)
    some = [packet("2", FLIP, FLIP), packet("1", *pop_on("HELLO")), other]
    erased = packet("3", (0, 0), (0, 0), (0, 0), ERASE_SHOWN)
    cues = caption_cues([*some, erased], origin_s=Fraction("0.5"), duration_s=Fraction(9))
    assert cues == (Cue(start_ms=1500, end_ms=2600, text="HELLO"),)
    (cue,) = caption_cues(some, origin_s=Fraction(0), duration_s=Fraction(9))
    assert (cue.start_ms, cue.end_ms) == (2000, 9000)
    assert caption_cues([other], origin_s=Fraction(0), duration_s=Fraction(9)) == ()


def test_more_cues_than_anybody_reads_are_refused() -> None:
    some = [packet("1", "1", "a")] * (webvtt.MAX_CUES + 1)
    with pytest.raises(TooManyCuesError):
        packet_cues("subrip", some, origin_s=Fraction(0))
    with pytest.raises(TooManyCuesError):
        packet_cues("mov_text", [packet("1", "1", "\0\0")] * 100_001, origin_s=Fraction(0))
