"""Whether the source's own H.264 may be the top rung as it stands, and how it is cut. Pure.

Copied pictures cost no encode and lose nothing. They must be what a rung is made of: on the grid,
each at its own place, and with keyframes (IDR pictures) where segments can start.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import ffmpeg

from worker.command import SEGMENT_PATTERN, compile_command, cut_at_keyframes, segment_options
from worker.framecrc import Rows
from worker.inputs import open_input
from worker.plan import TAIL_TOLERANCE_S, Plan, Span
from worker.recolor import is_plain
from worker.timeline import Grid, source_rate
from worker.transport_stream import CLOCK_HZ

IDRS, PARAMETERS = "idrs", "parameters"
_NALS = {IDRS: 5, PARAMETERS: 7}

# What every player decodes. As ffprobe calls them.
_PROFILES = frozenset({"Constrained Baseline", "Main", "High"})
# BT.709 in limited range is what they are; a source may leave that to be guessed.
_TAGS = (
    "h264_metadata=colour_primaries=1:transfer_characteristics=1:matrix_coefficients=1"
    ":video_full_range_flag=0"
)
# Each is named on a command line, where an argument has 128 KiB.
_MOST_CUTS = 5_000
# Of a segment's planned length: what is shorter costs requests, what is longer keeps viewers of a
# poor network from changing to a lower rung.
_SHORTEST, _LONGEST = Fraction(1, 3), Fraction(2)
# A copy may weigh this much more than an encode would: it costs no time, and loses nothing.
_HEAVIEST = Fraction(3, 2)


def why_encode(plan: Plan) -> str | None:
    """Say what keeps the pictures from being copied; None where nothing that the probe saw does."""
    video, top, grid = plan.media.video, plan.rungs[0], plan.grid
    packets = video.packets
    reasons = {
        "it is not H.264": video.codec != "h264",
        f"its profile is {video.profile}": video.profile not in _PROFILES,
        f"its pixel format is {video.pixel_format}": video.pixel_format != "yuv420p",
        "its colours are not BT.709 in limited range": not is_plain(video),
        "it is interlaced": video.is_interlaced,
        "it is turned or mirrored": video.is_transformed,
        "its size is not that of the rung": (video.width, video.height) != (top.width, top.height)
        or video.sample_aspect_ratio not in {None, 1},
        "its rate is not that of the rung": source_rate(video) != grid.rate,
        "its clock starts anew": plan.media.jumps > 0,
        "an edit list hides some of it": packets.hidden > 0,
        # A copy is not decoded. That of another rung tells whether it can be.
        "there is no other rung": len(plan.rungs) == 1,
    }
    found = next((reason for reason, is_so in reasons.items() if is_so), None)
    return found or _why_off_grid(plan)


def _why_off_grid(plan: Plan) -> str | None:
    grid, packets = plan.grid, plan.media.video.packets
    rate = float(grid.rate)
    if len(packets.times_s) != packets.count:
        return "it has pictures without a time"
    if any(round(at_s * rate) != place for place, at_s in enumerate(packets.times_s)):
        return "its pictures are not evenly spaced"
    if not 0 <= grid.total_frames - packets.count <= TAIL_TOLERANCE_S * grid.rate:
        return "its sound goes on after the last picture"
    return None


def list_idrs(plan: Plan, source: Path, *, ffmpeg_path: str, pipes: Mapping[str, int]) -> list[str]:
    """Build the FFmpeg that tells of IDR pictures and sequence parameter sets, without decoding.

    One line for each, on two pipes. A container's keyframes may also be recovery points, in which
    no segment can start.
    """
    pictures = open_input(source)[str(plan.media.video.index)]
    outputs = [
        ffmpeg.output(
            pictures,
            f"pipe:{pipes[label]}",
            vcodec="copy",
            **{"bsf:v": f"filter_units=pass_types={nal}"},
            f="framecrc",
        )
        for label, nal in _NALS.items()
    ]
    return compile_command(outputs, ffmpeg_path, pipes, level="error")


class Skimmed:
    """What `list_idrs` finds; `places` are those of the IDR pictures on the grid."""

    def __init__(self, plan: Plan) -> None:
        self.places: set[int] = set()
        self._origin_s, self._rate = plan.media.origin_s, plan.grid.rate
        self._rows = {label: Rows() for label in _NALS}
        self._parameters: set[tuple[int, str]] = set()
        self._brought: set[tuple[str, ...]] = set()

    def take(self, label: str, line: str) -> None:
        """Read a line of one of the pipes."""
        row = self._rows[label].read(line) if label in self._rows else None
        if row is None:
            return
        if label == PARAMETERS:
            self._parameters.add((row.bytes, row.checksum))
            return
        # Side data, after flags.
        self._brought.add(tuple(word for word in row.more if "F=" not in word))
        self.places.add(round((row.at_s - self._origin_s) * self._rate))

    @property
    def changes_on_the_way(self) -> bool:
        """Whether its parameter sets differ, as in recordings that were joined.

        Those in the stream by their checksums; those in a container's header come as side data of
        the first picture that they are for.
        """
        return len(self._parameters) > 1 or len(self._brought) > 1


def cut_at(idrs: Sequence[int], grid: Grid) -> Grid | None:
    """Lay segments between IDR pictures, each about as long as planned; None where they are rare.

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


