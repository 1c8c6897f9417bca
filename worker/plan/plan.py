"""The plan of a run: source and options in, a frozen value out. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any, TypeVar

from worker.config.job import Job
from worker.media.streams import Media
from worker.media.timeline import Grid, make_grid
from worker.plan.ladder import LADDER, Rung, plan_ladder
from worker.plan.parallelism import Machine, plan_lanes, plan_threads
from worker.plan.parts import (
    AUDIO_RATE_HZ,
    Part,
    PreparedFile,
    find_windows,
    lay_parts,
    run_rate,
)
from worker.plan.refusals import refuse_too_long
from worker.plan.texts import TextPlan, plan_texts

# From the slowest that is worth its time to the fastest that is worth watching.
AUTO_PRESETS = ("faster", "superfast")
# Where the worker chooses, rungs below the top take another one: a sixth less CPU, and they are for
# viewers who cannot have the top one.
_LOWER_PRESETS = {"faster": "veryfast"}
# Of AAC-LC. Most lectures are one microphone: half the bytes of the same channel twice. At 48 kb/s
# the error of FFmpeg's encoder was up to twice that of 64 (docs/performance.md).
_CHANNEL_BPS = 56_000
# Where none is asked for. Samples may show that longer ones are better (`stillness`).
_SEGMENT_S = 6
# A last frame that cannot be decoded is common in cut recordings; the one before stays on screen
# for this long at most. More missing than that is a truncated file.
TAIL_TOLERANCE_S = Fraction(1, 2)


_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioPlan:
    """The one audio rendition: AAC-LC. `is_muxed`: each rung's segments carry it, too."""

    channels: int
    bit_rate_bps: int
    sample_rate_hz: int = AUDIO_RATE_HZ
    is_muxed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Segments [first, end) of some rungs, encoded by one FFmpeg process.

    `preset` is the top rung's; `rung_preset` gives the others'.
    """

    first: int
    end: int
    rungs: tuple[str, ...]
    preset: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything that is decided about a run.

    `presets` may be used, the best first; the job starts with it. `lanes` is how many FFmpegs work
    side by side, each on a span; `threads` are those of each decoder, each filter and each x264, or
    0 for as many as they choose. Of audio alone there are no rungs: nothing is done with frames.
    """

    parts: tuple[Part, ...]
    grid: Grid
    rungs: tuple[Rung, ...]
    audio: AudioPlan | None
    texts: tuple[TextPlan, ...]
    presets: tuple[str, ...]
    lanes: int
    threads: int

    @property
    def media(self) -> Media:
        """The file of the first part, by which the run has its shape."""
        return self.parts[0].media

    @property
    def is_muxed(self) -> bool:
        """Whether each rung's segments carry the audio."""
        return self.audio is not None and self.audio.is_muxed

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames a second; None of audio alone, whose grid counts samples."""
        return self.grid.rate if self.rungs else None

    @property
    def is_one_file(self) -> bool:
        """Whether the run is one file, all of it."""
        return len(self.parts) == 1 and self.parts[0].is_whole(self.grid.rate)

    @property
    def longest_gop_s(self) -> float | None:
        """The longest distance of keyframes in any part; None where one's is not known."""
        tracks = [part.media.video_track for part in self.parts]
        found = [video.packets.longest_gop_s if video else None for video in tracks]
        known = [gop_s for gop_s in found if gop_s is not None]
        return max(known) if len(known) == len(found) else None

    @property
    def joints(self) -> tuple[int, ...]:
        """The segments with which each part but the first begins."""
        return tuple(self.grid.segment_at(part.first_frame) for part in self.parts[1:])

    def used(self, files: Sequence[_T]) -> tuple[_T, ...]:
        """Return the files of the parts, of all files of the source."""
        return tuple(files[part.number - 1] for part in self.parts)

    def alone(self, index: int) -> Plan:
        """Return the plan of one part alone, as if that were the run."""
        if len(self.parts) == 1:
            return self
        part = self.parts[index]
        return replace(
            self,
            parts=(replace(part, first_frame=0),),
            grid=self.grid.within(part.first_frame, part.frames),
        )

    def locate(self, span: Span) -> tuple[int, Span]:
        """Return in which part a span is, none being in two, and which one of that part alone."""
        frame = self.grid.first_frame(span.first)
        index = next(i for i, part in enumerate(self.parts) if frame < part.end_frame)
        before = self.grid.segment_at(self.parts[index].first_frame)
        return index, replace(span, first=span.first - before, end=span.end - before)

    def label(self, index: int) -> str:
        """Return how messages begin that are about one of several parts."""
        number = self.parts[index].number
        return f"part {number}: " if len(self.parts) > 1 or number > 1 else ""


