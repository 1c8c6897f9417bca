"""Samples: few, spread over the pictures, and none of what is too short for them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.sample import MEDIA, VIDEO, job, packets, plan
from worker import pilot
from worker.budget import Budget
from worker.process import FailedError, Tools
from worker.samples import Samples, choose_samples


def samples(seconds: int, *, sound_s: int = 0) -> Samples | None:
    video = replace(VIDEO, packets=packets(30 * seconds, rate=30))
    audio = None
    if sound_s and MEDIA.audio:
        audio = replace(MEDIA.audio, packets=packets(sound_s * 10, rate=10))
    return choose_samples(plan(video=video, audio=audio, promised_s=None))


@pytest.mark.parametrize(
    ("seconds", "count"), [(15, 1), (119, 1), (120, 2), (600, 6), (7200, 8), (36_000, 8)]
)
def test_one_in_two_minutes_and_not_too_many(seconds: int, count: int) -> None:
    found = samples(seconds)
    assert found
    assert len(found.starts_s) == count
    assert found.total_s == 3 * count
    assert found.starts_s[0] >= 0
    assert found.starts_s[-1] + 3 <= seconds
    assert found.grid.segment_frames == 90


def test_a_short_video_is_not_sampled() -> None:
    assert samples(14) is None


def test_a_recording_with_hardly_a_keyframe_is_not_sampled() -> None:
    rare = replace(VIDEO, packets=replace(packets(30 * 7200, rate=30), longest_gop_s=3600.0))
    assert choose_samples(plan(video=rare, audio=None, promised_s=None)) is None


def test_samples_lie_where_there_are_pictures() -> None:
    found = samples(20, sound_s=600)
    assert found
    assert found.starts_s == (Fraction(17, 2),)


def test_samples_that_cannot_be_made_are_a_warning_and_all_rungs_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An FFmpeg that lacks a part would otherwise switch `--ladder auto` off, and nobody knew."""

    def fail(name: str, *_: Any, **__: Any) -> tuple[str, ...]:
        raise FailedError(name, 1, ["[error] Requested output format 'h264' is not known"])

    monkeypatch.setattr(pilot, "run_alone", fail)
    a_plan = plan(video=replace(VIDEO, packets=packets(600, rate=30)), audio=None, promised_s=None)
    tools = Tools(
        ffmpeg="ffmpeg", ffprobe="ffprobe", budget=Budget(time_limit_s=60, clock=lambda: 0)
    )
    with capture_logs() as logged:
        settled = pilot.settle_ladder(
            a_plan, job("--copy-top", "never"), Path("/in.mp4"), folder=Path("/"), tools=tools
        )
    assert settled == a_plan
    (told,) = logged
    assert (told["event"], told["log_level"]) == ("pilot_failed", "warning")
    assert "Requested output format" in told["reason"]
