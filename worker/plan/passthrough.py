"""Whether the source's own H.264 may be the top rung as it is, and where it is cut. Pure.

Copied frames cost no encode and lose nothing. They must be what a rung is made of: on the grid,
each at its own frame of it, and with keyframes (IDR frames) where segments can start.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from worker.media.color import is_plain
from worker.media.orientation import UPRIGHT
from worker.media.timeline import Grid, source_rate
from worker.plan.plan import TAIL_TOLERANCE_S, Plan

# What every player decodes. As ffprobe calls them.
_PROFILES = frozenset({"Constrained Baseline", "Main", "High"})
# Each is named on a command line, where an argument has 128 KiB.
_MAX_CUTS = 5_000
# Of a segment's planned length: what is shorter costs requests, what is longer keeps viewers of a
# poor network from changing to a lower rung.
_SHORTEST, _LONGEST = Fraction(1, 3), Fraction(2)
# A copy may have this many times the bit rate of an encode: it costs no time, and loses nothing.
_HEAVIEST = Fraction(3, 2)


def why_encode(plan: Plan) -> str | None:
    """Return what keeps the video from being copied; None where nothing that the probe saw does."""
    video, top, grid = plan.media.video, plan.rungs[0], plan.grid
    packets = video.packets
    reasons = {
        "it is joined with others": len(plan.parts) > 1,
        "it is not H.264": video.codec != "h264",
        f"its profile is {video.profile}": video.profile not in _PROFILES,
        f"its pixel format is {video.pixel_format}": video.pixel_format != "yuv420p",
        "its colors are not BT.709 in limited range": not is_plain(video),
        "it is interlaced": video.is_interlaced,
        "it is rotated or mirrored": video.orientation != UPRIGHT,
        "its size is not that of the rung": (video.width, video.height) != (top.width, top.height)
        or video.sample_aspect_ratio not in {None, 1},
        "its aspect changes": bool(video.aspect_changes),
        "its frame rate is not that of the rung": source_rate(video) != grid.rate,
        "its timestamps restart": plan.media.jumps > 0,
        "an edit list hides some of it": packets.hidden > 0,
        # A copy is not decoded. The encode of another rung shows whether it can be.
        "there is no other rung": len(plan.rungs) == 1,
    }
    found = next((reason for reason, is_so in reasons.items() if is_so), None)
    return found or _why_off_grid(plan)


def _why_off_grid(plan: Plan) -> str | None:
    grid, packets = plan.grid, plan.media.video.packets
    rate = float(grid.rate)
    if packets.is_decode_timed or len(packets.times_s) != packets.count:
        return "it has frames without a timestamp"
    frames = [round(at_s * rate) for at_s in packets.times_s]
    begin = bisect_left(frames, 0) if plan.media.begins_s else 0
    end = bisect_left(frames, grid.total_frames) if _ends_early(plan) else len(frames)
    if any(frame != number for number, frame in enumerate(frames[begin:end])):
        return "its frames are not evenly spaced"
    if not 0 <= grid.total_frames - (end - begin) <= TAIL_TOLERANCE_S * grid.rate:
        return "its audio goes on after the last frame"
    return None


def _ends_early(plan: Plan) -> bool:
    """Whether a clip ends before the file does."""
    return plan.parts[0].ends_early(plan.grid.rate)


def cut_at_idrs(idrs: Sequence[int], grid: Grid) -> Grid | None:
    """Cut the grid at IDR frames, segments about as long as planned; None where those are rare.

    Each ends at the last one within its planned length, or else at the first one after it.
    """
    shortest, longest = grid.segment_frames * _SHORTEST, grid.segment_frames * _LONGEST
    if not idrs or idrs[0] != 0:
        return None
    cuts = [0]
    while grid.total_frames - cuts[-1] > grid.segment_frames:
        after = bisect_right(idrs, cuts[-1] + grid.segment_frames)
        if after and idrs[after - 1] - cuts[-1] >= shortest:
            cuts.append(idrs[after - 1])
        elif after < len(idrs):
            cuts.append(idrs[after])
        else:
            break
    lengths = [b - a for a, b in pairwise([*cuts, grid.total_frames])]
    if max(lengths) > longest:
        return None
    *first, last = lengths
    if last <= grid.segment_frames and all(length == grid.segment_frames for length in first):
        return grid
    return replace(grid, cuts=tuple(cuts), segment_frames=max(lengths))


def plan_copy(plan: Plan, idrs: Collection[int]) -> Plan | str:
    """Plan the same run with the top rung copied; or return why it is to be encoded."""
    keys = _bytes_before_keys(plan)
    bounds = [*([0] if plan.media.begins_s else []), plan.grid.total_frames]
    if not _ends_early(plan):
        bounds.pop()
    if any(frame not in keys or frame not in idrs for frame in bounds):
        return "the clip does not begin and end at keyframes"
    grid = cut_at_idrs(
        sorted(frame for frame in idrs if frame in keys and 0 <= frame < plan.grid.total_frames),
        plan.grid,
    )
    if grid is None:
        return "its keyframes are too far apart"
    if len(grid.cuts) > _MAX_CUTS:
        return "it would have too many segments of its own lengths"
    top = plan.rungs[0]
    copied = replace(plan, grid=grid, rungs=(replace(top, is_copied=True), *plan.rungs[1:]))
    peak_bps = peak_rate_bps(copied)
    if peak_bps > top.max_rate_bps:
        most_bps = top.max_rate_bps
        return f"it takes up to {peak_bps / 1e6:.1f} Mb/s; the cap is {most_bps / 1e6:.1f}"
    return copied


def is_light(plan: Plan, sampled_bps: int) -> bool:
    """Whether the source's bit rate is about what an encode's would be."""
    return source_rate_bps(plan) <= _HEAVIEST * sampled_bps


def source_rate_bps(plan: Plan) -> int:
    """Return the mean bit rate of the source's video."""
    keys, end = _bytes_before_keys(plan), _bytes_until_end(plan)
    begin = keys.get(0, 0) if plan.media.begins_s else 0
    return round(8 * (end - begin) / float(plan.grid.duration_s))


def _bytes_before_keys(plan: Plan) -> dict[int, int]:
    keys = plan.media.video.packets.keys
    return {round(at_s * float(plan.grid.rate)): count for at_s, count in keys.items()}


def _bytes_until_end(plan: Plan) -> int:
    """Return the bytes of the file's video up to where the run ends."""
    all_bytes = plan.media.video.packets.bytes
    if not _ends_early(plan):
        return all_bytes
    return _bytes_before_keys(plan).get(plan.grid.total_frames, all_bytes)


def peak_rate_bps(copied: Plan) -> int:
    """Return the bit rate of the heaviest segment of the copied video."""
    grid, keys = copied.grid, _bytes_before_keys(copied)
    bounds = [keys[grid.first_frame(k)] for k in range(grid.segment_count)]
    bounds.append(_bytes_until_end(copied))
    return max(
        round(8 * (b - a) / float(grid.frames(k) / grid.rate))
        for k, (a, b) in enumerate(pairwise(bounds))
    )
