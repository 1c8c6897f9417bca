"""The few seconds of a file whose encode shows what its rungs will weigh. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from statistics import mean
from typing import Any

import ffmpeg

from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.decode import deinterlace, fit_frames, open_video, turn_upright
from worker.ffmpeg.dedup import drop_duplicates
from worker.ffmpeg.encode import encoder_options, scale_to_rungs
from worker.ffmpeg.framecrc import FramecrcReader
from worker.ffmpeg.inputs import seconds
from worker.media.packets import Packets
from worker.media.timeline import Grid
from worker.plan.ladder import Rung
from worker.plan.plan import Plan, Span
from worker.runtime.command import Command

# Two, and one more in so many seconds, each so long: the encode waits for them.
_EACH_S, _LEAST, _EVERY_S, _MOST = 1, 2, 300, 8
# Of several files that are joined, so many are sampled, each like a video of its own.
_MOST_PARTS = 4
# A player has buffered about so much: what is busy for less need not be loaded at once. A video
# that is not much longer is covered by the other samples.
_BUSY_S, _BUSY_SAMPLES, _BUSY_FROM_S = 30, 3, 120
_PRESET = "superfast"
# Of less than this the encode itself is done as soon.
_LEAST_S = 15
# Each sample is decoded from the keyframe before it: a recording may have one in an hour.
_LONGEST_GOP_S = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """Where samples start, in seconds of the timeline, and the grid on which they lie in a row.

    The first `even` ones are spread evenly; the others, of a long source, over its busiest stretch.
    Each begins with a keyframe, of which the encode will have one in `segment_s`.
    """

    starts_s: tuple[Fraction, ...]
    even: int
    grid: Grid
    segment_s: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledRate:
    """A rung's bit rate by its samples: over the whole, and where the source is busiest.

    `key_share` is that of the keyframes in the bytes of the whole.
    """

    mean_bps: int
    busiest_bps: int
    key_share: float = 0.0


def sampled_parts(plan: Plan) -> list[int]:
    """Choose the parts of which there are samples: the longest ones."""
    longest = sorted(range(len(plan.parts)), key=lambda index: -plan.parts[index].frames)
    return sorted(longest[:_MOST_PARTS])


def together(measured: Sequence[tuple[int, SampledRate]]) -> SampledRate:
    """Return the rates of several parts, each of so many frames, as that of one video."""
    frames = sum(count for count, _ in measured)
    total = sum(count * rate.mean_bps for count, rate in measured)
    keys = sum(count * rate.mean_bps * rate.key_share for count, rate in measured)
    return SampledRate(
        mean_bps=round(total / frames),
        busiest_bps=max(rate.busiest_bps for _, rate in measured),
        key_share=keys / (total or 1),
    )


def choose_samples(plan: Plan) -> Samples | None:
    """Spread samples evenly, and some more over the half minute with most bytes in the source.

    None where the source is too short, or hard to seek in.
    """
    shown_s = _shown_s(plan)
    if shown_s is None:
        return None
    count = min(_MOST, _LEAST + int(shown_s / _EVERY_S))
    wanted_s = _evenly(shown_s, count)
    # Of a clip there are keyframes beside it. Times are rounded to frames.
    half_s = 0.5 / float(plan.grid.rate)
    busiest_s = plan.media.video.packets.busiest_s(
        _BUSY_S, since_s=-half_s, until_s=shown_s + half_s
    )
    if busiest_s is not None and shown_s >= _BUSY_FROM_S:
        step_s = (_BUSY_S - _EACH_S) / (_BUSY_SAMPLES - 1)
        last_s = shown_s - _EACH_S
        wanted_s += [min(busiest_s + i * step_s, last_s) for i in range(_BUSY_SAMPLES)]
    return _samples(plan, wanted_s, even=count)


def spread_samples(plan: Plan) -> Samples | None:
    """Spread as many samples as there may be evenly: they show what the whole takes.

    None as `choose_samples` returns it.
    """
    shown_s = _shown_s(plan)
    return None if shown_s is None else _samples(plan, _evenly(shown_s, _MOST), even=_MOST)


def _shown_s(plan: Plan) -> float | None:
    """Return how long there is video; None where that is too short, or hard to seek in."""
    grid, packets = plan.grid, plan.media.video.packets
    if grid.duration_s < _LEAST_S or packets.end_s is None:
        return None
    if packets.longest_gop_s is None or packets.longest_gop_s > _LONGEST_GOP_S:
        return None
    # The audio may go on after the last frame, and a clip may begin there.
    return min(float(grid.duration_s), packets.end_s) if packets.end_s > 0 else None


def _evenly(shown_s: float, count: int) -> list[float]:
    step_s = shown_s / count
    return [step_s * (i + 0.5) - _EACH_S / 2 for i in range(count)]


def _samples(plan: Plan, wanted_s: Sequence[float], *, even: int) -> Samples:
    grid = plan.grid
    starts_s = _at_keyframes(wanted_s, plan.media.video.packets, grid.rate)
    frames = round(_EACH_S * grid.rate)
    return Samples(
        even=even,
        starts_s=starts_s,
        grid=Grid(rate=grid.rate, segment_frames=frames, total_frames=len(starts_s) * frames),
        segment_s=grid.segment_s,
    )


def _at_keyframes(
    wanted_s: Iterable[float], packets: Packets, rate: Fraction
) -> tuple[Fraction, ...]:
    """Move each sample to the source's keyframe before it, so that no frame is decoded unused.

    Where another sample begins there already, it follows that one.
    """
    starts: list[Fraction] = []
    for at_s in wanted_s:
        # Half a frame later, or rounding might seek to the keyframe before that.
        start_s = Fraction(packets.key_before(max(0.0, at_s))) + 1 / rate / 2
        while start_s in starts:
            start_s += _EACH_S
        starts.append(start_s)
    return tuple(starts)


def sample_file(rung: Rung) -> str:
    """Name the file in which the frames of a rung's samples are listed."""
    return f"sample-{rung.name}.txt"


