"""Chooses the segments that an idle lane encodes next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from worker.media.timeline import Grid

# A span costs a start and a GOP of decoding, about as much as a second of video. But the lane that
# has the heaviest minutes must not be the only one that still works at the end.
_LEAST_SPAN_S, _LONGEST_SPAN_S = 24, 90
# Uneven segments are named on a command line, where an argument has 128 KiB.
_MOST_CUTS = 5_000


def next_span(
    grid: Grid,
    rungs: Sequence[str],
    done: Mapping[str, Collection[int]],
    *,
    taken: Sequence[range],
    lanes: int,
    claimed: Iterable[range] | None = None,
    joints: Collection[int] = (),
) -> tuple[range, tuple[str, ...]] | None:
    """Find the first segments that the same rungs still lack, and which; none of those `taken`.

    Where several machines encode, only what this one has `claimed` counts, a whole share a lane.
    So a resumed job first catches up with the rung that is behind, and makes nothing twice. Several
    lanes take small shares, in the end ever smaller ones, so that they end together. No span has
    segments of two files: `joints` are those with which another one begins.
    """
    lacking = {
        rung: set(range(grid.segment_count)).difference(done.get(rung, ())) for rung in rungs
    }
    free = set[int]().union(*lacking.values()).difference(*taken)
    if claimed is not None:
        free &= set[int]().union(*claimed)
    if not free:
        return None

    def rungs_at(segment: int) -> tuple[str, ...]:
        return tuple(rung for rung in rungs if segment in lacking[rung])

    is_whole = lanes == 1 or claimed is not None
    share = len(free) if is_whole else _share(len(free), grid, lanes=lanes, busy=len(taken))
    first = stop = min(free)
    wanted = rungs_at(first)
    if grid.cuts:
        share = min(share, _MOST_CUTS)
    while stop < first + share and stop in free and rungs_at(stop) == wanted:
        stop += 1
        if stop in joints:
            break
    return range(first, stop), wanted


def _share(free: int, grid: Grid, *, lanes: int, busy: int) -> int:
    """Choose how many of the free segments a lane takes: some must be left for other idle ones."""
    least, most = (max(1, round(s / grid.segment_s)) for s in (_LEAST_SPAN_S, _LONGEST_SPAN_S))
    return min(max(least, free // (2 * lanes)), most, -(-free // (lanes - busy)))
