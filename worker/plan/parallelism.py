"""How many FFmpegs work side by side, each in its lane. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from worker.config.video_options import MAX_LANES
from worker.media.timeline import Grid

# Measured with 4K at 60 frames a second: 0.6 GB (docs/operations.md).
_LANE_BYTES = 1 << 30
# For each span as much is decoded before it, and two seconds: at 4K that costs as much as encoding.
_LONGEST_GOP_S = 12
# Of what is shorter, one FFmpeg is done about as soon.
_LEAST_LANE_S = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What a job may use; `memory_bytes` is None where that is not known."""

    cores: int
    memory_bytes: int | None = None


def plan_lanes(
    asked: int | Literal["auto"], gop_s: float | None, grid: Grid, *, machine: Machine
) -> int:
    """Choose how many FFmpegs work side by side: one on each core, where that is worth it.

    Not where the source is short, nor where each span would be decoded from far before it: `gop_s`
    is the longest distance of keyframes, None where that is not known.
    """
    if asked != "auto":
        return asked
    if gop_s is None or gop_s > _LONGEST_GOP_S:
        return 1
    most = min(MAX_LANES, machine.cores, int(grid.duration_s / _LEAST_LANE_S))
    if machine.memory_bytes is not None:
        most = min(most, machine.memory_bytes // _LANE_BYTES)
    return max(1, most)


def plan_threads(lanes: int, *, machine: Machine) -> int:
    """Choose the threads of each decoder, filter and x264: a lane's share of the cores.

    0, as many as they choose, where one FFmpeg works alone. In each of several that would be one
    and more for each core: on 64 cores 253 threads and a sixth more memory in each FFmpeg
    (docs/performance.md).
    """
    return 0 if lanes == 1 else -(-machine.cores // lanes)
