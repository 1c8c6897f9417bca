"""Uploads whose clock is faster than what is published, and not even: phones, screen recorders."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg
from tests.functional.hls import read_published
from tests.functional.source.generated import SMALL, X264, tone, video
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg

# Each frame up to three tenths of an interval early or late.
JITTER = "settb=1/90000,setpts=round((N+0.3*sin(2.4*N))*1500+450)"


@pytest.mark.parametrize(
    ("rate", "name", "filters", "most"),
    [
        (60, "phone.mp4", JITTER, 30),
        # A rate of its shortest steps would be over 60.
        (30, "webcam.webm", JITTER, 60),
        (120, "screen.mkv", "null", 30),
    ],
    ids=["a phone that jitters", "a webcam that jitters", "8 and 9 ms in turns"],
)
def test_thirty_of_any_clock_that_is_a_multiple_of_it(
    run_worker: RunWorker, tmp_path: Path, rate: int, name: str, filters: str, most: int
) -> None:
    source, out = tmp_path / name, tmp_path / "out"
    sources = (*video(3, rate=rate), *tone(3))
    filters = filters.replace("1500", str(90_000 // rate))
    timed = ("-vf", filters, "-fps_mode", "passthrough", "-video_track_timescale", 90_000)
    codecs = ("-c:v", "libvpx", "-c:a", "libopus") if name.endswith("webm") else (*X264,)
    ffmpeg(*sources, *timed, *codecs, source)
    options = (*SMALL, "--max-frame-rate", most)
    ended = run_worker("--source", source, "--destination", out, *options)
    assert ended.status == 0, ended.final
    published = read_published(out)
    assert {each["FRAME-RATE"] for each in published.variants.values() if "RESOLUTION" in each} == {
        "30.000"
    }
    times_s = published.rungs[0].times_s("v")
    assert len(times_s) == pytest.approx(90, abs=1)
    assert all(abs(b - a - 1 / 30) < 1e-5 for a, b in pairwise(times_s))
