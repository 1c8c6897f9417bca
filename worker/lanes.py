"""How the work is shared among FFmpegs that run side by side, each in its lane. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from worker.media import VideoStream
from worker.timeline import Grid

# Measured with 4K at 60 pictures a second: 0.6 GB (docs/operations.md).
_LANE_BYTES = 1 << 30
# A span is decoded from the keyframe before it.
_LONGEST_GOP_S = 30
_LANE_SEGMENTS = 20
# Segments of a span. Each costs a start and up to a GOP of decoding, about as much as a second of
# video; but the lane that has the heaviest minutes must not work on alone at the end.
_LEAST_SHARE, _LARGEST_SHARE = 4, 15


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
    most = min(machine.cores, grid.segment_count // _LANE_SEGMENTS)
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
    free = [
        segment
        for segment in range(grid.segment_count)
        if _lacking(segment, rungs, done) and not any(segment in part for part in taken)
    ]
    if not free:
        return None
    first, lacking = free[0], _lacking(free[0], rungs, done)
    share = len(free)
    if lanes > 1:
        share = min(max(_LEAST_SHARE, share // (2 * lanes)), _LARGEST_SHARE)
    stop = first + 1
    for segment in free[1:share]:
        if segment != stop or _lacking(segment, rungs, done) != lacking:
            break
        stop += 1
    return range(first, stop), lacking


def _lacking(
    segment: int, rungs: Sequence[str], done: Mapping[str, Collection[int]]
) -> tuple[str, ...]:
    return tuple(rung for rung in rungs if segment not in done.get(rung, ()))
