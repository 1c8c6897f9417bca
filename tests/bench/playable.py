"""What of an output a player could play by now, as its playlists say."""

from __future__ import annotations

from pathlib import Path

from worker.plan.plan import Plan

_MINUTE_S = 60.0
# By how much an output may be shorter than the plan: a frame, or a gap at its end.
_MARGIN_S = 1.0


def has_first_minute(playlist: Path, plan: Plan) -> bool:
    """Say whether the first minute can be played; of a shorter video, all of it."""
    return playable_s(playlist) >= min(_MINUTE_S, float(plan.grid.duration_s)) - _MARGIN_S


def playable_s(playlist: Path) -> float:
    """Return how many seconds a playlist offers whose segments are there.

    Of a multivariant playlist, those of its first variant. 0 where there is none yet.
    """
    try:
        lines = playlist.read_text().splitlines()
    except FileNotFoundError:
        return 0.0
    uris = [line for line in lines if line and not line.startswith("#")]
    if any(line.startswith("#EXT-X-STREAM-INF:") for line in lines):
        return playable_s(playlist.parent / uris[0]) if uris else 0.0
    offered = [line for line in lines if line.startswith("#EXTINF:")]
    total = 0.0
    for line, uri in zip(offered, uris, strict=False):
        if not (playlist.parent / uri).is_file():
            break
        total += float(line.removeprefix("#EXTINF:").partition(",")[0])
    return total
