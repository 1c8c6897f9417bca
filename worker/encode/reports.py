"""Reads what an encoding FFmpeg reports on its pipes: progress and finished segments. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from worker.runtime.child import Line

_OUT_TIME = re.compile(r"out_time_us=(\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentRow:
    """A segment that the segment muxer has closed; `end_s` counts from the span's own zero."""

    rendition: str
    name: str
    index: int
    end_s: float


def read_out_time_s(line: Line) -> float | None:
    """Return how many seconds of the span are encoded; None for another line of the progress."""
    match = _OUT_TIME.match(line.text)
    return int(match[1]) / 1e6 if match else None


def read_segment_row(line: Line) -> SegmentRow:
    """Read a CSV row, `00012.ts,66.0,72.0`, of the pipe that is named like its rendition."""
    name, _, end_s = line.text.split(",")
    index = int(name.partition(".")[0])
    return SegmentRow(rendition=line.label, name=name, index=index, end_s=float(end_s))
