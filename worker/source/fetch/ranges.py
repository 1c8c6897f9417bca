"""Which bytes of a source a span needs. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from worker.ffmpeg.decode import reads_from_s
from worker.media.streams import ByteMap, ByteRange
from worker.plan.plan import Plan, Span

# FFmpeg reads on while frames wait in its decoder's threads (16 at most), between its own threads
# (8 packets, and as many frames at each of two joints), and to be shown in their order (16). By as
# many a seek may be early: an index may have decoding times, which precede the others.
_AROUND = 128


def ranges_for(plan: Plan, span: Span, byte_map: ByteMap) -> list[ByteRange]:
    """Return the bytes that FFmpeg reads to decode a span: those of its frames, and around them."""
    times_s = plan.media.video.packets.times_s
    start_s, end_s = reads_from_s(plan, span), plan.grid.start_s(span.end)
    before = max(0, bisect_left(times_s, start_s) - _AROUND)
    after = min(len(times_s) - 1, bisect_right(times_s, end_s) + _AROUND)
    # A group more on each side: it is the rest of a keyframe's frames.
    first = max(0, bisect_right(byte_map.keys_s, times_s[before]) - 2)
    last = bisect_right(byte_map.keys_s, times_s[after]) + 1
    groups = zip(byte_map.starts[first:last], byte_map.ends[first:last], strict=True)
    return merge((*byte_map.opening, *groups))


def merge(ranges: Iterable[ByteRange], *, gap: int = 0) -> list[ByteRange]:
    """Return the same bytes as few ranges in order; gaps of up to `gap` bytes are closed."""
    merged: list[ByteRange] = []
    for start, end in sorted(each for each in ranges if each[0] < each[1]):
        if merged and start <= merged[-1][1] + gap:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def subtract(ranges: Iterable[ByteRange], present: Sequence[ByteRange]) -> list[ByteRange]:
    """Return what of some ranges is not in others, which `merge` has made."""
    missing: list[ByteRange] = []
    for start, end in ranges:
        at = start
        for from_, to in present[max(0, bisect_right(present, (start,)) - 1) :]:
            if from_ >= end:
                break
            if at < from_:
                missing.append((at, from_))
            at = max(at, to)
        if at < end:
            missing.append((at, end))
    return missing
