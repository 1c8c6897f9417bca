"""The few seconds of a source that tell what its rungs will weigh. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from statistics import mean
from typing import Any

import ffmpeg

from worker.command import compile_command, encoder_options, scale_to_rungs
from worker.decode import deinterlace, open_pictures
from worker.framecrc import Rows
from worker.inputs import seconds
from worker.ladder import Rung
from worker.plan import Plan, Span
from worker.repeats import leave_out_repeats
from worker.timeline import Grid

# Two, and one more in so many seconds, each so long: the encode waits for them.
_EACH_S, _LEAST, _EVERY_S, _MOST = 1, 2, 300, 8
# A player has about so much in hand: what is busy for less need not be loaded at once. Of a video
# that is not much longer, the others tell it all.
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
class Weight:
    """What a rung weighs by its samples: all over, and where the source is busiest."""

    mean_bps: int
    busiest_bps: int


def choose_samples(plan: Plan) -> Samples | None:
    """Spread samples evenly, and some more over the half minute that weighs most in the source.

    Each begins at the source's keyframe before, so that nothing is decoded in vain, or behind the
    one that begins there already. None where the source is too short, or hard to seek in.
    """
    grid, packets = plan.grid, plan.media.video.packets
    if grid.duration_s < _LEAST_S or packets.end_s is None:
        return None
    if packets.longest_gop_s is None or packets.longest_gop_s > _LONGEST_GOP_S:
        return None
    # Within the pictures: the sound may go on after the last.
    shown_s = min(float(grid.duration_s), packets.end_s)
    count = min(_MOST, _LEAST + int(shown_s / _EVERY_S))
    frames = round(_EACH_S * grid.rate)
    step_s = shown_s / count
    wanted_s = [step_s * (i + 0.5) - _EACH_S / 2 for i in range(count)]
    busiest_s = packets.heaviest_s(_BUSY_S)
    if busiest_s is not None and shown_s >= _BUSY_FROM_S:
        step_s = (_BUSY_S - _EACH_S) / (_BUSY_SAMPLES - 1)
        last_s = shown_s - _EACH_S
        wanted_s += [min(busiest_s + i * step_s, last_s) for i in range(_BUSY_SAMPLES)]
    starts: list[Fraction] = []
    for at_s in wanted_s:
        # Half a frame later, or rounding might seek to the keyframe before that.
        start_s = Fraction(packets.key_before(max(0.0, at_s))) + 1 / grid.rate / 2
        while start_s in starts:
            start_s += _EACH_S
        starts.append(start_s)
    return Samples(
        even=count,
        starts_s=tuple(starts),
        grid=Grid(rate=grid.rate, segment_frames=frames, total_frames=len(starts) * frames),
        segment_s=grid.segment_s,
    )


def sample_name(rung: Rung) -> str:
    """Name the file in which the pictures of a rung's samples are listed."""
    return f"sample-{rung.name}.txt"


def read_weight(samples: Samples, rung: Rung, lines: Iterable[str]) -> Weight:
    """Read the list of a rung's pictures, the samples in a row; none weighs more than it may."""
    grid = samples.grid
    rates_bps = [0.0] * grid.segment_count
    for row in filter(None, map(Rows().read, lines)):
        sample, frame = divmod(round(row.at_s * grid.rate), grid.segment_frames)
        stands_for_s = grid.segment_s if frame else samples.segment_s
        rates_bps[min(sample, len(rates_bps) - 1)] += 8 * row.bytes / float(stands_for_s)
    capped_bps = [min(rate_bps, rung.max_rate_bps) for rate_bps in rates_bps]
    mean_bps = round(mean(capped_bps[: samples.even]))
    busiest_bps = round(mean(capped_bps[samples.even :] or [0]))
    return Weight(mean_bps=mean_bps, busiest_bps=max(mean_bps, busiest_bps))


def encode_samples(
    plan: Plan, samples: Samples, source: Path, *, ffmpeg_path: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the FFmpeg that encodes all samples in a row, each rung into a file of its own."""
    grid, video = samples.grid, plan.media.video
    parts = [_part(plan, samples, source, start_s) for start_s in samples.starts_s]
    pictures = ffmpeg.concat(*parts) if len(parts) > 1 else parts[0]
    pictures = leave_out_repeats(pictures, video, grid, range(grid.total_frames))
    branches = scale_to_rungs(pictures, plan, plan.rungs)
    sampled = replace(plan, grid=grid)
    span = Span(first=0, end=grid.segment_count, rungs=(), preset=_PRESET)
    outputs = [
        ffmpeg.output(
            branch,
            sample_name(rung),
            **_freely(encoder_options(rung, sampled, span)),
            # Sizes are all that is wanted.
            f="framecrc",
        )
        for branch, rung in zip(branches, plan.rungs, strict=True)
    ]
    return compile_command(outputs, ffmpeg_path, pipes, copy_times=False)


def _freely(options: dict[str, Any]) -> dict[str, Any]:
    """Make an encode the same on every machine, and so the choice.

    A job that goes on elsewhere must find what the last one made. At a cap x264 counts on how far
    its other threads are, and their number is usually the machine's; `read_weight` caps instead.
    """
    del options["maxrate"], options["bufsize"]
    return {**options, "threads": 2}


def _part(plan: Plan, samples: Samples, source: Path, start_s: Fraction) -> Any:
    video = plan.media.video
    pictures = open_pictures(source, video, ss=seconds(start_s), t=_EACH_S + 1)
    return (
        deinterlace(pictures, video, samples.grid.rate)
        .filter("fps", str(samples.grid.rate), start_time=0)
        .filter("trim", end_frame=samples.grid.segment_frames)
        .filter("setpts", "PTS-STARTPTS")
    )
