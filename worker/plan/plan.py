"""The plan of a run: source and options in, a frozen value out. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

from worker.config.job import Job
from worker.media.streams import AudioStream, Media, TextStream
from worker.media.timeline import Grid, make_grid
from worker.plan.ladder import LADDER, Rung, plan_ladder
from worker.plan.parallelism import Machine, plan_lanes, plan_threads
from worker.plan.refusals import refuse_source, refuse_too_long

# From the slowest that is worth its time to the fastest that is worth watching.
AUTO_PRESETS = ("faster", "veryfast", "superfast")
# Where the worker chooses, rungs below the top take the next one: a quarter less CPU, and they are
# for viewers who cannot have the top one.
_LOWER_PRESETS = {"faster": "veryfast"}
# Of AAC-LC. Most lectures are one microphone: half the bytes of the same channel twice. At 48 kb/s
# the error of FFmpeg's encoder was up to twice that of 64 (docs/performance.md).
_CHANNEL_BPS = 56_000
# Where none is asked for. Samples may show that longer ones are better (`stillness`).
_SEGMENT_S = 6
# A last frame that cannot be decoded is common in cut recordings; the one before stays on screen
# for this long at most. More missing than that is a truncated file.
TAIL_TOLERANCE_S = Fraction(1, 2)


# Which channels of a stereo track hold what there is to hear, where that is one channel.
Side = Literal["both", "left", "right"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What was found by listening to a track: the gain to a loudness, and its one channel."""

    gain_db: float = 0.0
    side: Side | None = None


_UNHEARD = Heard()


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioPlan:
    """The one audio rendition: AAC-LC. `gain_db` brings it to the loudness asked for.

    `side` is where its one channel is in a stereo track. `is_muxed`: each rung's segments carry it,
    too.
    """

    channels: int
    bit_rate_bps: int
    gain_db: float = 0.0
    side: Side | None = None
    sample_rate_hz: int = 48_000
    is_muxed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPlan:
    """A rendition of subtitles, as WebVTT."""

    name: str
    stream: TextStream


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
    0 for as many as they choose.
    """

    media: Media
    grid: Grid
    rungs: tuple[Rung, ...]
    audio: AudioPlan | None
    texts: tuple[TextPlan, ...]
    presets: tuple[str, ...]
    lanes: int
    threads: int

    @property
    def is_muxed(self) -> bool:
        """Whether each rung's segments carry the audio."""
        return self.audio is not None and self.audio.is_muxed


def make_plan(media: Media, job: Job, *, machine: Machine, heard: Heard = _UNHEARD) -> Plan:
    """Plan a run on a machine.

    Raises:
        BadSourceError: the source ends long before its declared duration, is too long or too large,
            or its colors cannot be converted.

    """
    refuse_source(media, allow_truncated=job.allow_truncated)
    grid = make_grid(
        media.video,
        duration_s=media.duration_s,
        most=job.max_frame_rate,
        segment_s=_SEGMENT_S if job.segment_s == "auto" else job.segment_s,
    )
    refuse_too_long(grid, max_duration_s=job.max_duration_s)
    lanes = plan_lanes(job.parallel_spans, media.video, grid, machine=machine)
    return Plan(
        media=media,
        grid=grid,
        rungs=plan_ladder(media.video, LADDER if job.ladder == "auto" else job.ladder, grid.rate),
        audio=plan_audio(media.audio, heard, is_muxed=job.audio == "muxed")
        if media.audio
        else None,
        texts=tuple(TextPlan(name=f"text{i}", stream=text) for i, text in enumerate(media.texts)),
        presets=AUTO_PRESETS if job.preset == "auto" else (job.preset,),
        lanes=lanes,
        threads=plan_threads(lanes, machine=machine),
    )


def plan_audio(
    stream: AudioStream, heard: Heard = _UNHEARD, *, is_muxed: bool = False
) -> AudioPlan:
    """Plan the audio: what is one channel stays one, which players play on both sides."""
    channels = 1 if heard.side else stream.mixed_channels
    return AudioPlan(
        channels=channels,
        bit_rate_bps=channels * _CHANNEL_BPS,
        gain_db=heard.gain_db,
        side=heard.side,
        is_muxed=is_muxed,
    )


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
    # Like the times of packets, not for people.
    del described["media"]["byte_map"]
    for stream in (described["media"]["video"], described["media"]["audio"]):
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