def make_plan(files: Sequence[PreparedFile], job: Job, *, machine: Machine) -> Plan:
    """Plan a run on a machine, of files that may be used, in their order.

    Raises:
        BadParametersError: the clip is not on the timeline.
        BadSourceError: it is too long.

    """
    read = [each.media for each in files]
    windows = find_windows(read, job.clip, most=job.max_frame_rate)
    rate = run_rate(read, windows, most=job.max_frame_rate)
    parts = lay_parts(files, windows, rate)
    segment_s = _SEGMENT_S if job.segment_s == "auto" else job.segment_s
    grid = make_grid([part.frames for part in parts], rate=rate, segment_s=segment_s)
    refuse_too_long(grid, max_duration_s=job.max_duration_s)
    video = parts[0].media.video_track
    heights = LADDER if job.ladder == "auto" else job.ladder
    rungs = plan_ladder(video, heights, rate) if video else ()
    plan = Plan(
        parts=parts,
        grid=grid,
        rungs=rungs,
        audio=plan_audio(parts, is_muxed=job.audio == "muxed" and bool(rungs)),
        texts=plan_texts([part.media.texts for part in parts]),
        presets=AUTO_PRESETS if job.preset == "auto" else (job.preset,),
        lanes=1,
        threads=0,
    )
    lanes = plan_lanes(job.parallel_spans, plan.longest_gop_s, grid, machine=machine)
    return replace(plan, lanes=lanes, threads=plan_threads(lanes, machine=machine))


def plan_audio(parts: Sequence[Part], *, is_muxed: bool = False) -> AudioPlan | None:
    """Plan the audio; None where no part has any.

    What is one channel stays one, which players play on both sides, unless another part has two.
    """
    channels = max(part.channels for part in parts)
    if not channels:
        return None
    return AudioPlan(channels=channels, bit_rate_bps=channels * _CHANNEL_BPS, is_muxed=is_muxed)


def rung_preset(plan: Plan, rung: str, preset: str) -> str:
    """Choose a rung's preset where the top rung's is this one; one that was asked for is kept."""
    if len(plan.presets) == 1 or rung == plan.rungs[0].name:
        return preset
    return _LOWER_PRESETS.get(preset, preset)


def describe(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain data; rates stay exact (`30000/1001`), derived figures are added."""
    derived = {
        "segment_count": plan.grid.segment_count,
        "segment_s": float(plan.grid.segment_s),
        "duration_s": float(plan.grid.duration_s),
    }
    described = asdict(plan) | derived
    for part in described["parts"]:
        # Like the times of packets, not for people.
        del part["media"]["byte_map"]
        part["media"]["video"] = part["media"].pop("video_track")
        for stream in (part["media"]["video"], part["media"]["audio"]):
            if stream is not None:
                # One number for each packet: hours of them would bury the rest.
                del stream["packets"]["times_s"], stream["packets"]["keys"]
    plain: dict[str, Any] = json.loads(json.dumps(described, default=plain_fraction))
    return plain


def plain_fraction(value: object) -> str:
    """Write a fraction as text, for json.dumps."""
    if isinstance(value, Fraction):
        return str(value)
    raise TypeError(f"no plain form for {type(value).__name__}")
