"""The FFmpeg commands that encode video into segments, built from a plan. Pure.

ffmpeg-python sorts options by name; the ones that need a reason have it beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from worker.ffmpeg.color_filters import prepare_colors, scale_prepared
from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.decode import decode_span
from worker.ffmpeg.inputs import seconds
from worker.layout import SEGMENT_PATTERN
from worker.media.timeline import CLOCK_HZ, START_OFFSET_S, Grid
from worker.plan.ladder import Rung, fitted_size, is_small
from worker.plan.parts import Part
from worker.plan.plan import Plan, Span, rung_preset
from worker.runtime.command import Command, pipe_url

# How far the clock reference is ahead of decoding times. Half of it is how long AAC frames are
# gathered for one PES packet, which carries a reference, at most 0.1 s after the last (ISO/IEC
# 13818-1, 2.7.2): four frames. In longer packets the audio would have 2 % fewer bytes; with one
# frame in each, 60 % more.
_CLOCK_LEAD_S = 0.17

# Options of the muxer of each segment. Without mpegts_copyts it would start at its own zero. With
# pcr_period there is a clock reference with every frame: the first decode less than the usual
# 20 ms apart. And PAT and PMT are there once, at the start, as RFC 8216, 3.2 requires: every 0.1 s,
# for receivers that join a broadcast, they would be 30 kb/s of each rendition.
_MPEGTS = "mpegts_copyts=1:pcr_period=1:pat_period=1000:sdt_period=1000"

# What differs from x264's presets where its own cost more than they give, measured at equal quality
# (docs/performance.md). b-adapt 2 finds where frames stand still between two that move; umh finds
# the page that was scrolled, which hex does not; trellis keeps text that veryfast rounds away. With
# all that, finer steps of motion than those of subme 1 take a quarter of the time and gain little.
# And x264 writes the profile whose tools are in use: `ultrafast` uses none of High's, and its codec
# string would not be that of the segments that other presets made of the same run.
_CHANGED_PRESETS = {
    "ultrafast": "8x8dct=1",
    "faster": "b-adapt=2:bframes=3:me=umh:merange=32:ref=1:subme=1:aq-strength=0.5",
    "veryfast": "bframes=3:trellis=1:me=umh:merange=24:subme=1:aq-strength=0.5",
}
# In small frames the worst ones need these steps, and gain nothing by a wider search.
_SMALL_FASTER = "ref=1:subme=3:aq-strength=0.5"
# What stands still long gets ever finer quantizers, down to 1. Nobody sees what is beyond this.
_FINEST_QUANTIZER = 16


def encode_video(plan: Plan, span: Span, source: Path) -> Command:
    """Build the one FFmpeg that encodes a span of its rungs: decode once, split, scale, encode.

    The source is the file of the part that it is in. It writes `<rung>/00000.ts`… below its working
    folder and announces each finished segment as a CSV row on the pipe of that rung's name.
    """
    rungs = [rung for rung in plan.rungs if rung.name in span.rungs]
    index, own = plan.locate(span)
    part = plan.alone(index)
    branches = scale_to_rungs(decode_span(part, own, source), part, rungs)
    outputs = [
        ffmpeg.output(
            branch,
            f"{rung.name}/{SEGMENT_PATTERN}",
            **encoder_options(rung, plan, span),
            **segment_options(plan, span, rung.name),
            **cut_at_keyframes(plan.grid, span),
        )
        for branch, rung in zip(branches, rungs, strict=True)
    ]
    return ffmpeg_command(outputs, pipes=[rung.name for rung in rungs], filter_threads=plan.threads)


def scale_to_rungs(stream: Any, plan: Plan, rungs: Sequence[Rung]) -> list[Any]:
    """Convert decoded frames of a part to BT.709 once, and scale them to each rung's size."""
    part = plan.parts[0]
    prepared = prepare_colors(stream, part.media.video, fitted_size(plan.rungs[0], part.aspect))
    branches = prepared.filter_multi_output("split", len(rungs))
    return [_rung_frames(branches[i], part, rung) for i, rung in enumerate(rungs)]


def add_bars(stream: Any, part: Part, size: tuple[int, int]) -> Any:
    """Center frames that have been fitted into a rung's size, where they do not fill it."""
    if part.aspect is None:
        return stream
    return stream.filter("pad", *size, "(ow-iw)/2", "(oh-ih)/2", color="black")


def _rung_frames(branch: Any, part: Part, rung: Rung) -> Any:
    scaled = scale_prepared(branch, part.media.video, fitted_size(rung, part.aspect))
    return (
        add_bars(scaled, part, (rung.width, rung.height))
        .filter("setsar", 1)
        .filter(
            "setparams",
            range="tv",
            color_primaries="bt709",
            color_trc="bt709",
            colorspace="bt709",
        )
    )


