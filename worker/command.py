"""FFmpeg argument lists, built from a plan. Pure: nothing is started here.

Built with ffmpeg-python, whose `compile()` sorts options by name; the flags that need a reason have
it beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import ffmpeg

from worker.inputs import open_input
from worker.ladder import Rung
from worker.media import Media, VideoStream
from worker.plan import AUDIO, AudioPlan, Plan, Span
from worker.recolor import matrix_options, through_table
from worker.transport_stream import CLOCK_HZ

PROGRESS = "progress"
SEGMENT_SUFFIX = ".ts"
_SEGMENT_PATTERN = f"%05d{SEGMENT_SUFFIX}"

# The timeline's t=0 in the segments, so that neither the times of B-frames (which decode before
# they show) nor the AAC encoder's first 1,024 samples are negative, which MPEG-TS cannot say.
START_OFFSET_S = 10

# A last picture that cannot be decoded is common in cut recordings; the one before stays on
# screen for this long at most. More missing than that is a truncated file.
_TAIL_TOLERANCE_S = Fraction(1, 2)

THUMBNAIL_LONG_SIDE = 1280

# Beyond a whole GOP: leading pictures of an open one need the GOP before.
_SEEK_MARGIN_S = 2


def encode_video(
    plan: Plan, span: Span, source: Path, *, ffmpeg_path: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the one FFmpeg that encodes a span of its rungs: decode once, split, scale, encode.

    It writes `<rung>/00000.ts`… below its working folder and announces each finished segment as a
    CSV row on the pipe of that rung's name. `pipes` maps those names and `progress` to descriptors.
    """
    pictures = through_table(_span_pictures(plan, span, source), plan.media.video, plan.rungs[0])
    rungs = [rung for rung in plan.rungs if rung.name in span.rungs]
    branches = pictures.filter_multi_output("split", len(rungs))
    outputs = [
        ffmpeg.output(
            _rung_pictures(branches[i], plan.media.video, rung),
            f"{rung.name}/{_SEGMENT_PATTERN}",
            **_x264_options(rung, plan, span),
            # Half a frame early: the keyframe's time was rounded to the tick.
            **_segment_options(plan, span, pipes[rung.name], early_s=1 / plan.grid.rate / 2),
        )
        for i, rung in enumerate(rungs)
    ]
    return _compile(outputs, ffmpeg_path, pipes)


