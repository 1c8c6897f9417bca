"""Argument lists, compared as lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.unit.sample import VIDEO, media, packets, plan, plan_of
from worker.ffmpeg.encode import encode_video
from worker.media.aspects import AspectChange
from worker.media.frame_clock import FrameClock
from worker.media.orientation import UPRIGHT, Orientation
from worker.plan.parts import PreparedFile
from worker.plan.plan import Span
from worker.runtime.command import Command

ROOT = Path(__file__).resolve().parents[3]
SOURCE = Path("/data/-a %d:'b'.mp4")
FDS = {
    "video": 14,
    "user_data": 13,
    "1080p": 5,
    "720p": 6,
    "480p": 7,
    "audio": 8,
    "progress": 9,
    "stats": 3,
    "idrs": 10,
    "parameters": 11,
    "stdout": 12,
    "bands": 14,
    "voice": 15,
    "lines": 16,
}


ONE_RUNG_GRAPH = (
    "[0:0]setpts=round(PTS-0.000000/TB)[s0];[s0]fps=30:start_time=0.000000[s1];"
    "[s1]tpad=stop=15:stop_mode=clone[s2];[s2]trim=end_frame=400[s3];"
    "[s3]setpts=PTS-STARTPTS[s4];"
    "[s4]scale=if(lt(abs(dar/(1)*1080/1920-1)\\,0.02)\\,1920\\,2*round(1920*min(1\\,dar/(1)*1080/1920)/2))"
    ":if(lt(abs(dar/(1)*1080/1920-1)\\,0.02)\\,1080\\,2*round(1080*min(1\\,1/(dar/(1)*1080/1920))/2))"
    ":eval=frame:interl=-1[s5];"
    "[s5]pad=1920:1096:(ow-iw)/2:(1080-ih)/2:color=black:eval=frame[s6];"
    "[s6]drawbox=color=white:enable=mod(floor((n+0)/30)\\,2):h=16:t=fill:w=16:x=0:y=1080[s7];"
    "[s7]drawbox=color=white:enable=eq(mod(n\\,180)\\,179):h=16:t=fill:w=16:x=16:y=1080[s8];"
    "[s8]drawbox=color=white:enable=eq(n\\,399):h=16:t=fill:w=16:x=32:y=1080[s9];"
    "[s9]mpdecimate=frac=0.05:hi=192:lo=64[s10];[s10]crop=h=1080:y=0[s11];"
    "[s11]split=1[s12];"
    "[s12]scale=854:480:in_color_matrix=bt709:out_color_matrix=bt709:out_range=tv[s13];"
    "[s13]format=yuv420p[s14];[s14]setsar=1[s15];"
    "[s15]setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv[s16]"
)

ALL = ("1080p", "720p", "480p")


def filled(command: Command, descriptors: Mapping[str, int] = FDS) -> list[str]:
    """A command's arguments as its program gets them."""
    assert set(command.pipes) <= set(descriptors)
    return [command.program, *command.fill_in(descriptors)]


def after(argv: list[str], option: str) -> list[str]:
    return [argv[i + 1] for i, word in enumerate(argv[:-1]) if word == option]


def video_argv(span: Span | None = None, **changes: object) -> list[str]:
    a_plan = plan(**changes)
    whole = Span(first=0, end=a_plan.grid.segment_count, rungs=ALL, preset="faster")
    return filled(encode_video(a_plan, span or whole, SOURCE))


