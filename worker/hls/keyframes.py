"""The first frame of each segment, which decodes alone: a byte range of what is stored. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worker.records.segment import Segment


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyFrame:
    """A segment's first `bytes`: its tables and its first frame.

    It is shown at `start_ticks` (90 kHz); `end_ticks` is its segment's end. `name` is the segment's
    path below the run.
    """

    name: str
    index: int
    codec: str
    bytes: int
    start_ticks: int
    end_ticks: int

    @property
    def rendition(self) -> str:
        """The rung that it is of."""
        return self.name.partition("/")[0]


def ranged_key_frames(segments: Sequence[Segment]) -> tuple[KeyFrame, ...]:
    """Return the key frames that a player can load: none where segments are encrypted.

    A byte range of a segment is no whole number of its blocks, and has no padding at its end.
    """
    return () if any(segment.iv for segment in segments) else key_frames(segments)


def key_frames(segments: Sequence[Segment]) -> tuple[KeyFrame, ...]:
    """Return the key frames of a rung; none where one's length is not recorded, or for audio."""
    found = tuple(
        KeyFrame(
            name=segment.name,
            index=segment.index,
            codec=segment.codec,
            bytes=segment.key_bytes,
            start_ticks=segment.start_ticks,
            end_ticks=segment.end_ticks,
        )
        for segment in segments
        if segment.key_bytes
    )
    return found if len(found) == len(segments) else ()
