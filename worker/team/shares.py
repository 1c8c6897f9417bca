"""Divides a run into the shares that machines claim: the same for each machine. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from worker.config.team import LEAST_SHARE_S
from worker.media.timeline import Grid
from worker.plan.plan import Plan

AUDIO_SHARE, COPY_SHARE = "audio", "copy"
# A share costs a start, a claim, and a GOP and two seconds of decoding before it. But the machine
# that has the heaviest minutes must not be the only one that works at the end: the times in
# docs/performance.md are with these lengths.
_LONGEST_S = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one machine claims: the whole audio, the whole copy, or segments of all other rungs."""

    name: str
    segments: range = range(0)


def plan_shares(plan: Plan, *, machines: int) -> tuple[Share, ...]:
    """Divide a run, in the order in which it is claimed.

    Shares of video are ever smaller towards the end, so that all machines end together.
    """
    shares = [Share(name=AUDIO_SHARE)] if plan.audio else []
    if any(rung.is_copied for rung in plan.rungs):
        shares.append(Share(name=COPY_SHARE))
    return (*shares, *_divide(plan.grid, workers=machines * plan.lanes))


def _divide(grid: Grid, *, workers: int) -> list[Share]:
    least, most = (max(1, round(s / grid.segment_s)) for s in (LEAST_SHARE_S, _LONGEST_S))
    # Of a short video no longer ones than leave one for each worker.
    fair = max(1, grid.segment_count // workers)
    shares, first = [], 0
    while (left := grid.segment_count - first) > 0:
        end = first + min(max(least, left // workers), most, fair, left)
        shares.append(Share(name=f"{first:05d}-{end:05d}", segments=range(first, end)))
        first = end
    return shares