def test_one_rung_in_full() -> None:
    a_plan = plan("--ladder", "480", audio=None)
    span = Span(first=0, end=3, rungs=("480p",), preset="faster")
    command = encode_video(a_plan, span, Path("/in.mp4"))
    assert command.pipes == ("480p", "progress")
    argv = filled(command, {"480p": 5, "progress": 6})
    assert argv == [
        "ffmpeg",
        *("-format_whitelist", after(argv, "-format_whitelist")[0]),
        *("-max_pixels", "67108864", "-noautorotate", "-protocol_whitelist", "file"),
        *("-reinit_filter", "0"),
        *("-i", "file:/in.mp4"),
        "-filter_complex",
        ONE_RUNG_GRAPH,
        *("-map", "[s16]", "-f", "segment", "-a53cc", "0", "-avoid_negative_ts", "disabled"),
        "-bsf:v",
        "setts=pts=PTS:dts='max(DTS,STARTPTS+N*3000.0^2/(STARTPTS-STARTDTS+3000.0))'",
        *("-bufsize", "4920000", "-crf", "17.8", "-enc_time_base", "1/90000"),
        *("-force_key_frames", "expr:gte(t,n_forced*6/1-0.016667)", "-fps_mode", "passthrough"),
        *("-g", "180", "-initial_offset", "10.000000", "-level", "3.1"),
        *("-map_chapters", "-1"),
        *("-map_metadata", "-1", "-maxrate", "2460000", "-muxdelay", "0.17", "-muxpreload", "0"),
        *("-preset", "faster", "-profile:v", "high", "-qmin", "16"),
        *("-segment_format", "mpegts"),
        *(
            "-segment_format_options",
            "mpegts_copyts=1:pcr_period=1:pat_period=1000:sdt_period=1000",
            "-segment_list",
            "pipe:5",
        ),
        *("-segment_list_type", "csv", "-segment_start_number", "0"),
        *("-segment_time", "6.000000", "-segment_time_delta", "0.016667"),
        *("-tune", "animation", "-vcodec", "libx264"),
        *("-x264-params", "ref=1:subme=3:aq-strength=0.5", "480p/%05d.ts"),
        *("-hide_banner", "-nostdin", "-nostats", "-y", "-copyts"),
        *("-loglevel", "level+verbose", "-progress", "pipe:6"),
    ]


def test_presets_are_changed_where_that_was_measured_to_be_better() -> None:
    top, lower, lowest = after(video_argv(), "-x264-params")
    assert top.startswith("b-adapt=2:")
    assert lower == lowest
    assert lower.startswith("bframes=3:trellis=1:")
    span = Span(first=0, end=2, rungs=("1080p",), preset="medium")
    assert after(video_argv(span), "-x264-params") == []


def test_every_rung_is_decoded_once_and_lists_on_its_own_pipe() -> None:
    argv = video_argv()
    assert argv.count("-i") == 1
    assert after(argv, "-segment_list") == ["pipe:5", "pipe:6", "pipe:7"]
    assert "split=3" in after(argv, "-filter_complex")[0]


def test_a_decoder_its_filters_and_each_encoder_have_the_threads_of_the_plan() -> None:
    a_plan = replace(plan(), threads=3)
    span = Span(first=0, end=1, rungs=ALL, preset="faster")
    argv = filled(encode_video(a_plan, span, SOURCE))
    assert after(argv, "-threads") == ["3"] * 4
    assert after(argv, "-filter_complex_threads") == ["3"]
    alone = video_argv()
    assert {"-threads", "-filter_complex_threads"}.isdisjoint(alone)


def test_a_later_span_seeks_early_and_offsets_its_segments() -> None:
    argv = video_argv(Span(first=1, end=2, rungs=ALL, preset="veryfast"))
    graph = after(argv, "-filter_complex")[0]
    assert "-noaccurate_seek" in argv
    assert after(argv, "-ss") == ["3.000000"], "a GOP of one second, and two"
    assert "fps=30:start_time=6.000000" in graph
    assert "trim=end_frame=180" in graph
    assert "tpad" not in graph, "only the last span may hold its last frame"
    assert after(argv, "-initial_offset") == ["16.000000"] * 3
    assert after(argv, "-segment_start_number") == ["1"] * 3
    assert after(argv, "-preset") == ["veryfast"] * 3
    assert len(after(argv, "-bsf:v")) == 3, "its decoding times begin after the last span's"


