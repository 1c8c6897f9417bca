"""Samples: few, spread over the video, and none of what is too short for them."""

from __future__ import annotations

from array import array
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.sample import MEDIA, VIDEO, job, packets, plan, workspace
from worker.media.packets import Packets
from worker.media.timeline import Grid
from worker.runtime.process import FailedError
from worker.source import ladder_selection
from worker.source.sample_encode import SampledRate, Samples, choose_samples, read_sampled_rate

# So much after a keyframe it is sought.
LATE = Fraction(1, 60)


def samples(seconds: int, *, audio_s: int = 0) -> Samples | None:
    video = replace(VIDEO, packets=packets(30 * seconds, rate=30))
    audio = None
    if audio_s and MEDIA.audio:
        audio = replace(MEDIA.audio, packets=packets(audio_s * 10, rate=10))
    return choose_samples(plan(video=video, audio=audio, declared_s=None))


@pytest.mark.parametrize(
    ("seconds", "count"), [(15, 2), (299, 2), (300, 3), (600, 4), (7200, 8), (36_000, 8)]
)
def test_one_in_five_minutes_and_not_too_many(seconds: int, count: int) -> None:
    found = samples(seconds)
    assert found
    assert len(found.starts_s) == count
    assert found.grid.duration_s == count
    assert found.starts_s[0] >= 0
    assert found.starts_s[-1] + 1 <= seconds
    assert found.grid.segment_frames == 30


def test_a_short_video_is_not_sampled() -> None:
    assert samples(14) is None


def test_a_recording_with_hardly_a_keyframe_is_not_sampled() -> None:
    rare = replace(VIDEO, packets=replace(packets(30 * 7200, rate=30), longest_gop_s=3600.0))
    assert choose_samples(plan(video=rare, audio=None, declared_s=None)) is None


def test_samples_begin_at_keyframes() -> None:
    """Or what lies before would be decoded for nothing."""
    counted = replace(packets(600, rate=30), keys={0.0: 0, 4.0: 40, 14.0: 99, 15.0: 120})
    found = choose_samples(plan(video=replace(VIDEO, packets=counted), audio=None, declared_s=None))
    assert found
    assert found.starts_s == (4 + LATE, 14 + LATE)


def test_samples_of_one_keyframe_lie_in_a_row() -> None:
    counted = replace(packets(600, rate=30), keys={0.0: 0, 3.0: 9})
    found = choose_samples(plan(video=replace(VIDEO, packets=counted), audio=None, declared_s=None))
    assert found
    assert found.starts_s == (3 + LATE, 4 + LATE)


def test_samples_lie_where_there_are_frames() -> None:
    found = samples(20, audio_s=600)
    assert found
    assert found.starts_s == (Fraction(9, 2) + LATE, Fraction(29, 2) + LATE)


