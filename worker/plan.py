"""What will be done, decided before it is done: description + options in, frozen plan out. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from worker.errors import BadSourceError
from worker.job import Job
from worker.ladder import LADDER, Rung, plan_ladder
from worker.lanes import Machine, plan_lanes
from worker.media import AudioStream, Media, TextStream, VideoStream
from worker.recolor import UNREADABLE_MATRICES
from worker.timeline import Grid, clock, make_grid

# Part of every run's name: raised when the same source and options would give other bytes.
PLAN_VERSION = 8

AUDIO = "audio"
# From the slowest that is worth its time to the fastest that is worth watching.
AUTO_PRESETS = ("faster", "veryfast", "superfast")
# Where the worker chooses, rungs below the top take the next one: a quarter less CPU, and they are
# for who cannot have the top one.
_LOWER_PRESETS = {"faster": "veryfast"}
# Of AAC-LC. Most lectures are one microphone: half the bytes of what plays the same channel twice.
_CHANNEL_BPS = 64_000
# Twice 8K (7680x4320); a screen may be long and narrow.
_MOST_SIDE, MOST_PIXELS = 16_384, 67_108_864
# A last picture that cannot be decoded is common in cut recordings; the one before stays on
# screen for this long at most. More missing than that is a truncated file.
TAIL_TOLERANCE_S = Fraction(1, 2)
# Ends of packets and the header's duration differ by a frame or an edit list in sound files.
_PROMISE_TOLERANCE_S = 2.0
_PROMISE_TOLERANCE_SHARE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioPlan:
    """The one audio rendition: AAC-LC. `gain_db` brings it to the loudness asked for."""

    channels: int
    bit_rate_bps: int
    gain_db: float = 0.0
    sample_rate_hz: int = 48_000


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPlan:
    """A rendition of subtitles, as WebVTT."""

    name: str
    stream: TextStream


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Segments [first, end) of some rungs, encoded by one FFmpeg process.

    `preset` is the top rung's; `rung_preset` tells the others'.
    """

    first: int
    end: int
    rungs: tuple[str, ...]
    preset: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything that is decided about a run.

    `presets` may be used, the best first; the job starts with it. `lanes` is how many FFmpegs work
    side by side, each on a span; `threads` are those of each decoder and each x264, or 0 for as
    many as they take by themselves.
    """

    media: Media
    grid: Grid
    rungs: tuple[Rung, ...]
    audio: AudioPlan | None
    texts: tuple[TextPlan, ...]
    presets: tuple[str, ...]
    lanes: int
    threads: int

    def shape(self) -> dict[str, Any]:
        """Return what decides the published bytes' form; the preset may change on the way."""
        return {
            "version": PLAN_VERSION,
            "grid": asdict(self.grid),
            "rungs": [asdict(rung) for rung in self.rungs],
            "audio": self.media.audio
            and self.audio
            and {
                **asdict(self.audio),
                "stream": self.media.audio.index,
            },
            "texts": [asdict(text) for text in self.texts],
        }


def make_plan(media: Media, job: Job, *, machine: Machine, gain_db: float = 0.0) -> Plan:
    """Plan a run on a machine.

    Raises:
        BadSourceError: the source ends long before its container says, is too long, or its colours
            cannot be shown.

    """
    if not job.allow_truncated:
        refuse_truncated(media)
    refuse_strange_colors(media.video)
    refuse_huge(media.video)
    grid = make_grid(
        media.video,
        duration_s=media.duration_s,
        most=job.max_frame_rate,
        segment_s=job.segment_s,
    )
    if grid.duration_s > job.max_duration_s:
        found, most = clock(grid.duration_s), clock(job.max_duration_s)
        raise BadSourceError(
            f"the video lasts {found}, longer than the {most} that are taken;"
            " cut it into parts and upload those"
        )
    lanes = plan_lanes(job.parallel_spans, media.video, grid, machine=machine)
    return Plan(
        media=media,
        grid=grid,
        rungs=plan_ladder(media.video, LADDER if job.ladder == "auto" else job.ladder, grid.rate),
        audio=plan_audio(media.audio, gain_db=gain_db) if media.audio else None,
        texts=tuple(TextPlan(name=f"text{i}", stream=text) for i, text in enumerate(media.texts)),
        presets=AUTO_PRESETS if job.preset == "auto" else (job.preset,),
        lanes=lanes,
        threads=1 if lanes >= machine.cores > 1 else 0,
    )