def test_a_span_may_leave_rungs_out() -> None:
    """A rung that is there already, or was given up."""
    argv = video_argv(Span(first=0, end=1, rungs=("1080p", "480p"), preset="faster"))
    assert "split=2" in after(argv, "-filter_complex")[0]
    assert after(argv, "-segment_list") == ["pipe:5", "pipe:7"]


def test_a_late_start_of_the_container_is_the_timelines_zero() -> None:
    graph = after(video_argv(origin_s=Fraction(1601, 200_000)), "-filter_complex")[0]
    assert "setpts=round(PTS-0.008005/TB)" in graph


def test_frames_that_the_decoder_gives_late_are_put_back() -> None:
    late = replace(VIDEO, lag_s=Fraction(2, 25))
    graph = after(video_argv(video=late, origin_s=Fraction(1, 50)), "-filter_complex")[0]
    assert "setpts=round(PTS-0.100000/TB)" in graph


def test_the_last_frame_is_held_until_the_audio_ends_but_not_without_end() -> None:
    """Audio of 13.33 s, video of 10: 100 frames more, and half a second of tolerance."""
    short = replace(VIDEO, packets=packets(300, rate=30))
    assert "tpad=stop=115:" in after(video_argv(video=short), "-filter_complex")[0]


@pytest.mark.parametrize(
    ("height", "space", "expected"),
    [
        (1080, None, "bt709"), (480, None, "smpte170m"), (1080, "smpte170m", "smpte170m"),
        (480, "bt470bg", "bt470"), (2160, "bt2020nc", "bt2020"), (480, "gbr", "smpte170m"),
        (480, "bt709", "bt709"), (720, "gbr", "bt709"),
    ],
)  # fmt: skip
def test_the_matrix_is_the_tagged_one_or_that_of_the_size(
    height: int, space: str | None, expected: str
) -> None:
    source = replace(VIDEO, width=height * 16 // 9, height=height, color_space=space)
    graph = after(video_argv(video=source), "-filter_complex")[0]
    assert f"in_color_matrix={expected}" in graph


def test_an_interlaced_source_is_deinterlaced_before_the_grid() -> None:
    clock = FrameClock(rate=Fraction(25), is_steady=True)
    source = replace(VIDEO, is_interlaced=True, packets=packets(400, rate=25), clock=clock)
    graph = after(video_argv(video=source), "-filter_complex")[0]
    names = re.findall(r"\]([a-z]+)=", graph)
    assert names[:5] == ["setpts", "scale", "pad", "bwdif", "fps"]
    assert names.count("pad") == 1, "frames are fitted once, before bwdif reads three of them"
    assert "bwdif=deint=interlaced:mode=send_frame[" in graph
    fast = plan("--max-frame-rate", "60", video=source)
    span = Span(first=0, end=1, rungs=ALL, preset="faster")
    by_field = filled(encode_video(fast, span, SOURCE))
    assert "mode=send_field" in after(by_field, "-filter_complex")[0]
    assert "fps=50:" in after(by_field, "-filter_complex")[0]


@pytest.mark.parametrize(
    ("orientation", "filters"),
    [
        (UPRIGHT, ""),
        (Orientation(swaps_sides=True), "hflip"),
        (Orientation(swaps_top=True), "vflip"),
        (Orientation(swaps_sides=True, swaps_top=True), "hflip,vflip"),
        (Orientation(is_turned=True), "transpose=cclock_flip"),
        (Orientation(is_turned=True, swaps_sides=True), "transpose=clock"),
        (Orientation(is_turned=True, swaps_top=True), "transpose=cclock"),
        (Orientation(is_turned=True, swaps_sides=True, swaps_top=True), "transpose=clock_flip"),
    ],
)
def test_frames_are_turned_by_filters_of_the_plan_before_they_are_scaled(
    orientation: Orientation, filters: str
) -> None:
    argv = video_argv(video=replace(VIDEO, orientation=orientation))
    assert "-noautorotate" in argv
    chain = re.findall(r"\]([^\[;]+)\[", after(argv, "-filter_complex")[0])
    crop, split = (next(i for i, f in enumerate(chain) if f.startswith(n)) for n in ("crop", "spl"))
    assert ",".join(chain[crop + 1 : split]) == filters


def test_the_shape_is_the_first_frame_s_with_its_pixels_aspect() -> None:
    """720x576 at 64:45 is seen as 16:9."""
    wide = replace(VIDEO, width=720, height=576, sample_aspect_ratio=Fraction(64, 45))
    graph = after(video_argv(video=wide), "-filter_complex")[0]
    assert "scale=if(lt(abs(dar/(64/45)*576/720-1)" in graph
    assert "pad=720:592:(ow-iw)/2:(576-ih)/2:" in graph
    deep = replace(wide, pixel_format="yuv420p10le")
    assert "pad=720:576:" in after(video_argv(video=deep), "-filter_complex")[0], "no marks"


def test_an_aspect_that_changes_is_followed_by_time_before_the_grid() -> None:
    """16:15, from 8 s on 64:45, and 16:15 again: 4/3 times as wide."""
    changes = tuple(
        AspectChange(at_s=at_s, sample_aspect_ratio=Fraction(ratio))
        for at_s, ratio in ((8.0, "64/45"), (12.0, "16/15"))
    )
    pal = replace(
        VIDEO, width=720, height=576, sample_aspect_ratio=Fraction(16, 15), aspect_changes=changes
    )
    graph = after(video_argv(video=pal), "-filter_complex")[0].replace("\\", "")
    assert "iw/ih*(1+gte(t,7.999000)*(1/3)+gte(t,11.999000)*(-1/3))*576/720" in graph
    assert re.findall(r"\]([a-z]+)=", graph)[:4] == ["setpts", "scale", "pad", "fps"]


@pytest.mark.parametrize(("preset", "has_it"), [("ultrafast", True), ("superfast", False)])
def test_ultrafast_keeps_the_profile_of_the_other_presets(preset: str, *, has_it: bool) -> None:
    """The others have 8x8dct by themselves, and with it profile High."""
    span = Span(first=0, end=1, rungs=ALL, preset=preset)
    assert ("8x8dct=1" in video_argv(span)) is has_it


def test_a_clip_is_read_from_before_it_and_begins_at_its_frame() -> None:
    """The first span too is sought, a GOP and two seconds early; its zero is the clip's."""
    (part,) = plan().parts
    media = part.media.starting_at(Fraction(10))
    a_plan = replace(plan(), parts=(replace(part, media=media),))
    span = Span(first=0, end=2, rungs=("480p",), preset="faster")
    argv = filled(encode_video(a_plan, span, SOURCE))
    assert after(argv, "-ss") == ["7.000000"]
    (graph,) = after(argv, "-filter_complex")
    assert "setpts=round(PTS-10.000000/TB)" in graph
    assert "fps=30:start_time=0.000000" in graph
    assert after(argv, "-initial_offset") == ["10.000000"]


def test_a_span_of_a_later_part_is_that_of_its_file_at_the_runs_times() -> None:
    """A portrait upload has bars, and its segments go on where the others ended."""
    turned = replace(VIDEO, orientation=Orientation(is_turned=True))
    a_plan = plan_of(*(PreparedFile(media=media(video=each)) for each in (VIDEO, turned)))
    (joint,) = a_plan.joints
    span = Span(first=joint, end=joint + 1, rungs=("480p",), preset="faster")
    argv = filled(encode_video(a_plan, span, SOURCE))
    (graph,) = after(argv, "-filter_complex")
    assert after(argv, "-ss") == []
    assert "fps=30:start_time=0.000000" in graph
    assert "scale=270:480:" in graph
    assert "pad=854:480:(ow-iw)/2:(oh-ih)/2:color=black" in graph
    assert after(argv, "-segment_start_number") == [str(joint)]
    assert after(argv, "-initial_offset") == ["23.333333"]
