"""Values that several tests start from."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from worker.config.cli import parse_job
from worker.config.job import Job
from worker.config.location import parse_location
from worker.hls.run import Run
from worker.media.frame_clock import FrameClock
from worker.media.orientation import UPRIGHT
from worker.media.packets import Packets
from worker.media.streams import AudioStream, Media, VideoStream
from worker.plan.parallelism import Machine
from worker.plan.parts import PreparedFile
from worker.plan.plan import Plan, make_plan
from worker.records.segment import Segment
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools, Workspace
from worker.storage.open import OpenedParts, OpenedSource


def opened(*parts: tuple[str, str]) -> OpenedParts:
    """A source, of its parts' locations and identities; nothing is there."""
    return OpenedParts(
        tuple(
            OpenedSource(location=parse_location(location), content=Path(), identity=identity)
            for location, identity in parts
        )
    )


def packets(count: int, *, rate: float, start_s: float = 0.0) -> Packets:
    return Packets(
        count=count,
        start_s=start_s,
        end_s=start_s + count / rate,
        longest_gop_s=1.0,
    )


VIDEO = VideoStream(
    index=0,
    codec="h264",
    profile="High",
    width=1920,
    height=1080,
    sample_aspect_ratio=Fraction(1),
    rotation_deg=0,
    orientation=UPRIGHT,
    is_interlaced=False,
    nominal_rate=Fraction(30),
    average_rate=Fraction(30),
    pixel_format="yuv420p",
    color_space="bt709",
    color_transfer="bt709",
    color_primaries="bt709",
    color_range="tv",
    is_dolby_only=False,
    packets=packets(400, rate=30),
    lag_s=Fraction(0),
    clock=FrameClock(rate=Fraction(30), is_steady=True),
)
AUDIO = AudioStream(
    index=1,
    codec="aac",
    channels=2,
    layout="stereo",
    sample_rate_hz=48_000,
    language="ko",
    packets=packets(625, rate=48_000 / 1024),
)
MEDIA = Media(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    origin_s=Fraction(0),
    declared_s=13.333,
    video_track=VIDEO,
    audio=AUDIO,
)


def video(**changes: Any) -> VideoStream:
    return replace(VIDEO, **changes)


def media(*, video: VideoStream | None = VIDEO, **changes: Any) -> Media:
    return replace(MEDIA, video_track=video, **changes)


def job(*arguments: str) -> Job:
    return parse_job(["--source", "/in.mp4", "--destination", "/out", *arguments], {})


def plan(*arguments: str, **changes: Any) -> Plan:
    return plan_of(PreparedFile(media=media(**changes)), *arguments)


def plan_of(*files: PreparedFile | str) -> Plan:
    """Plan files, with options behind them."""
    read = [each for each in files if isinstance(each, PreparedFile)]
    options = [each for each in files if isinstance(each, str)]
    return make_plan(read, job(*options), machine=Machine(cores=2))


def of_media(a_plan: Plan, of: Media) -> Plan:
    """The plan of one file, with another one instead."""
    (part,) = a_plan.parts
    return replace(a_plan, parts=(replace(part, media=of),))


def segment(rendition: str, index: int, **changes: Any) -> Segment:
    values: dict[str, Any] = {
        "rendition": rendition,
        "index": index,
        "bytes": 188_000,
        "md5": hashlib.md5(f"{rendition}-{index}".encode()).hexdigest(),  # noqa: S324
        "codec": "avc1.640028",
        "frames": 180,
        "start_ticks": index * 540_000,
        "end_ticks": (index + 1) * 540_000,
        "etag": f"etag-{rendition}-{index}",
    }
    return Segment(**(values | changes))


def rung_segments(a_plan: Plan, name: str) -> tuple[Segment, ...]:
    """All segments of a rung, as a good encode leaves them."""
    grid = a_plan.grid
    level = next(rung.level for rung in a_plan.rungs if rung.name == name)
    heard = _muxed_bounds(a_plan) if a_plan.is_muxed else []
    return tuple(
        segment(
            name,
            k,
            codec=f"avc1.6400{int(level.replace('.', '')):02x}",
            frames=grid.frames(k),
            start_ticks=round(grid.start_s(k) * 90_000),
            end_ticks=round(grid.start_s(k + 1) * 90_000),
            key_bytes=18_800,
            audio_start_ticks=heard[k] if heard else None,
            audio_end_ticks=heard[k + 1] if heard else None,
        )
        for k in range(grid.segment_count)
    )


def _muxed_bounds(a_plan: Plan) -> list[int]:
    """Where the AAC frames of each segment begin, and where the last one ends."""
    whole = audio_segments(a_plan)
    starts = [a_plan.grid.start_s(k) * 90_000 for k in range(1, a_plan.grid.segment_count)]
    bounds = [-1920 + 1920 * math.ceil((at + 1920) / 1920) for at in starts]
    return [whole[0].start_ticks, *bounds, whole[-1].end_ticks]


def audio_segments(a_plan: Plan) -> tuple[Segment, ...]:
    """All segments of the audio: frames of 1,024 samples, the first one before zero."""
    total = -(-round(a_plan.grid.duration_s * 48_000) // 1024) + 1
    bounds = [*range(0, total, 282), total]
    return tuple(
        segment(
            "audio",
            k,
            codec="mp4a.40.2",
            frames=end - first,
            start_ticks=(first - 1) * 1920,
            end_ticks=(end - 1) * 1920,
        )
        for k, (first, end) in enumerate(pairwise(bounds))
    )


def run(a_plan: Plan, name: str = "run", **changes: Any) -> Run:
    """A run with all rungs and the audio, as a good encode leaves it."""
    # As a checkpoint gives them: by name.
    renditions = {rung.name: rung_segments(a_plan, rung.name) for rung in a_plan.rungs}
    if a_plan.audio:
        renditions["audio"] = audio_segments(a_plan)
    values: dict[str, Any] = {"renditions": dict(sorted(renditions.items())), "texts": ()}
    return Run(name=name, plan=a_plan, **(values | changes))


def workspace(folder: Path = Path("/")) -> Workspace:
    """A workspace in which nothing is started."""
    budget = Budget(time_limit_s=60, clock=lambda: 0)
    return Workspace(folder=folder, tools=Tools(), budget=budget)