def test_samples_that_cannot_be_made_are_a_warning_and_all_rungs_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An FFmpeg that lacks a part would otherwise switch `--ladder auto` off without notice."""

    def fail(name: str, *_: Any, **__: Any) -> tuple[str, ...]:
        raise FailedError(name, 1, ["[error] Requested output format 'h264' is not known"])

    monkeypatch.setattr(ladder_selection, "run_ffmpeg", fail)
    a_plan = plan(video=replace(VIDEO, packets=packets(600, rate=30)), audio=None, declared_s=None)
    with capture_logs() as logged:
        selected = ladder_selection.select_ladder(
            a_plan, job("--copy-top", "never"), [Path("/in.mp4")], workspace()
        )
    assert selected == a_plan
    (line,) = logged
    assert (line["event"], line["log_level"]) == ("sample_encode_failed", "warning")
    assert "Requested output format" in line["reason"]


def test_more_samples_are_taken_where_the_source_is_busiest() -> None:
    """Of a lecture that shows a film for a minute, the film decides which rungs it needs."""
    keys = {float(at): at * 10_000 + max(0, min(at, 90) - 60) * 500_000 for at in range(0, 120, 2)}
    counted = replace(packets(30 * 120, rate=30), keys=keys)
    assert counted.busiest_s(30) == 60
    found = choose_samples(plan(video=replace(VIDEO, packets=counted), audio=None, declared_s=None))
    assert found
    assert found.even == 2
    # There is an even one at 88 s.
    assert found.starts_s[2:] == (60 + LATE, 74 + LATE, 89 + LATE)
    assert found.grid.segment_count == 5


def timed(seconds: int) -> Packets:
    count = 30 * seconds
    return replace(packets(count, rate=30), times_s=array("d", (i / 30 for i in range(count))))


@pytest.mark.parametrize(
    ("clip", "busiest_s"),
    [(("--from", "60", "--to", "240"), 90), (("--from", "60"), 250), (("--to", "300"), 0)],
)
def test_the_busiest_stretch_of_a_clip_is_within_it(clip: tuple[str, ...], busiest_s: int) -> None:
    """A lecture of 400 s shows films of 30 s: at 0 s, 150 s and 310 s."""
    films = ((0, 2), (150, 1), (310, 3))
    keys, size = {}, 0
    for at in range(0, 400, 2):
        keys[float(at)] = size
        size += 10_000 + sum(500_000 * n for begin, n in films if begin <= at < begin + 30)
    video = replace(VIDEO, packets=replace(timed(400), keys=keys, bytes=size))
    found = choose_samples(plan(*clip, video=video, audio=None, declared_s=None))
    assert found
    assert found.starts_s[found.even] == busiest_s + LATE


def test_a_clip_after_the_last_frame_is_not_sampled() -> None:
    """The audio goes on; the samples would be of what the clip leaves out."""
    assert MEDIA.audio
    audio = replace(MEDIA.audio, packets=packets(6000, rate=10))
    video = replace(VIDEO, packets=timed(20))
    assert choose_samples(plan("--from", "60", video=video, audio=audio, declared_s=None)) is None


def test_the_busiest_stretch_may_be_the_last() -> None:
    keys = {float(at): at * 10_000 for at in range(0, 120, 2)}
    counted = replace(packets(30 * 120, rate=30), keys=keys, bytes=9_000_000)
    assert counted.busiest_s(30) == 90


def test_the_busiest_stretch_of_few_keyframes_is_not_known() -> None:
    assert packets(400, rate=30).busiest_s(3) is None
    assert replace(packets(400, rate=30), keys={0.0: 0, 12.0: 90}).busiest_s(3) == 0


def test_a_rungs_rate_is_that_of_its_samples() -> None:
    """A keyframe counts once in a segment of 6 s, what follows it each second."""
    grid = Grid(rate=Fraction(30), segment_frames=30, total_frames=90)
    three = Samples(starts_s=(Fraction(0),) * 3, even=2, grid=grid, segment_s=Fraction(6))
    lines = ["#tb 0: 1/90000", "0, -6000, 0, 3000, 6000, 0xa", "0, 0, 87000, 3000, 125, 0xb"]
    lines += ["0, 90000, 90000, 3000, 9000, 0xa", "0, 0, 180000, 3000, 75000, 0xb, F=0x0"]
    (*_, rung) = plan().rungs
    # Keyframes take 8 and 12 kb/s of the first two samples.
    assert read_sampled_rate(three, rung, lines) == SampledRate(
        mean_bps=10_500, busiest_bps=100_000, key_share=20 / 21
    )
    small = replace(rung, max_rate_bps=50_000)
    assert read_sampled_rate(three, small, lines) == SampledRate(
        mean_bps=10_500, busiest_bps=50_000, key_share=20 / 21
    )


def kept_rungs(monkeypatch: pytest.MonkeyPatch, rates: dict[str, int], **changes: Any) -> list[str]:
    """Select a ladder whose samples have these rates, and return the rungs that are kept."""
    found = {name: SampledRate(mean_bps=bps, busiest_bps=bps) for name, bps in rates.items()}
    monkeypatch.setattr(ladder_selection, "_measure", lambda *_, **__: found)
    video = replace(VIDEO, packets=packets(600, rate=30))
    selected = ladder_selection.select_ladder(
        plan(video=video, declared_s=None, **changes),
        job("--copy-top", "never"),
        [Path("/in.mp4")],
        workspace(),
    )
    return [rung.name for rung in selected.rungs]


def test_what_a_player_loads_is_video_and_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside 112 kb/s of audio a screen of 330 kb/s is no heavier than one of 190."""
    still = {"1080p": 330_000, "720p": 190_000, "480p": 110_000}
    assert kept_rungs(monkeypatch, still) == ["1080p", "480p"]
    assert kept_rungs(monkeypatch, still, audio=None) == ["1080p", "720p"]
    film = {"1080p": 3_000_000, "720p": 1_500_000, "480p": 700_000}
    assert kept_rungs(monkeypatch, film) == ["1080p", "720p", "480p"]


