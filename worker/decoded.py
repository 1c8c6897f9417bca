"""Counts what of a source could be decoded: the rest is filled up, and FFmpeg exits 0. Pure."""

from __future__ import annotations

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
        self._decoded = 0

    def add(self, span: Span, decoded: int) -> None:
        """Take note of how many a span has decoded."""
        grid, packets = self._plan.grid, self._plan.media.video.packets
        first, end = grid.first_frame(span.first), grid.first_frame(span.end)
        # Nothing can be decoded before the first keyframe of a recording that was joined
        # in the middle: the first picture stands there.
        first_s = max(float(first / grid.rate), packets.first_key_s or 0.0)
        there = packets.count_between(first_s, float(end / grid.rate))
        if there is None:
            there = packets.count * (end - first) // grid.total_frames
        self._there += there
        self._decoded += decoded

    def check(self) -> None:
        """Refuse what was mostly not decoded, and is filled up with the pictures that were.

        Judged over the whole video, of which earlier jobs have made their part: a little that is
        damaged may be borne.

        Raises:
            BadSourceError: with both counts.

        """
        missing = self._there - self._decoded
        if missing > (1 - _LEAST_SHARE) * self._plan.media.video.packets.count:
            raise BadSourceError(
                f"only {self._decoded} of {self._there} pictures can be decoded:"
                " the file is damaged; export or upload it again"
            )


def has_sound_gap(plan: Plan, decoded: int | None) -> bool:
    """Whether so little of the sound was decoded that much of it is silence now."""
    if plan.media.audio is None or decoded is None:
        return False
    return decoded < _LEAST_SHARE * plan.media.audio.packets.count
