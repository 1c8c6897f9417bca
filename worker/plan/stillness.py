"""What is made of a video that hardly moves, as its samples show. Pure."""

from __future__ import annotations

from dataclasses import replace

from worker.media.timeline import make_grid
from worker.plan.plan import Plan

# The share of keyframes in the bytes, of segments of 6 s, from which on a video is still: slides, a
# whiteboard. Of 20 clips four had 0.21 to 0.40, and all others 0.12 at most (docs/performance.md).
_STILL = 0.2
# What a higher CRF than that of other top rungs costs is hardly measurable there.
_CRF = 20.0
_SEGMENT_S = 12
# But not where some of it moves: a segment of that would be more than a slow network loads in time.
_MOST_BPS = 1_000_000


def fit_to_stillness(plan: Plan, *, key_share: float, busiest_bps: int, may_lengthen: bool) -> Plan:
    """Give a video that hardly moves a higher CRF, and longer segments.

    `key_share` is that of keyframes in the bytes of the top rung, `busiest_bps` its bit rate where
    it moves most. Segments become longer only where they may: their length was not asked for.
    """
    if key_share < _STILL or busiest_bps > _MOST_BPS:
        return plan
    top = replace(plan.rungs[0], crf=_CRF)
    grid = plan.grid
    if may_lengthen:
        lengths = [part.frames for part in plan.parts]
        grid = make_grid(lengths, rate=grid.rate, segment_s=_SEGMENT_S)
    return replace(plan, rungs=(top, *plan.rungs[1:]), grid=grid)
