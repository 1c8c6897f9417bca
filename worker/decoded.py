"""Counts what of a source could be decoded: the rest is filled up, and FFmpeg exits 0. Pure."""

from __future__ import annotations

from worker.decode import reads_from_s
from worker.errors import BadSourceError
from worker.plan import Plan, Span

# Fewer of a stream's packets decoded, and what would be published is mostly filler. Below a half,
# because the two fields of an interlaced picture may travel as two packets and decode to one frame.
_LEAST_SHARE = 0.45


class DecodedPictures:
    """The pictures of all spans that ended by themselves."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._there = 0
        self._read = 0
        self._decoded = 0

    def add(self, span: Span, decoded: int) -> None:
        """Take note of how many a span has decoded: its own, and those that it was read from."""
        grid, packets = self._plan.grid, self._plan.media.video.packets
        # Nothing can be decoded before the first keyframe of a recording that was joined
        # in the middle: the first picture stands there.
        earliest_s = packets.first_key_s or 0.0
        first_s, end_s = float(grid.start_s(span.first)), float(grid.start_s(span.end))
        # MPEG-TS is decoded from the first keyframe there; what has an index, from the one before.
        read_from_s = min(first_s, packets.key_after(float(reads_from_s(self._plan, span))))
        self._there += self._count(max(first_s, earliest_s), end_s)
        self._read += self._count(max(read_from_s, earliest_s), end_s)
        self._decoded += decoded

    def _count(self, start_s: float, end_s: float) -> int:
        grid, packets = self._plan.grid, self._plan.media.video.packets
        found = packets.count_between(start_s, end_s)
        if found is None:
            return int(packets.count * (end_s - start_s) / float(grid.duration_s))
        return found

    def check(self) -> None:
        """Refuse what was mostly not decoded, and is filled up with the pictures that were.

        Judged over the whole video, of which earlier jobs have made their part: a little that is
        damaged may be borne.

        Raises:
            BadSourceError: with both counts.

        """
        # Of what is read twice, before a span and within the one before, as much is damaged.
        missing = self._there * max(0, 1 - self._decoded / max(1, self._read))
        if missing > (1 - _LEAST_SHARE) * self._plan.media.video.packets.count:
            raise BadSourceError(
                f"only {self._decoded} of {self._read} pictures can be decoded:"
                " the file is damaged; export or upload it again"
            )


def has_sound_gap(plan: Plan, decoded: int | None) -> bool:
    """Whether so little of the sound was decoded that much of it is silence now."""
    if plan.media.audio is None or decoded is None:
        return False
    return decoded < _LEAST_SHARE * plan.media.audio.packets.count