def copy_top(plan: Plan, idrs: Collection[int]) -> Plan | str:
    """Plan the same run with the top rung copied; or say why it is to be encoded."""
    keys = _bytes_before_keys(plan)
    grid = cut_at(sorted(place for place in idrs if place in keys), plan.grid)
    if grid is None:
        return "its keyframes are too far apart"
    if len(grid.cuts) > _MOST_CUTS:
        return "it would have too many segments of its own lengths"
    top = plan.rungs[0]
    copied = replace(plan, grid=grid, rungs=(replace(top, is_copied=True), *plan.rungs[1:]))
    peak_bps = peak_rate_bps(copied)
    if peak_bps > top.max_rate_bps:
        return f"it takes up to {peak_bps / 1e6:.1f} Mb/s, and {top.max_rate_bps / 1e6:.1f} may be"
    return copied


def is_light(plan: Plan, sampled_bps: int) -> bool:
    """Whether the source's pictures weigh about what they would if they were encoded."""
    return source_rate_bps(plan) <= _HEAVIEST * sampled_bps


def source_rate_bps(plan: Plan) -> int:
    """Bit rate of the source's pictures over the whole."""
    return round(8 * plan.media.video.packets.bytes / float(plan.grid.duration_s))


def _bytes_before_keys(plan: Plan) -> dict[int, int]:
    keys = plan.media.video.packets.keys
    return {round(at_s * float(plan.grid.rate)): count for at_s, count in keys.items()}


def peak_rate_bps(copied: Plan) -> int:
    """Bit rate of the heaviest segment of the source's own pictures."""
    grid, keys = copied.grid, _bytes_before_keys(copied)
    bounds = [keys[grid.first_frame(k)] for k in range(grid.segment_count)]
    bounds.append(copied.media.video.packets.bytes)
    return max(
        round(8 * (b - a) / float(grid.frames(k) / grid.rate))
        for k, (a, b) in enumerate(pairwise(bounds))
    )


def copy_video(
    plan: Plan, source: Path, *, ffmpeg_path: str, pipes: Mapping[str, int]
) -> list[str]:
    """Build the FFmpeg that cuts the source's own pictures into the segments of the top rung.

    Their times are put on the grid, as those of the other rungs are.
    """
    name = plan.rungs[0].name
    rate, origin_s = plan.grid.rate, plan.media.origin_s
    frame_ticks = CLOCK_HZ / rate
    place = f"round((PTS*TB-{origin_s.numerator}/{origin_s.denominator})*({rate}))"
    # Decoding times are counted, not taken over: a container may have none. A picture decodes so
    # many frames before it shows as pictures are out of order; the first ones are squeezed in
    # between the first two pictures, as `command.encoder_options` says.
    reorder = plan.media.video.packets.reorder
    decoded = f"max(N-{reorder},N/{reorder + 1})"
    times = (f"pts='{place}*{frame_ticks}'", f"dts='{decoded}*{frame_ticks}'")
    whole = Span(first=0, end=plan.grid.segment_count, rungs=(name,), preset="")
    output = ffmpeg.output(
        open_input(source)[str(plan.media.video.index)],
        f"{name}/{SEGMENT_PATTERN}",
        vcodec="copy",
        # Matroska's milliseconds are too coarse; and FFmpeg 5.1 tells setts a wrong unit without.
        time_base=f"1/{CLOCK_HZ}",
        **{"bsf:v": f"{_TAGS},setts={':'.join(times)}:duration={frame_ticks}"},
        **segment_options(plan, whole, pipes[name]),
        **cut_at_keyframes(plan.grid, whole),
    )
    return compile_command([output], ffmpeg_path, pipes)