def plan_audio(stream: AudioStream, *, gain_db: float = 0.0) -> AudioPlan:
    """Plan the sound: a microphone's one channel stays one, which players play on both sides."""
    channels = 1 if stream.channels == 1 else 2
    return AudioPlan(channels=channels, bit_rate_bps=channels * _CHANNEL_BPS, gain_db=gain_db)


def rung_preset(plan: Plan, rung: str, preset: str) -> str:
    """Choose a rung's preset where the top rung's is this one; one that was asked for is kept."""
    if len(plan.presets) == 1 or rung == plan.rungs[0].name:
        return preset
    return _LOWER_PRESETS.get(preset, preset)


def refuse_truncated(media: Media) -> None:
    """Refuse half a file, which FFmpeg would turn into half a video with exit status 0.

    Raises:
        BadSourceError: with both lengths.

    """
    promised_s, found_s = media.promised_s, media.duration_s
    if promised_s is None or found_s is None:
        return
    tolerance_s = max(_PROMISE_TOLERANCE_S, _PROMISE_TOLERANCE_SHARE * promised_s)
    if found_s < promised_s - tolerance_s:
        raise BadSourceError(
            f"the file says that it lasts {promised_s:.1f} s, but its content ends at"
            f" {found_s:.1f} s: it is truncated; upload it again"
        )


def refuse_huge(video: VideoStream) -> None:
    """Refuse pictures that no camera makes and that take more memory than a job has.

    Raises:
        BadSourceError: with the size.

    """
    width, height = video.width, video.height
    if max(width, height) > _MOST_SIDE or width * height > MOST_PIXELS:
        raise BadSourceError(
            f"the picture has {width}x{height} pixels, more than can be taken; export it smaller"
        )


def refuse_strange_colors(video: VideoStream) -> None:
    """Refuse pictures that would come out green and violet, whatever the plan.

    Raises:
        BadSourceError: with what to do instead.

    """
    if video.is_dolby_only:
        raise BadSourceError(
            "the video is Dolby Vision without a picture that other players can show (profile 5):"
            " export it as SDR or HDR10 and upload that"
        )
    if video.color_space in UNREADABLE_MATRICES:
        raise BadSourceError(
            f"the video's colours are coded in a way that cannot be shown ({video.color_space}):"
            " export it as SDR in BT.709 and upload that"
        )


def request_digest(identity: str, job: Job) -> str:
    """Name what was asked for, known before the source is fetched: 16 hex digits.

    `identity` is the source's, as `worker.places` tells it.
    """
    return _digest(
        {
            "version": PLAN_VERSION,
            "source": identity,
            "ladder": job.ladder,
            "copy_top": job.copy_top,
            "max_frame_rate": job.max_frame_rate,
            "segment_s": job.segment_s,
            "audio_language": job.audio_language,
            "loudness": job.loudness,
            "allow_truncated": job.allow_truncated,
            # Not where it is not asked for: what was published before there were chapters counts.
            **({"chapters": True} if job.chapters else {}),
        }
    )


def run_name(identity: str, plan: Plan) -> str:
    """Name a run by its source and the form of its output: 16 hex digits."""
    return _digest({"source": identity, "plan": plan.shape()})


def describe(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain data; rates stay exact (`30000/1001`), derived figures are added."""
    derived = {
        "segment_count": plan.grid.segment_count,
        "segment_s": float(plan.grid.segment_s),
        "duration_s": float(plan.grid.duration_s),
    }
    described = asdict(plan) | derived
    for stream in (described["media"]["video"], described["media"]["audio"]):
        if stream is not None:
            # One number for each packet: hours of them would bury the rest.
            del stream["packets"]["times_s"], stream["packets"]["keys"]
    plain: dict[str, Any] = json.loads(json.dumps(described, default=_plain))
    return plain


def _plain(value: object) -> str:
    if isinstance(value, Fraction):
        return str(value)
    raise TypeError(f"no plain form for {type(value).__name__}")


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
