"""Files on one timeline: where each begins, what a clip leaves of them, and no segment in two."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import AUDIO, MEDIA, VIDEO, packets, plan_of
from worker.config.clip import Clip
from worker.encode.spans import next_span
from worker.errors import BadParametersError
from worker.media.frame_clock import FrameClock
from worker.media.orientation import Orientation
from worker.media.streams import Media, TextStream, VideoStream
from worker.media.timeline import make_grid
from worker.plan.digest import run_name
from worker.plan.ladder import fitted_size
from worker.plan.parts import Heard, Part, PreparedFile, find_windows, lay_parts, run_rate
from worker.plan.plan import Plan, Span
from worker.plan.saved import plan_from_json, plan_to_json

RATE = Fraction(25)


def file(seconds: float = 10, *, rate: int = 25, **changes: Any) -> PreparedFile:
    """A file of video that lasts so long."""
    count = round(seconds * rate)
    times_s = array("d", (frame / rate for frame in range(count)))
    video = replace(
        VIDEO,
        packets=replace(packets(count, rate=rate), times_s=times_s),
        clock=FrameClock(rate=Fraction(rate), is_steady=True),
    )
    media = replace(MEDIA, video_track=video, audio=None, declared_s=None)
    return PreparedFile(media=replace(media, **changes))


def clip(start: str = "0", end: str | None = None) -> Clip:
    return Clip(start_s=Fraction(start), end_s=None if end is None else Fraction(end))


def laid(files: Sequence[PreparedFile], asked: Clip) -> tuple[Part, ...]:
    """Files of 25 frames a second, on a grid of as many."""
    windows = find_windows([each.media for each in files], asked, most=30)
    return lay_parts(files, windows, RATE)


def test_files_follow_each_other_in_whole_frames() -> None:
    parts = laid([file(10.01), file(4), file(3.03)], Clip())
    assert [(part.first_frame, part.frames) for part in parts] == [(0, 250), (250, 100), (350, 76)]
    assert [part.number for part in parts] == [1, 2, 3]
    assert all(part.is_whole(RATE) for part in parts)


def test_a_clip_is_cut_out_of_the_joined_timeline() -> None:
    """Files beside it are left out; the others begin and end at the nearest frames."""
    parts = laid([file(), file(), file(), file()], clip("11.013", "25"))
    assert [part.number for part in parts] == [2, 3]
    assert [(part.first_frame, part.frames) for part in parts] == [(0, 225), (225, 125)]
    assert [part.media.begins_s for part in parts] == [1, 0]
    assert [part.ends_early(RATE) for part in parts] == [False, True]
    assert parts[0].media.video.packets.end_s == pytest.approx(9)


@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=6),
    bounds=st.tuples(st.integers(0, 2000), st.integers(1, 2000)),
)
def test_a_clip_shows_what_the_whole_shows_there(
    lengths: list[int], bounds: tuple[int, int]
) -> None:
    """Frame by frame, whatever the files; and no part is empty."""
    files = [file(length / 25) for length in lengths]
    whole = [(n, k) for n, length in enumerate(lengths, 1) for k in range(length)]
    start, end = min(bounds), max(bounds)
    asked = Clip(start_s=start / RATE, end_s=end / RATE)
    if end > len(whole) or start >= end:
        with pytest.raises(BadParametersError):
            laid(files, asked)
        return
    shown: list[tuple[int, int]] = []
    for part in laid(files, asked):
        assert part.first_frame == len(shown)
        begin = round(part.media.begins_s * RATE)
        shown += [(part.number, begin + k) for k in range(part.frames)]
    assert shown == whole[start:end]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (clip("30"), "--from 0:00:30.000 is past the end: the source lasts 0:00:20.000"),
        (clip("0", "20.1"), "--to 0:00:20.100 is past the end: the source lasts 0:00:20.000"),
        (clip("3.001", "3.002"), "there is no frame between"),
    ],
)
def test_a_clip_that_is_not_on_the_timeline_is_refused_with_the_length(
    asked: Clip, message: str
) -> None:
    with pytest.raises(BadParametersError, match=message):
        laid([file(), file()], asked)


def test_what_is_used_of_each_file_is_known_before_there_is_a_grid() -> None:
    files = [each.media for each in (file(), file(), file())]
    first, second, third = find_windows(files, clip("12.5", "18"), most=30)
    assert first is third is None
    assert second
    assert (second.start_s, second.end_s) == (Fraction(5, 2), Fraction(8))


def test_no_frame_of_the_fastest_file_is_lost() -> None:
    """But a file that a clip leaves out does not count."""
    files = [each.media for each in (file(), file(rate=30), file(rate=60))]
    for asked, rate in ((Clip(), 30), (clip("1", "8"), 25)):
        windows = find_windows(files, asked, most=30)
        assert run_rate(files, windows, most=30) == rate


def heard_until(end_s: float, video: PreparedFile) -> PreparedFile:
    """A file whose audio goes on for longer than its video."""
    audio = replace(AUDIO, packets=replace(AUDIO.packets, end_s=end_s))
    return replace(video, media=replace(video.media, audio=audio))


def test_a_clip_that_begins_at_a_joint_has_nothing_of_the_file_before_it() -> None:
    """That goes on for less than half a frame after the joint, and has another rate."""
    files = [heard_until(10.011, file(rate=30)), file()]
    plan = plan_of(*files, "--from", "10")
    assert [(part.number, part.frames) for part in plan.parts] == [(2, 250)]
    assert plan.parts[0].is_whole(plan.grid.rate)
    assert plan.grid.rate == 25


def test_a_file_that_is_shown_is_listened_to() -> None:
    """The third of three that last for less than their frames ends later than they last."""
    files = [*(heard_until(10.021, file()) for _ in range(3)), file()]
    asked = clip("30.09", "30.12")
    assert [part.number for part in laid(files, asked)] == [3]
    found = find_windows([each.media for each in files], asked, most=30)
    assert [window is not None for window in found] == [False, False, True, False]


@given(
    lengths_ms=st.lists(st.integers(500, 20_000), min_size=2, max_size=5),
    rates=st.lists(st.sampled_from([24, 25, 30]), min_size=5, max_size=5),
    bounds=st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
def test_a_clip_from_joint_to_joint_is_the_files_between_them(
    lengths_ms: list[int], rates: list[int], bounds: tuple[int, int]
) -> None:
    """By the times that manifest.json has; and of what it leaves out nothing counts."""
    files = [
        heard_until(ms / 1000, file(ms / 1000, rate=rate))
        for ms, rate in zip(lengths_ms, rates, strict=False)
    ]
    whole = plan_of(*files)
    first, last = sorted(min(at, len(files) - 1) for at in bounds)
    start, end = (
        f"{float(frame / whole.grid.rate):.3f}"
        for frame in (whole.parts[first].first_frame, whole.parts[last].end_frame)
    )
    a_plan = plan_of(*files, "--from", start, "--to", end)
    assert [part.number for part in a_plan.parts] == list(range(first + 1, last + 2))
    assert a_plan.grid.rate == max(rates[first : last + 1])
    assert all(part.is_whole(a_plan.grid.rate) for part in a_plan.parts)
    assert a_plan.grid == plan_of(*files[first : last + 1]).grid


def test_the_first_file_has_the_shape_and_others_get_bars() -> None:
    turned = replace(VIDEO, orientation=Orientation(is_turned=True))
    coded = replace(VIDEO, height=1088)
    plan = plan_of(*(PreparedFile(media=of_video(each)) for each in (VIDEO, turned, coded)))
    assert [part.aspect for part in plan.parts] == [None, Fraction(9, 16), None]
    top = plan.rungs[0]
    assert fitted_size(top, plan.parts[1].aspect) == (608, 1080)
    assert fitted_size(top, None) == (1920, 1080)


def of_video(video: VideoStream) -> Media:
    return replace(MEDIA, video_track=video, declared_s=None)


@given(
    lengths=st.lists(st.integers(1, 1000), min_size=2, max_size=8),
    segment_s=st.sampled_from([1.0, 2.0, 6.0]),
)
def test_segments_begin_at_joints_and_are_of_one_length_but_at_their_ends(
    lengths: list[int], segment_s: float
) -> None:
    grid = make_grid(lengths, rate=RATE, segment_s=segment_s)
    cuts = [grid.first_frame(k) for k in range(grid.segment_count)]
    joints = [sum(lengths[:i]) for i in range(len(lengths))]
    assert set(joints) <= set(cuts)
    each = round(segment_s * RATE)
    sizes = [b - a for a, b in pairwise([*cuts, sum(lengths)])]
    ends = [*(grid.segment_at(joint) - 1 for joint in joints[1:]), len(sizes) - 1]
    assert all(size == each for k, size in enumerate(sizes) if k not in ends)
    # Rounded, none is longer than the others: the target duration is theirs (RFC 8216, 4.3.3.1).
    assert max(sizes) / RATE < segment_s + 0.5
    assert [grid.segment_at(cut) for cut in cuts] == list(range(len(cuts)))


def test_a_tiny_rest_is_part_of_the_segment_before_it() -> None:
    grid = make_grid([160, 170, 150], rate=RATE, segment_s=6)
    assert grid.cuts == (0, 160, 310, 330)
    assert grid.segment_frames == 160


@pytest.fixture
def joined() -> Plan:
    return plan_of(file(10), file(7), file(14))


def test_no_span_is_of_two_files(joined: Plan) -> None:
    grid = joined.grid
    done: dict[str, set[int]] = {"1080p": set()}
    while found := next_span(grid, ["1080p"], done, taken=[], lanes=1, joints=joined.joints):
        segments, rungs = found
        span = Span(first=segments.start, end=segments.stop, rungs=rungs, preset="faster")
        index, own = joined.locate(span)
        part, alone = joined.parts[index], joined.alone(index).grid
        assert grid.first_frame(span.first) - part.first_frame == alone.first_frame(own.first)
        assert grid.first_frame(span.end) - part.first_frame == alone.first_frame(own.end)
        done["1080p"].update(segments)
    assert len(done["1080p"]) == grid.segment_count


def test_a_joined_plan_is_read_back_as_it_was(joined: Plan) -> None:
    assert plan_from_json(plan_to_json(joined)) == joined


def test_a_part_alone_is_planned_like_a_run_of_its_own(joined: Plan) -> None:
    alone = joined.alone(1)
    assert alone.grid.total_frames == 175
    assert alone.media is joined.parts[1].media
    assert alone.is_one_file


def test_the_name_of_a_run_depends_on_its_parts() -> None:
    names = {
        run_name("source", plan_of(*files, *options))
        for files, options in (
            ([file(10), file(10)], ()),
            ([file(20)], ()),
            ([file(5), file(15)], ()),
            ([file(30)], ("--from", "10")),
            ([file(30)], ("--from", "5", "--to", "25")),
        )
    }
    assert len(names) == 5


def test_a_clip_of_everything_is_the_whole() -> None:
    whole = plan_of(file(20))
    assert run_name("source", plan_of(file(20), "--to", "20")) == run_name("source", whole)


def test_audio_has_as_many_channels_as_any_part() -> None:
    one, two = (replace(AUDIO, channels=channels) for channels in (1, 2))
    plan = plan_of(*(PreparedFile(media=replace(MEDIA, audio=audio)) for audio in (one, two, None)))
    assert plan.audio
    assert plan.audio.channels == 2
    assert [part.channels for part in plan.parts] == [1, 2, 0]
    heard = Heard(side="both")
    mono = plan_of(*(PreparedFile(media=MEDIA, heard=heard) for _ in range(2)))
    assert mono.audio
    assert mono.audio.channels == 1


def text(index: int, language: str | None, codec: str = "subrip") -> TextStream:
    return TextStream(index=index, codec=codec, language=language, title=None, is_forced=False)


def test_tracks_of_one_kind_are_one_rendition() -> None:
    """By language, whatever their order and codec; captions in the frames are of another kind."""
    parts = (
        (text(2, "kor"), text(3, "eng"), text(0, "kor", "captions")),
        (),
        (text(4, "eng", "mov_text"), text(5, "kor"), text(6, "kor")),
    )
    plan = plan_of(*(file(texts=texts) for texts in parts))
    found = [[track.index if track else None for track in each.tracks] for each in plan.texts]
    assert found == [[2, None, 5], [3, None, 4], [0, None, None], [None, None, 6]]
    assert [each.name for each in plan.texts] == ["text0", "text1", "text2", "text3"]
