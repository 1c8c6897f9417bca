"""Maps a source: which of its bytes hold which part of the video."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from worker.ffmpeg.inputs import show_index
from worker.media.streams import ByteMap, ByteRange, Media
from worker.plan.plan import Plan
from worker.runtime.child import Line
from worker.runtime.process import FailedError, Processes
from worker.runtime.workspace import Workspace
from worker.source.fetch.boxes import header_ranges
from worker.source.fetch.ranges import merge
from worker.source.prepare import PlannedSource

# To open a file FFmpeg reads packets of all tracks until it knows their codecs: so many bytes at
# most (its option `probesize`), and the packet that exceeds them.
_OPENING_BYTES = 5_000_000
# Groups of packets are so long at least: of a video of keyframes alone there are too many.
_LEAST_GROUP_S = 1.0

log = structlog.get_logger(__name__)


def add_byte_map(planned: PlannedSource, fetched: Path, workspace: Workspace) -> Plan:
    """Return the plan with a map of the fetched file, for machines that fetch parts of it.

    As it was, with a reason in the log, where such a machine has to fetch the whole: another
    container than MP4 and MOV, one without an index, or a file that had to be repaired.

    Raises:
        WorkerError: the budget's reason to stop.

    """
    plan = planned.plan
    mapped = (
        _map(fetched, plan.media, workspace)
        if planned.path == fetched
        else "its timestamps were repaired"
    )
    if isinstance(mapped, str):
        log.info("source_not_mapped", reason=mapped)
        return plan
    return replace(plan, media=replace(plan.media, byte_map=mapped))


def _map(source: Path, media: Media, workspace: Workspace) -> ByteMap | str:
    if "mov" not in media.container.split(","):
        return f"its container is {media.container}"
    header = header_ranges(source)
    if isinstance(header, str):
        return header
    tally = _IndexTally(video=media.video.index, origin_s=float(media.origin_s))
    try:
        with Processes(workspace) as processes:
            processes.start("ffprobe (index)", show_index(source))
            for event in processes.events():
                if isinstance(event, Line):
                    tally.add(event.text)
    except FailedError:
        return "its packets cannot be read to the end"
    packets = media.video.packets
    if tally.count < packets.count + packets.hidden:
        return "its packets cannot be read to the end"
    return tally.fault or tally.byte_map(header)


@dataclass(slots=True)
class _IndexTally:
    """Builds a map packet by packet, as `show_index` lists them; `count` is of the video's."""

    video: int
    origin_s: float
    count: int = 0
    fault: str | None = None
    _opening: list[ByteRange] = field(default_factory=list)
    _opening_bytes: int = 0
    _keys_s: array[float] = field(default_factory=lambda: array("d"))
    _starts: array[int] = field(default_factory=lambda: array("q"))
    _ends: array[int] = field(default_factory=lambda: array("q"))

    def add(self, row: str) -> None:
        """Count a packet."""
        index, pts, size, pos, flags, *_ = (*row.split(","), *[""] * 4)
        if not index.isdigit():
            # A kind of side data, on a line of its own.
            return
        if not (size.isdigit() and pos.isdigit() and pts != "N/A"):
            self.fault = "it has packets without a time or a position"
            return
        start, end = int(pos), int(pos) + int(size)
        if self._opening_bytes < _OPENING_BYTES:
            self._opening.append((start, end))
            self._opening_bytes += int(size)
        if index == str(self.video):
            self.count += 1
            if "K" in flags or not self._keys_s:
                self._add_key(pts, start, end)
            self._starts[-1] = min(self._starts[-1], start)
            self._ends[-1] = max(self._ends[-1], end)

    def _add_key(self, pts: str, start: int, end: int) -> None:
        """Begin a group, unless the last one is short still."""
        at_s = float(pts) - self.origin_s
        if self._keys_s and at_s < self._keys_s[-1]:
            self.fault = "its keyframes are out of order"
        elif not self._keys_s or at_s >= self._keys_s[-1] + _LEAST_GROUP_S:
            self._keys_s.append(at_s)
            self._starts.append(start)
            self._ends.append(end)

    def byte_map(self, header: list[ByteRange]) -> ByteMap:
        """Return what was counted."""
        return ByteMap(
            opening=tuple(merge((*header, *self._opening))),
            keys_s=self._keys_s,
            starts=self._starts,
            ends=self._ends,
        )
