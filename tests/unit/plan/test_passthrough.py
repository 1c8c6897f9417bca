"""What may be copied, where it is cut, and why the rest is encoded."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import VIDEO, plan, rung_segments
from worker.ffmpeg.stream_copy import IDRS, PARAMETERS, IdrIndex
from worker.hls.segment import is_whole
from worker.media.aspects import AspectChange
from worker.media.orientation import Orientation
from worker.media.packets import Packets
from worker.media.timeline import Grid
from worker.plan.digest import output_form
from worker.plan.forecast import Choice, cost, weigh
from worker.plan.passthrough import cut_at_idrs, is_light, plan_copy, source_rate_bps, why_encode
from worker.plan.plan import Plan

RATE = 30
GRID = Grid(rate=Fraction(RATE), segment_frames=180, total_frames=1000)


def timed(count: int = 400, *, keys: Sequence[int] = (0,), frame_bytes: int = 1000) -> Packets:
    """Packets of a steady source, all of one size."""
    return replace(
        VIDEO.packets,
        count=count,
        bytes=count * frame_bytes,
        keys={key / RATE: key * frame_bytes for key in keys},
        times_s=array("d", (i / RATE for i in range(count))),
    )


def copyable(**changes: Any) -> Plan:
    video = replace(VIDEO, packets=timed(keys=(0, 100, 250)))
    return plan(video=replace(video, **changes))


def test_what_fits_is_not_encoded() -> None:
    assert why_encode(copyable()) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"codec": "hevc"}, "not H.264"),
        ({"profile": "High 10"}, "profile is High 10"),
        ({"pixel_format": "yuvj420p"}, "pixel format"),
        ({"color_range": "pc"}, "colors"),
        ({"is_interlaced": True}, "interlaced"),
        ({"orientation": Orientation(swaps_sides=True)}, "mirrored"),
        ({"width": 3840, "height": 2160}, "size"),
        ({"sample_aspect_ratio": Fraction(4, 3)}, "size"),
        ({"aspect_changes": (AspectChange(at_s=4, sample_aspect_ratio=Fraction(2)),)}, "aspect"),
        ({"packets": replace(timed(), hidden=2)}, "edit list"),
        ({"packets": replace(timed(), times_s=array("d"))}, "without a timestamp"),
        ({"packets": replace(timed(), is_decode_timed=True)}, "without a timestamp"),
        ({"packets": timed(count=380)}, "audio goes on"),
    ],
)
def test_what_does_not_fit_is_encoded_and_the_reason_is_given(
    change: dict[str, Any], reason: str
) -> None:
    assert reason in str(why_encode(copyable(**change)))


def test_frames_off_the_grid_are_encoded() -> None:
    times = timed().times_s
    times[200] += 0.6 / RATE
    assert why_encode(copyable(packets=replace(timed(), times_s=times))) == (
        "its frames are not evenly spaced"
    )


def test_a_copy_alone_is_not_made() -> None:
    alone = plan("--ladder", "1080", video=replace(VIDEO, packets=timed()))
    assert why_encode(alone) == "there is no other rung"


def test_the_cap_on_the_rate_is_that_of_the_rung() -> None:
    heavy = copyable(packets=timed(keys=(0, 180, 360), frame_bytes=60_000))
    found = plan_copy(heavy, (0, 180, 360))
    assert isinstance(found, str)
    assert "14.4 Mb/s; the cap is 12.4" in found


def test_a_copy_is_cut_at_keyframes_and_costs_nothing() -> None:
    made = copyable()
    copied = plan_copy(made, (0, 100, 250))
    assert isinstance(copied, Plan)
    assert copied.grid.cuts == (0, 100, 250)
    assert [copied.grid.frames(k) for k in range(3)] == [100, 150, 150]
    assert [rung.is_copied for rung in copied.rungs] == [True, False, False]
    choice = Choice(preset="faster", rungs=("1080p",))
    assert cost(weigh(copied, choice), {"1080p": 400}) == 0
    assert cost(weigh(made, choice), {"1080p": 400}) > 0
    assert output_form(copied) != output_form(made), "it is another run"


@pytest.mark.parametrize(
    ("idrs", "cuts"),
    [
        (tuple(range(0, 1000, 60)), ()),
        (tuple(range(0, 1000, 50)), (0, 150, 300, 450, 600, 750, 900)),
        # One soon after another does not make a short segment.
        ((0, 10, 250, 500, 750), (0, 250, 500, 750)),
        (tuple(range(0, 1000, 300)), (0, 300, 600, 900)),
    ],
)
def test_segments_are_about_as_long_as_planned(
    idrs: tuple[int, ...], cuts: tuple[int, ...]
) -> None:
    found = cut_at_idrs(idrs, GRID)
    assert found
    assert found.cuts == cuts


@pytest.mark.parametrize("idrs", [(), (30, 200, 400), (0, 400, 800), (0, 180, 360, 540)])
def test_rare_keyframes_are_no_segments(idrs: tuple[int, ...]) -> None:
    assert cut_at_idrs(idrs, GRID) is None


@given(st.sets(st.integers(1, 999), max_size=200), st.integers(1, 1000))
def test_segments_cover_the_whole_and_start_at_keyframes(some: set[int], total: int) -> None:
    idrs = (0, *sorted(frame for frame in some if frame < total))
    found = cut_at_idrs(idrs, replace(GRID, total_frames=total))
    if found is None:
        return
    starts = [found.first_frame(k) for k in range(found.segment_count)]
    assert set(starts) <= set(idrs)
    assert sum(found.frames(k) for k in range(found.segment_count)) == total
    assert max(found.frames(k) for k in range(found.segment_count)) <= 360
    assert found.first_frame(found.segment_count) == total


def indexed(idrs: Sequence[str], parameters: Sequence[str] = ()) -> IdrIndex:
    index = IdrIndex(copyable())
    for label, lines in ((IDRS, idrs), (PARAMETERS, parameters), ("progress", ["frame=1"])):
        for line in ("#tb 0: 1/15360", "#codec_id 0: h264", *lines):
            index.add(label, line)
    return index


def test_times_are_read_in_the_containers_time_base() -> None:
    index = indexed(["0, -1024, 0, 512, 3, 0xa", "0, 4, 76800, 1, 9, 0xb, F=0x0"])
    assert index.frames == {0, 150}
    assert not index.parameters_change


def test_parameters_that_change_within_the_video_are_noticed() -> None:
    idr = "0, 0, 0, 512, 3, 0xa"
    same = indexed([idr, idr], ["0, 0, 0, 512, 28, 0xa", "0, 9, 9, 512, 28, 0xa"])
    assert not same.parameters_change
    assert indexed([idr], ["0, 0, 0, 512, 28, 0xa", "0, 9, 9, 512, 28, 0xb"]).parameters_change
    assert indexed([idr, f"{idr}, S=1,       45, 0xc"]).parameters_change


def test_more_cuts_than_a_command_line_holds_are_none() -> None:
    frames = range(0, 30 * 60_000, 170)
    source = replace(VIDEO, packets=replace(timed(30 * 60_000, keys=frames), end_s=60_000))
    long = plan("--max-duration", "90000", video=source, audio=None, declared_s=None)
    assert plan_copy(long, frames) == "it would have too many segments of its own lengths"


def test_a_copy_may_have_half_as_many_bytes_again() -> None:
    # 400 frames of 1,000 bytes in 13.3 s.
    assert is_light(copyable(), 160_000)
    assert not is_light(copyable(), 159_000)
    assert not is_light(copyable(), 0), "the rate of an encode is not known"


def test_the_last_frame_of_a_copy_is_not_held() -> None:
    copied = plan_copy(copyable(packets=timed(keys=(0, 180, 360))), (0, 180, 360))
    assert isinstance(copied, Plan)
    segments = rung_segments(copied, "1080p")
    early = [replace(segment, end_ticks=segment.end_ticks - 9_000) for segment in segments]
    assert [is_whole(copied, segment) for segment in early] == [False, False, True]
    assert not is_whole(copied, replace(early[2], rendition="720p"))


def clip_of(start: int, end: int | None) -> Plan | str:
    """Plan the copy of some frames of 400, which has IDR frames at 0, 100 and 250."""
    keys = (0, 100, 250)
    video = replace(VIDEO, packets=timed(keys=keys))
    options = [f"--from={start / RATE:.6f}", *([] if end is None else [f"--to={end / RATE:.6f}"])]
    a_plan = plan(*options, video=video, audio=None, declared_s=None)
    assert why_encode(a_plan) is None
    return plan_copy(a_plan, {key - start for key in keys})


def test_a_clip_is_copied_from_keyframe_to_keyframe() -> None:
    for bounds, frames in (((100, 250), 150), ((100, None), 300), ((0, 250), 250)):
        copied = clip_of(*bounds)
        assert isinstance(copied, Plan)
        assert copied.grid.total_frames == frames
        assert copied.rungs[0].is_copied
        assert source_rate_bps(copied) == 8 * 1000 * RATE


@pytest.mark.parametrize("bounds", [(99, 250), (100, 251), (101, None)])
def test_a_clip_between_keyframes_is_encoded(bounds: tuple[int, int | None]) -> None:
    assert clip_of(*bounds) == "the clip does not begin and end at keyframes"