@pytest.mark.parametrize(
    ("options", "key_share", "busiest_bps", "crf", "segment_s"),
    [
        ((), 0.2, 90_000, 20, 12),
        ((), 0.19, 90_000, 18.8, 6),
        # It shows a film for a while.
        ((), 0.4, 1_000_001, 18.8, 6),
        # Asked for.
        (("--segment", "6"), 0.4, 90_000, 20, 6),
        (("--segment", "4", "--ladder", "1080,480"), 0.4, 90_000, 20, 4),
    ],
)
def test_a_still_video_gets_longer_segments_and_a_higher_crf(
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    key_share: float,
    busiest_bps: int,
    crf: float,
    segment_s: int,
) -> None:
    found = SampledRate(mean_bps=80_000, busiest_bps=busiest_bps, key_share=key_share)
    monkeypatch.setattr(
        ladder_selection,
        "_measure",
        lambda sampled, *_, **__: {rung.name: found for rung in sampled.rungs},
    )
    asked = ("--copy-top", "never", *options)
    video = replace(VIDEO, packets=packets(600, rate=30))
    selected = ladder_selection.select_ladder(
        plan(*asked, video=video, declared_s=None), job(*asked), [Path("/in.mp4")], workspace()
    )
    assert selected.rungs[0].crf == crf
    assert selected.grid.segment_s == segment_s
    assert {rung.crf for rung in selected.rungs[1:]} <= {22}


@pytest.mark.parametrize(
    ("copy_top", "rungs", "is_copied"),
    [("auto", ["1080p"], False), ("always", ["1080p", "480p"], True)],
)
def test_a_copy_that_no_other_rung_is_worth_making_beside_is_not_made_by_itself(
    monkeypatch: pytest.MonkeyPatch, copy_top: str, rungs: list[str], *, is_copied: bool
) -> None:
    """A still screen: whatever is made beside the copy has as many bytes as it has."""
    asked = ("--copy-top", copy_top)
    # 40 kb/s.
    video = replace(VIDEO, packets=replace(packets(600, rate=30), bytes=100_000))
    a_plan = plan(*asked, video=video, declared_s=None)
    top, *others = a_plan.rungs
    copied = replace(a_plan, rungs=(replace(top, is_copied=True), *others))
    found = SampledRate(mean_bps=40_000, busiest_bps=40_000)
    rates = {rung.name: found for rung in a_plan.rungs}
    monkeypatch.setattr(ladder_selection, "_measure", lambda *_: rates)
    monkeypatch.setattr(ladder_selection, "peak_rate_bps", lambda _: 45_000)
    monkeypatch.setattr(ladder_selection, "_copy", lambda *_: copied)
    selected = ladder_selection.select_ladder(a_plan, job(*asked), [Path("/in.mp4")], workspace())
    assert [rung.name for rung in selected.rungs] == rungs
    assert selected.rungs[0].is_copied == is_copied
