"""Maps a source: which of its bytes hold which part of the video."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from worker.ffmpeg.inputs import show_index
from worker.media.streams import ByteMap, ByteRange, Media
from worker.plan.parts import Part
from worker.plan.plan import Plan
from worker.runtime.child import Line
from worker.runtime.command import Command
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


def add_byte_maps(planned: PlannedSource, fetched: Sequence[Path], workspace: Workspace) -> Plan:
    """Return the plan with a map of each of its parts' files, for machines that fetch some bytes.

    Without one, with a reason in the log, where such a machine has to fetch the whole: another
    container than MP4 and MOV, one without an index, or a file that had to be repaired.

    Raises:
        WorkerError: the budget's reason to stop.

    """
    files = zip(planned.plan.parts, planned.paths, fetched, strict=True)
    parts = tuple(
        _mapped(part, path, workspace, is_repaired=path != original)
        for part, path, original in files
    )
    return replace(planned.plan, parts=parts)


def _mapped(part: Part, path: Path, workspace: Workspace, *, is_repaired: bool) -> Part:
    mapped = "its timestamps were repaired" if is_repaired else _map(path, part.media, workspace)
    if isinstance(mapped, str):
        log.info("source_not_mapped", part=part.number, reason=mapped)
        return part
    return replace(part, media=replace(part.media, byte_map=mapped))


def _map(source: Path, media: Media, workspace: Workspace) -> ByteMap | str:
    if "mov" not in media.container.split(","):
        return f"its container is {media.container}"
    header = header_ranges(source)
    if isinstance(header, str):
        return header
    track = media.video.index
    opening = _Opening()
    groups = _Groups(origin_s=float(media.origin_s))
    try:
        _read(show_index(source), opening.add, workspace)
        _read(show_index(source, track=track), groups.add, workspace)
    except FailedError:
        return "its packets cannot be read"
    except _UnmappedError as error:
        return str(error)
    packets = media.video.packets
    if groups.count < packets.count + packets.hidden:
        return "its packets cannot be read to the end"
    return groups.byte_map(merge((*header, *opening.ranges)))


class _UnmappedError(Exception):
    """The file cannot be mapped; the message says why."""


def _read(command: Command, add: Callable[[_Packet], bool], workspace: Workspace) -> None:
    """Pass packets to `add` until it returns False."""
    with Processes(workspace) as processes:
        processes.start("ffprobe (index)", command)
        for event in processes.events():
            packet = _read_row(event.text) if isinstance(event, Line) else None
            if packet and not add(packet):
                return


@dataclass(frozen=True, slots=True)
class _Packet:
    """When a packet is shown, as ffprobe says it, and bytes [start, end) of the file."""

    pts: str
    start: int
    end: int
    is_key: bool


def _read_row(row: str) -> _Packet | None:
    """Read a row of `show_index`; None: it is a kind of side data, on a line of its own."""
    index, pts, size, pos, flags, *_ = (*row.split(","), *[""] * 4)
    if not index.isdigit():
        return None
    if not (size.isdigit() and pos.isdigit()):
        raise _UnmappedError("it has packets without a position")
    return _Packet(pts, int(pos), int(pos) + int(size), is_key="K" in flags)


@dataclass(slots=True)
class _Opening:
    """The first packets of all tracks."""

    ranges: list[ByteRange] = field(default_factory=list)
    bytes: int = 0

    def add(self, packet: _Packet) -> bool:
        """Count a packet; False: FFmpeg reads no more to open the file."""
        self.ranges.append((packet.start, packet.end))
        self.bytes += packet.end - packet.start
        return self.bytes < _OPENING_BYTES


@dataclass(slots=True)
class _Groups:
    """The packets of the video, in groups."""

    origin_s: float
    count: int = 0
    _keys_s: array[float] = field(default_factory=lambda: array("d"))
    _starts: array[int] = field(default_factory=lambda: array("q"))
    _ends: array[int] = field(default_factory=lambda: array("q"))

    def add(self, packet: _Packet) -> bool:
        """Count a packet."""
        self.count += 1
        if packet.is_key or not self._keys_s:
            self._add_key(packet)
        self._starts[-1] = min(self._starts[-1], packet.start)
        self._ends[-1] = max(self._ends[-1], packet.end)
        return True

    def _add_key(self, packet: _Packet) -> None:
        """Begin a group, unless the last one is short still."""
        try:
            at_s = float(packet.pts) - self.origin_s
        except ValueError:
            raise _UnmappedError("it has keyframes without a time") from None
        if self._keys_s and at_s < self._keys_s[-1]:
            raise _UnmappedError("its keyframes are out of order")
        if not self._keys_s or at_s >= self._keys_s[-1] + _LEAST_GROUP_S:
            self._keys_s.append(at_s)
            self._starts.append(packet.start)
            self._ends.append(packet.end)

    def byte_map(self, opening: list[ByteRange]) -> ByteMap:
        """Return what was counted."""
        return ByteMap(
            opening=tuple(opening), keys_s=self._keys_s, starts=self._starts, ends=self._ends
        )
