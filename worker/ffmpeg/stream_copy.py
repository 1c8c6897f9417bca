"""Copies the source's own H.264 into segments, and lists where it can be cut. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ffmpeg

from worker.ffmpeg.command import ffmpeg_command
from worker.ffmpeg.encode import cut_at_keyframes, segment_options
from worker.ffmpeg.framecrc import FramecrcReader
from worker.ffmpeg.inputs import open_input, seconds
from worker.layout import SEGMENT_PATTERN
from worker.media.timeline import CLOCK_HZ
from worker.plan.plan import Plan, Span
from worker.runtime.command import Command, pipe_url

IDRS, PARAMETERS = "idrs", "parameters"
# Types of NAL units (Rec. ITU-T H.264, table 7-1).
_NALS = {IDRS: 5, PARAMETERS: 7}
# After the end of a clip, in whose order of decoding frames come earlier.
_READ_ON_S = 2
# BT.709 in limited range is what the frames are; a source may leave that to be guessed.
_TAGS = (
    "h264_metadata=colour_primaries=1:transfer_characteristics=1:matrix_coefficients=1"
    ":video_full_range_flag=0"
)
# Captions would be there, which are a text rendition or left out, and what a camera wrote about
# itself. Nothing in SEI messages is needed to decode.
_NO_SEI = "filter_units=remove_types=6"


def list_idrs(plan: Plan, source: Path) -> Command:
    """Build the FFmpeg that lists IDR frames and sequence parameter sets, without decoding.

    One line for each, on two pipes. A container's keyframes may also be recovery points, at which
    no segment can start.
    """
    video = open_input(source)[str(plan.media.video.index)]
    outputs = [
        ffmpeg.output(
            video,
            pipe_url(label),
            vcodec="copy",
            **{"bsf:v": f"filter_units=pass_types={nal}"},
            f="framecrc",
        )
        for label, nal in _NALS.items()
    ]
    return ffmpeg_command(outputs, pipes=list(_NALS), level="error")


class IdrIndex:
    """What `list_idrs` lists; `frames` are those of the grid at which IDR frames are."""

    def __init__(self, plan: Plan) -> None:
        self.frames: set[int] = set()
        self._origin_s, self._rate = plan.media.origin_s, plan.grid.rate
        self._readers = {label: FramecrcReader() for label in _NALS}
        self._parameter_sets: set[tuple[int, str]] = set()
        self._side_data: set[tuple[str, ...]] = set()

    def add(self, label: str, line: str) -> None:
        """Read a line of one of the pipes."""
        packet = self._readers[label].read(line) if label in self._readers else None
        if packet is None:
            return
        if label == PARAMETERS:
            self._parameter_sets.add((packet.bytes, packet.checksum))
            return
        # Side data, after flags.
        self._side_data.add(tuple(word for word in packet.more if "F=" not in word))
        self.frames.add(round((packet.at_s - self._origin_s) * self._rate))

    @property
    def parameters_change(self) -> bool:
        """Whether parameter sets differ, as in recordings that were joined.

        Those in the stream by their checksums; those in a container's header come as side data of
        the first frame that they are for.
        """
        return len(self._parameter_sets) > 1 or len(self._side_data) > 1


def copy_video(plan: Plan, source: Path) -> Command:
    """Build the FFmpeg that cuts the source's own video into the segments of the top rung.

    Their times are put on the grid, as those of the other rungs are.
    """
    name = plan.rungs[0].name
    rate, origin_s = plan.grid.rate, plan.media.origin_s
    frame_ticks = CLOCK_HZ / rate
    frame = f"round((PTS*TB-{origin_s.numerator}/{origin_s.denominator})*({rate}))"
    # Decoding times are counted, not taken over: a container may have none. A frame decodes so
    # many frames before it is shown as frames are out of order; the first ones are squeezed in
    # between the first two frames, as `encode.encoder_options` explains.
    reorder = plan.media.video.packets.reorder
    decoded = f"max(N-{reorder},N/{reorder + 1})"
    times = (f"pts='{frame}*{frame_ticks}'", f"dts='{decoded}*{frame_ticks}'")
    whole = Span(first=0, end=plan.grid.segment_count, rungs=(name,), preset="")
    opened, dropped = _clipped(plan, source)
    output = ffmpeg.output(
        opened[str(plan.media.video.index)],
        f"{name}/{SEGMENT_PATTERN}",
        vcodec="copy",
        # Matroska's milliseconds are too coarse; without it FFmpeg 5.1 gives setts a wrong unit.
        time_base=f"1/{CLOCK_HZ}",
        **{"bsf:v": f"{_NO_SEI},{_TAGS}{dropped},setts={':'.join(times)}:duration={frame_ticks}"},
        **segment_options(plan, whole, name),
        **cut_at_keyframes(plan.grid, whole),
    )
    return ffmpeg_command([output], pipes=[name])


def _clipped(plan: Plan, source: Path) -> tuple[Any, str]:
    """Open the part of a file that is copied, and return what drops the packets around it.

    It begins and ends at IDR frames. FFmpeg seeks to one of them or to one before it.
    """
    media, grid = plan.media, plan.grid
    half_s = 1 / grid.rate / 2
    options, outside = {}, []
    if media.begins_s:
        options["ss"] = seconds(media.begins_s + half_s)
        outside.append(f"lt(pts*tb,{seconds(media.origin_s - half_s)})")
    if plan.parts[0].ends_early(grid.rate):
        options["t"] = seconds(grid.duration_s + _READ_ON_S)
        outside.append(f"gte(pts*tb,{seconds(media.origin_s + grid.duration_s - half_s)})")
    drop = f",noise=drop='{'+'.join(outside)}'" if outside else ""
    return open_input(source, **options), drop