def read_sampled_rate(samples: Samples, rung: Rung, lines: Iterable[str]) -> SampledRate:
    """Read the list of a rung's frames, the samples in a row; no sample counts above the cap."""
    grid = samples.grid
    rates_bps = [0.0] * grid.segment_count
    keys_bps = [0.0] * grid.segment_count
    for packet in filter(None, map(FramecrcReader().read, lines)):
        at, frame = divmod(round(packet.at_s * grid.rate), grid.segment_frames)
        sample = min(at, len(rates_bps) - 1)
        if frame:
            rates_bps[sample] += 8 * packet.bytes / float(grid.segment_s)
        else:
            keys_bps[sample] += 8 * packet.bytes / float(samples.segment_s)
    capped_bps = [
        min(key_bps + bps, rung.max_rate_bps)
        for key_bps, bps in zip(keys_bps, rates_bps, strict=True)
    ]
    mean_bps = round(mean(capped_bps[: samples.even]))
    busiest_bps = round(mean(capped_bps[samples.even :] or [0]))
    keys = sum(keys_bps[: samples.even])
    return SampledRate(
        mean_bps=mean_bps,
        busiest_bps=max(mean_bps, busiest_bps),
        key_share=keys / (keys + sum(rates_bps[: samples.even]) or 1),
    )


def encode_samples(
    plan: Plan,
    samples: Samples,
    source: Path,
    *,
    rungs: Sequence[Rung],
    preset: str = _PRESET,
) -> Command:
    """Build the FFmpeg that encodes all samples in a row, each rung into a file of its own."""
    grid, video = samples.grid, plan.media.video
    parts = [_part(plan, samples, source, start_s) for start_s in samples.starts_s]
    stream = ffmpeg.concat(*parts) if len(parts) > 1 else parts[0]
    stream = drop_duplicates(stream, video, grid, range(grid.total_frames))
    branches = scale_to_rungs(turn_upright(stream, video), plan, rungs)
    sampled = replace(plan, grid=grid)
    span = Span(first=0, end=grid.segment_count, rungs=(), preset=preset)
    outputs = [
        ffmpeg.output(
            branch,
            sample_file(rung),
            **_without_cap(encoder_options(rung, sampled, span)),
            # Only the sizes are needed.
            f="framecrc",
        )
        for branch, rung in zip(branches, rungs, strict=True)
    ]
    return ffmpeg_command(outputs, copy_times=False)


def _without_cap(options: dict[str, Any]) -> dict[str, Any]:
    """Make an encode the same on every machine, and so the choice.

    A job that continues elsewhere must find what the last one made. At a cap x264 counts on the
    progress of its other threads, whose number is usually the machine's; `read_sampled_rate` caps
    instead. And what is still is known by keyframes that are as fine as they would be without a
    finest quantizer.
    """
    del options["maxrate"], options["bufsize"], options["qmin"]
    return {**options, "threads": 2}


def _part(plan: Plan, samples: Samples, source: Path, start_s: Fraction) -> Any:
    video = plan.media.video
    stream = open_video(source, video, ss=seconds(plan.media.begins_s + start_s), t=_EACH_S + 1)
    stream = (
        deinterlace(stream, video, samples.grid)
        .filter("fps", str(samples.grid.rate), start_time=0)
        .filter("trim", end_frame=samples.grid.segment_frames)
        .filter("setpts", "PTS-STARTPTS")
    )
    return fit_frames(stream, video, samples.grid)