def encode_audio(
    plan: Plan, audio: AudioPlan, source: Path, *, ffmpeg_path: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the FFmpeg that encodes the whole sound into its own rendition."""
    if plan.media.audio is None:
        raise ValueError("the plan's source has no audio")
    sound = (
        open_input(source)[str(plan.media.audio.index)]
        .filter("asetpts", _from_origin(plan.media))
        # async=1 fills gaps and trims overlaps, first_pts=0 a late start, so that sound keeps its
        # place to within 20 ms; without them it creeps towards the start at every gap.
        .filter("aresample", audio.sample_rate_hz, **{"async": 1}, first_pts=0, min_hard_comp=0.02)
        .filter("aformat", sample_fmts="fltp", channel_layouts="stereo")
        # Sound lasts exactly as long as the picture: players stall where a rendition ends early.
        .filter("apad")
        .filter("atrim", end=_seconds(plan.grid.duration_s))
    )
    whole = Span(first=0, end=plan.grid.segment_count, rungs=(), preset="")
    output = ffmpeg.output(
        sound,
        f"{AUDIO}/{_SEGMENT_PATTERN}",
        acodec="aac",
        audio_bitrate=audio.bit_rate_bps,
        **_segment_options(plan, whole, pipes[AUDIO], early_s=Fraction(0)),
        # Half of this is how long the muxer gathers AAC frames for one PES packet. At 0 each frame
        # is a packet of its own, and stuffing makes 205 kb/s of 128.
        muxdelay=0.35,
    )
    return _compile([output], ffmpeg_path, pipes)


def pick_thumbnail(
    plan: Plan, source: Path, *, ffmpeg_path: str, at_s: float, output: str, stats_fd: int
) -> list[str]:
    """Build the FFmpeg that keeps the most typical of the pictures after `at_s` as a JPEG.

    Its brightness statistics (signalstats) go to the descriptor `stats_fd`.
    """
    top = plan.rungs[0]
    scale = min(1.0, THUMBNAIL_LONG_SIDE / max(top.width, top.height))
    # A raw stream cannot be sought, not even to its start.
    seek = {"ss": f"{at_s:.3f}"} if at_s > 0 else {}
    picture = open_input(source, **seek)[str(plan.media.video.index)]
    # Rounded up, a clip of a few frames still gives one.
    picture = picture.filter("fps", "5", round="up").filter("thumbnail", 6)
    picture = (
        through_table(picture, plan.media.video, top)
        .filter(
            "scale",
            *(max(2, round(side * scale / 2) * 2) for side in (top.width, top.height)),
            # A JPEG's matrix is BT.601's, whatever its size (JFIF).
            **matrix_options(plan.media.video, out_matrix="smpte170m", out_range="pc"),
        )
        .filter("format", "yuvj420p")
        .filter("setsar", 1)
        .filter("signalstats")
        .filter("metadata", "print", file=f"pipe:{stats_fd}")
    )
    still = ffmpeg.output(
        picture,
        output,
        f="image2",
        update=1,
        vframes=1,
        map_metadata=-1,
        **{"qscale:v": 3},
    )
    return _compile([still], ffmpeg_path, {})


def _from_origin(media: Media) -> str:
    """Put t=0 at the container's start. -copyts keeps FFmpeg from choosing it by itself.

    It would take the first timestamp of the streams it was told to use, which differs between
    the picture's and the sound's process where the two start apart (MPEG-TS).
    """
    return f"round(PTS-{_seconds(media.origin_s)}/TB)"


def _span_pictures(plan: Plan, span: Span, source: Path) -> Any:
    """Decode and lay the pictures of a span on the grid, times from the span's own zero."""
    grid, video = plan.grid, plan.media.video
    start_s = grid.start_s(span.first)
    frames = grid.first_frame(span.end) - grid.first_frame(span.first)
    # MPEG-TS is sought by time, not to a keyframe: a whole GOP earlier there is one for certain.
    # All from there on is kept: the picture that is on screen when the span starts may be seconds
    # old, and -accurate_seek would drop it.
    seek = {}
    early_s = _SEEK_MARGIN_S + Fraction(video.packets.longest_gop_s or start_s)
    if start_s > early_s:
        seek = {"ss": _seconds(start_s - early_s), "noaccurate_seek": None}
    pictures = (
        open_input(source, **seek)[str(video.index)]
        .filter("setpts", _from_origin(plan.media))
        .filter("fps", str(grid.rate), start_time=_seconds(start_s))
    )
    if span.end == grid.segment_count:
        pictures = pictures.filter("tpad", stop=_padding_frames(plan), stop_mode="clone")
    return pictures.filter("trim", end_frame=frames).filter("setpts", "PTS-STARTPTS")


def _padding_frames(plan: Plan) -> int:
    """Frames that the last picture may stay on screen beyond its own time.

    As long as the sound goes on after it, plus the tolerance; not without end, so that a source
    whose decoding breaks off gives a short result, which is noticed, and not a frozen one.
    """
    grid, end_s = plan.grid, plan.media.video.packets.end_s
    shown = grid.total_frames if end_s is None else int(Fraction(end_s) * grid.rate)
    behind = max(0, grid.total_frames - shown)
    return behind + max(2, round(_TAIL_TOLERANCE_S * plan.grid.rate))


def _rung_pictures(branch: Any, video: VideoStream, rung: Rung) -> Any:
    matrix = matrix_options(video, out_matrix="bt709", out_range="tv")
    return (
        branch.filter("scale", rung.width, rung.height, **matrix)
        .filter("format", "yuv420p")
        .filter("setsar", 1)
        .filter(
            "setparams",
            range="tv",
            color_primaries="bt709",
            color_trc="bt709",
            colorspace="bt709",
        )
    )


def _x264_options(rung: Rung, plan: Plan, span: Span) -> dict[str, Any]:
    frame_ticks = float(CLOCK_HZ / plan.grid.rate)
    # B-frames make the first frame decode some frames before it shows, and hls.js takes that for
    # t=0 and finds a hole of as many frames. So the first frames' decoding times are squeezed in
    # between the first two pictures, where they are as valid: 0, 1/(d+1), …, 1, 2, 3 … frames.
    squeeze = f"max(DTS,STARTPTS+N*{frame_ticks}^2/(STARTPTS-STARTDTS+{frame_ticks}))"
    starts = {"bsf:v": f"setts=pts=PTS:dts='{squeeze}'"} if span.first == 0 else {}
    return {
        **starts,
        # Fractions of a frame need finer ticks than the encoder's own, of one frame each.
        "enc_time_base": f"1/{CLOCK_HZ}",
        "vcodec": "libx264",
        "preset": span.preset,
        "crf": rung.crf,
        "maxrate": rung.max_rate_bps,
        "bufsize": 2 * rung.max_rate_bps,
        "profile:v": "high",
        "level": rung.level,
        "g": plan.grid.segment_frames,
        # Segments start where the grid says, counted in frames: a time in seconds would be rounded.
        "force_key_frames": f"expr:eq(mod(n,{plan.grid.segment_frames}),0)",
        # The fps filter has made the rate constant; FFmpeg's own pass would do it again.
        "fps_mode": "passthrough",
        "muxdelay": 0,
    }


def _segment_options(plan: Plan, span: Span, list_fd: int, *, early_s: Fraction) -> dict[str, Any]:
    start_s = plan.grid.start_s(span.first)
    return {
        "f": "segment",
        "segment_format": "mpegts",
        # Without mpegts_copyts the inner muxer starts each segment at its own zero.
        "segment_format_options": "mpegts_copyts=1",
        "segment_time": _seconds(plan.grid.segment_s),
        "segment_time_delta": _seconds(early_s),
        "segment_start_number": span.first,
        "segment_list": f"pipe:{list_fd}",
        "segment_list_type": "csv",
        # Not -output_ts_offset: the segment muxer would then cut at absolute times, wrongly.
        "initial_offset": _seconds(START_OFFSET_S + start_s),
        "avoid_negative_ts": "disabled",
        "muxpreload": 0,
        # Places, names and devices in the upload's metadata stay there.
        "map_metadata": -1,
        "map_chapters": -1,
    }


def _compile(outputs: Sequence[Any], ffmpeg_path: str, pipes: Mapping[str, int]) -> list[str]:
    # Level verbose: only there does FFmpeg say how many frames it decoded.
    words = ["-hide_banner", "-nostdin", "-nostats", "-y", "-copyts", "-loglevel", "level+verbose"]
    if PROGRESS in pipes:
        words += ["-progress", f"pipe:{pipes[PROGRESS]}"]
    merged = ffmpeg.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]
    return cast("list[str]", ffmpeg.compile(merged.global_args(*words), cmd=ffmpeg_path))


def _seconds(value: Fraction | int) -> str:
    """Write seconds as FFmpeg reads them, to the microsecond."""
    return f"{float(value):.6f}"
