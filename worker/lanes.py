"""How the work is shared among FFmpegs that run side by side, each in its lane. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from worker.media import VideoStream
from worker.timeline import Grid

# Measured with 4K at 60 pictures a second: 0.6 GB (docs/operations.md).
_LANE_BYTES = 1 << 30
_MOST_LANES = 16
# For each span as much is decoded before it, and two seconds: at 4K that costs as much as encoding.
_LONGEST_GOP_S = 12
# Of what is shorter, one FFmpeg is done about as soon.
_LEAST_LANE_S = 120
# A span costs a start and a GOP of decoding, about as much as a second of video. But the lane that
# has the heaviest minutes must not work on alone at the end.
_LEAST_SPAN_S, _LONGEST_SPAN_S = 24, 90


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What a job may use; `memory_bytes` is None where nobody tells."""

    cores: int
    memory_bytes: int | None = None


def plan_lanes(
    asked: int | Literal["auto"], video: VideoStream, grid: Grid, *, machine: Machine
) -> int:
    """Choose how many FFmpegs work side by side: one on each core, where that is worth it.

    Not where the source is short, nor where each span would be decoded from far before it.
    """
    if asked != "auto":
        return asked
    gop_s = video.packets.longest_gop_s
    if gop_s is None or gop_s > _LONGEST_GOP_S:
        return 1
    most = min(_MOST_LANES, machine.cores, int(grid.duration_s / _LEAST_LANE_S))
    if machine.memory_bytes is not None:
        most = min(most, machine.memory_bytes // _LANE_BYTES)
    return max(1, most)


def next_span(
    grid: Grid,
    rungs: Sequence[str],
    done: Mapping[str, Collection[int]],
    *,
    taken: Sequence[range],
    lanes: int,
) -> tuple[range, tuple[str, ...]] | None:
    """Find the first segments that the same rungs still lack, and which; none of those `taken`.

    So a resumed job first catches up with the rung that is behind, and makes nothing twice. Several
    lanes take small shares, in the end ever smaller ones, so that they end together.
    """
    free = {
        segment: lacking
        for segment in range(grid.segment_count)
        if (lacking := tuple(rung for rung in rungs if segment not in done.get(rung, ())))
        and not any(segment in part for part in taken)
    }
    if not free:
        return None
    share = len(free) if lanes == 1 else _share(len(free), grid, lanes=lanes, busy=len(taken))
    first = stop = min(free)
    while stop < first + share and free.get(stop) == free[first]:
        stop += 1
    return range(first, stop), free[first]


def _share(free: int, grid: Grid, *, lanes: int, busy: int) -> int:
    """Choose how many of the free segments a lane takes: some must be left for those as idle."""
    least, most = (max(1, round(s / grid.segment_s)) for s in (_LEAST_SPAN_S, _LONGEST_SPAN_S))
    return min(max(least, free // (2 * lanes)), most, -(-free // (lanes - busy)))
