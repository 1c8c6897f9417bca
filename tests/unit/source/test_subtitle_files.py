"""Files of subtitles: read whole, and cut to the video."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.unit.sample import job
from worker.config.location import LocalLocation
from worker.config.values import SubtitleSource
from worker.errors import BadSourceError, NoSourceError
from worker.hls import webvtt
from worker.hls.webvtt import Cue, cut_cues
from worker.media.timeline import Grid
from worker.plan.digest import request_digest
from worker.runtime.budget import Budget
from worker.source import subtitle_files
from worker.source.subtitle_files import OutsideTrack, fit_tracks, open_subtitles

SRT = "1\n00:00:01,000 --> 00:00:02,000\n가\n"
GRID = Grid(rate=Fraction(25), segment_frames=150, total_frames=250)


def cue(start_ms: int, end_ms: int) -> Cue:
    return Cue(start_ms=start_ms, end_ms=end_ms, text="가")


def track(*cues: Cue) -> OutsideTrack:
    source = SubtitleSource(language="zh-Hant", location=LocalLocation(path=Path("/a.srt")))
    return OutsideTrack(source=source, identity="x", cues=cues)


def test_cues_are_cut_at_the_end() -> None:
    cues = (cue(0, 1000), cue(9000, 10_000), cue(9000, 10_001), cue(10_000, 11_000))
    assert cut_cues(cues, 10_000) == ((cue(0, 1000), *[cue(9000, 10_000)] * 2), 1)


def test_what_is_cut_is_reported_with_the_name_of_the_file() -> None:
    with capture_logs() as logs:
        (rendition,) = fit_tracks(
            [track(cue(0, 1000), cue(9000, 12_000), cue(10_000, 11_000))], GRID
        )
    assert (rendition.name, rendition.language) == ("text-zh-hant", "zh-Hant")
    assert "00:00:09.000 --> 00:00:10.000" in rendition.segments[0]
    (event,) = logs
    assert (event["event"], event["file"]) == ("cues_cut", "/a.srt")
    assert (event["left_out"], event["shortened"]) == (1, 1)


def test_a_file_that_fits_is_not_reported() -> None:
    with capture_logs() as logs:
        assert fit_tracks([track(cue(0, 10_000))], GRID)
    assert logs == []


def test_of_a_file_that_is_all_past_the_end_there_is_no_rendition() -> None:
    with capture_logs() as logs:
        assert fit_tracks([track(cue(10_000, 11_000))], GRID) == ()
    assert [each["event"] for each in logs] == ["cues_cut", "subtitles_left_out"]


def test_cues_that_fill_the_segments_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webvtt, "MAX_CHARS", 10)
    with pytest.raises(BadSourceError, match=r"/a\.srt cannot be used"):
        fit_tracks([track(cue(0, 10_000))], GRID)


def opened(path: Path, language: str = "ko") -> OutsideTrack:
    (found,) = open_subtitles(
        job("--subtitles", f"{language}={path}"), Budget(time_limit_s=60, clock=time.monotonic)
    )
    return found


def test_the_very_content_and_the_language_decide_the_request(tmp_path: Path) -> None:
    one, other = tmp_path / "a.srt", tmp_path / "b.srt"
    one.write_text(SRT)
    other.write_text(SRT)
    identity = opened(one).identity
    assert opened(other).identity == identity
    assert opened(one, "en").identity != identity
    other.write_text(SRT + "\n")
    assert opened(other).identity != identity
    requests = {request_digest("x", job(), subtitles=texts) for texts in ((), [identity], ["y"])}
    assert len(requests) == 3


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is replaced while it is read is nobody's."""
    path = tmp_path / "a.srt"
    path.write_text(SRT)

    def replaced(_path: Path) -> bytes:
        path.write_text(SRT + SRT)
        return path.read_bytes()

    monkeypatch.setattr(subtitle_files, "_read_local", replaced)
    with pytest.raises(NoSourceError, match="was replaced while it was read"):
        opened(path)
