"""A clip shows what the whole file shows there, also where the video has ended."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from tests.unit.ffmpeg.test_commands import SOURCE, after, filled
from tests.unit.sample import AUDIO, VIDEO, media, packets, plan_of
from worker.encode.decode_check import DecodedFrames
from worker.ffmpeg.encode import encode_video
from worker.plan.parts import PreparedFile
from worker.plan.plan import Plan, Span


def ended(*clip: str) -> Plan:
    """The plan of a clip of a file whose video lasts 10 s, and its audio 60."""
    times_s = array("d", (frame / 30 for frame in range(300)))
    video = replace(VIDEO, packets=replace(packets(300, rate=30), times_s=times_s))
    audio = replace(AUDIO, packets=packets(600, rate=10))
    return plan_of(PreparedFile(media=media(video=video, audio=audio, declared_s=None)), *clip)


def span_of(a_plan: Plan) -> Span:
    return Span(first=0, end=a_plan.grid.segment_count, rungs=("480p",), preset="faster")


@pytest.mark.parametrize(
    ("begin_s", "start_s", "sought_s", "leads"),
    [
        # The last frame, number 299, may be damaged: from half a second before it.
        (30, "-20.533333", "6.466667", 616),
        (12, "-2.533333", "6.466667", 76),
        (5, "0.000000", "2.000000", 0),
    ],
)
def test_after_the_last_frame_a_clip_is_decoded_from_before_it(
    begin_s: int, start_s: str, sought_s: str, leads: int
) -> None:
    a_plan = ended("--from", str(begin_s))
    argv = filled(encode_video(a_plan, span_of(a_plan), SOURCE))
    (graph,) = after(argv, "-filter_complex")
    assert after(argv, "-ss") == [sought_s]
    assert f"fps=30:start_time={start_s}" in graph
    frames = (60 - begin_s) * 30
    trim = f"trim=end_frame={frames + leads}" + (f":start_frame={leads}" if leads else "")
    assert f"{trim}[" in graph
    # From the last frame's end until that of the audio, and half a second.
    assert f"tpad=stop={50 * 30 + 15}:stop_mode=clone" in graph


def test_of_frames_before_a_clip_none_is_missing_from_it() -> None:
    a_plan = ended("--from", "30")
    frames = DecodedFrames(a_plan)
    frames.add(span_of(a_plan), decoded=16)
    frames.check()
    assert frames.missing == (0,)
