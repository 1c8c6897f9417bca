"""Reads captions in a video's frames (CEA-608, CEA-708), without decoding the frames."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from worker.ffmpeg.framecrc import FramecrcReader
from worker.ffmpeg.remux import USER_DATA, USER_DATA_FILTERS, extract_user_data
from worker.ffmpeg.run import FFMPEG_FAILURES, run_ffmpeg
from worker.hls.webvtt import Cue, TooManyCuesError
from worker.media.streams import CAPTIONS, Media, TextStream
from worker.runtime.budget import Budget
from worker.runtime.child import Line
from worker.runtime.workspace import Workspace
from worker.text.a53 import ESCAPED, PresentationOrder, Triplet, cc_triplets
from worker.text.cea608 import Field
from worker.text.cea708 import Dtvcc

# Of a frame. Captions take 100, and what cameras and HDR add is hardly more.
_MAX_PACKET_BYTES = 1 << 16
# FFmpeg's number for no timestamp is the least of 64 bits.
_UNTIMED_S = -1e9
# Two fields have 120 pairs a second, and text of CEA-708 hardly as many: of twelve hours.
_MAX_PAIRS = 8_000_000

log = structlog.get_logger(__name__)


def find_captions(source: Path, media: Media, workspace: Workspace) -> tuple[TextStream, ...]:
    """Return a text stream for each caption channel that shows something.

    The first one is in the language of the audio.
    """
    found = read_captions(source, media, workspace)
    if found:
        log.info("captions_found", cues={name: len(cues) for name, cues in found.items()})
    language = media.audio.language if media.audio else None
    return tuple(
        TextStream(
            index=media.video.index,
            codec=CAPTIONS,
            language=language if name == "CC1" else None,
            title=name,
            is_forced=False,
        )
        for name in found
    )


def read_captions(
    source: Path, media: Media, workspace: Workspace
) -> Mapping[str, tuple[Cue, ...]]:
    """Return the cues of each caption channel (CC1 …) that shows something.

    A video without its captions is better than none: what cannot be read is left out.
    """
    if media.video.codec not in USER_DATA_FILTERS:
        return {}
    command = extract_user_data(media.video, source)
    packets = _Packets()
    path = workspace.folder / USER_DATA
    try:
        run_ffmpeg("ffmpeg (captions)", command, workspace, on_line=packets.add)
    except FFMPEG_FAILURES as error:
        # Of a source that breaks off, what came before is there.
        log.warning("captions_left_out", reason=str(error))
    path.touch()
    try:
        return _decode(_triplets(path, packets, media, workspace.budget), media)
    except TooManyCuesError as error:
        log.warning("captions_left_out", reason=str(error))
        return {}
    finally:
        path.unlink()


@dataclass(slots=True)
class _Packets:
    """When each packet in the file of user data is shown, and its bytes, in the file's order."""

    times_s: array[float] = field(default_factory=lambda: array("d"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    reader: FramecrcReader = field(default_factory=FramecrcReader)

    def add(self, line: Line) -> None:
        """Read a line of the list."""
        packet = self.reader.read(line.text) if line.label == USER_DATA else None
        if packet is not None:
            self.times_s.append(float(packet.at_s))
            self.sizes.append(packet.bytes)


def _triplets(
    path: Path, packets: _Packets, media: Media, budget: Budget
) -> Iterator[tuple[float, Triplet]]:
    order, untimed = PresentationOrder(), 0
    with path.open("rb") as file:
        for at_s, size in zip(packets.times_s, packets.sizes, strict=True):
            budget.check()
            data = file.read(size) if size <= _MAX_PACKET_BYTES else b""
            file.seek(size - len(data), os.SEEK_CUR)
            triplets = cc_triplets(data, is_escaped=media.video.codec in ESCAPED)
            if not triplets:
                continue
            if at_s < _UNTIMED_S:
                untimed += 1
            else:
                yield from order.add(at_s, triplets)
    yield from order.rest()
    if untimed:
        # Their order is known only to a decoder.
        log.warning("captions_left_out", reason=f"{untimed} frames of them have no timestamp")


def _decode(triplets: Iterator[tuple[float, Triplet]], media: Media) -> dict[str, tuple[Cue, ...]]:
    fields, dtvcc = (Field(), Field()), Dtvcc()
    at_ms, origin_s = 0, float(media.origin_s)
    for count, (at_s, (kind, first, second)) in enumerate(triplets):
        if count > _MAX_PAIRS:
            raise TooManyCuesError("they have more pairs than captions have")
        at_ms = round((at_s - origin_s) * 1000)
        if kind < len(fields):
            fields[kind].add(at_ms, first, second)
        else:
            dtvcc.add(at_ms, kind, first, second)
    end_ms = max(at_ms, round(1000 * (media.duration_s or 0)))
    channels = [cues for each in fields for cues in each.end(end_ms)]
    if not any(channels):
        # Where there are both, they say the same.
        channels = [*dtvcc.end(end_ms)]
    return {f"CC{k}": cues for k, cues in enumerate(channels, start=1) if cues}