def encoder_options(rung: Rung, plan: Plan, span: Span) -> dict[str, Any]:
    """Return the options of x264 for one rung of a span."""
    preset = rung_preset(plan, rung.name, span.preset)
    frame_ticks = float(CLOCK_HZ / plan.grid.rate)
    # B-frames make the first frame decode some frames before it is shown: seconds, where frames
    # were dropped. hls.js takes that for t=0 and finds a hole of as many frames, and at a joint
    # it would lie before the last span's end. So the first frames' decoding times are squeezed in
    # between the first two frames, where they are as valid: 0, 1/(d+1), …, 1, 2, 3 … frames.
    squeeze = f"max(DTS,STARTPTS+N*{frame_ticks}^2/(STARTPTS-STARTDTS+{frame_ticks}))"
    return {
        "bsf:v": f"setts=pts=PTS:dts='{squeeze}'",
        # Fractions of a frame need finer ticks than the encoder's own, of one frame each.
        "enc_time_base": f"1/{CLOCK_HZ}",
        "vcodec": "libx264",
        "preset": preset,
        # Flat areas and hard edges, of which slides and screens are made: with x264's own presets
        # a tenth fewer bytes on lectures; with these it costs nothing (docs/performance.md).
        "tune": "animation",
        **_x264_params(rung, preset),
        **({"threads": plan.threads} if plan.threads else {}),
        "crf": rung.crf,
        "qmin": _FINEST_QUANTIZER,
        "maxrate": rung.max_rate_bps,
        "bufsize": 2 * rung.max_rate_bps,
        "profile:v": "high",
        "level": rung.level,
        "g": plan.grid.segment_frames,
        "force_key_frames": _key_times(plan.grid, span),
        # The fps filter has put the frames on the grid; FFmpeg's own pass would fill it up.
        "fps_mode": "passthrough",
        # Captions in the frames are a text rendition, or left out; of those that came with frames
        # that are left out as duplicates, FFmpeg would write what is left.
        "a53cc": 0,
    }


def _x264_params(rung: Rung, preset: str) -> dict[str, str]:
    """Return what is changed of x264's preset; FFmpeg takes the option once, with all of it."""
    has_own = preset == "faster" and is_small(rung.width, rung.height)
    changed = _SMALL_FASTER if has_own else _CHANGED_PRESETS.get(preset)
    return {"x264-params": changed} if changed else {}


def _key_times(grid: Grid, span: Span) -> str:
    """Write when each segment of a span starts; half a frame early, as times are rounded."""
    half_s = 1 / grid.rate / 2
    if grid.cuts:
        return ",".join(["0", *(seconds(start_s - half_s) for start_s in _cuts_s(grid, span))])
    each = grid.segment_s
    return f"expr:gte(t,n_forced*{each.numerator}/{each.denominator}-{seconds(half_s)})"


def cut_at_keyframes(grid: Grid, span: Span) -> dict[str, Any]:
    """Return the options that cut the video of a span where its segments start."""
    if grid.cuts and span.end - span.first > 1:
        cuts = {"segment_times": ",".join(map(seconds, _cuts_s(grid, span)))}
    else:
        cuts = {"segment_time": seconds(grid.segment_s)}
    # Half a frame early: the keyframe's time was rounded to the tick.
    return {**cuts, "segment_time_delta": seconds(1 / grid.rate / 2)}


def _cuts_s(grid: Grid, span: Span) -> list[Fraction]:
    start_s = grid.start_s(span.first)
    return [grid.start_s(k) - start_s for k in range(span.first + 1, span.end)]


def segment_options(plan: Plan, span: Span, pipe: str) -> dict[str, Any]:
    """Return the options of an output that is cut into the segments of a span.

    Each finished one is announced as a CSV row on `pipe`.
    """
    start_s = plan.grid.start_s(span.first)
    return {
        "f": "segment",
        "segment_format": "mpegts",
        "segment_format_options": _MPEGTS,
        "segment_start_number": span.first,
        "segment_list": pipe_url(pipe),
        "segment_list_type": "csv",
        # Not -output_ts_offset: the segment muxer would then cut at absolute times, wrongly.
        "initial_offset": seconds(START_OFFSET_S + start_s),
        "avoid_negative_ts": "disabled",
        "muxpreload": 0,
        "muxdelay": _CLOCK_LEAD_S,
        # Locations, names and devices in the upload's metadata are not published.
        "map_metadata": -1,
        "map_chapters": -1,
    }
