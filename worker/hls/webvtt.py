"""WebVTT: cues read from a whole file, and cut into the segments of an HLS rendition. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from io import StringIO
from itertools import accumulate, groupby
from math import ceil, floor

from worker.media.timeline import CLOCK_HZ, START_OFFSET_S, Grid

# A request for every six seconds of a few words would be a waste.
_SEGMENT_S = 60
_TIME = r"(?:(\d{1,6}):)?(\d\d):(\d\d)\.(\d{3})"
_TIMING = re.compile(rf"{_TIME}\s+-->\s+{_TIME}(?:\s+(.*))?")
# One every other second of the longest video; ten times as many as fast speech has in that time.
MAX_CUES = 50_000
MAX_CHARS = 32 << 20
# Where t=0 of the cues is in the segments of video and audio (RFC 8216, section 3.5).
_TIMESTAMP_MAP = f"X-TIMESTAMP-MAP=MPEGTS:{START_OFFSET_S * CLOCK_HZ},LOCAL:00:00:00.000"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """One text and when it is shown, in milliseconds of the timeline."""

    start_ms: int
    end_ms: int
    text: str
    settings: str = ""


class TooManyCuesError(Exception):
    """A track of subtitles holds more than anybody reads: it is broken, or an attack."""


def read_cues(text: str, *, origin_s: Fraction) -> tuple[Cue, ...]:
    """Read the cues of a WebVTT file whose times count from `-origin_s` of the timeline.

    Raises:
        TooManyCuesError: there are more than 50,000.

    """
    return tuple(_cues(text, round(origin_s * 1000)))


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the lines between empty ones; read one by one, since a file may hold millions."""
    lines = (line.removesuffix("\n") for line in StringIO(text.replace("\r\n", "\n")))
    return (list(block) for is_text, block in groupby(lines, bool) if is_text)


def _cues(track: str, origin_ms: int) -> Iterator[Cue]:
    # The header is a block as well.
    for count, lines in enumerate(_blocks(track)):
        if count > MAX_CUES:
            raise TooManyCuesError(f"there are more than {MAX_CUES} cues")
        at = next((i for i, line in enumerate(lines) if _TIMING.match(line)), None)
        if at is None:
            continue
        match = _TIMING.match(lines[at])
        if match is None:
            continue
        # Its text is escaped already; an arrow that is not would be read as another cue's time.
        text = "\n".join(lines[at + 1 :]).replace("\0", "").replace("-->", "--&gt;")
        start_ms, end_ms = (_milliseconds(match.groups()[i : i + 4]) - origin_ms for i in (0, 4))
        yield from clip_cue(start_ms, end_ms, text, match[9] or "")


def clip_cue(start_ms: int, end_ms: int, text: str, settings: str = "") -> tuple[Cue, ...]:
    """Return the part of a cue that is on the timeline; nothing where there is none, or no text."""
    if not text or end_ms <= max(start_ms, 0):
        return ()
    return (Cue(start_ms=max(start_ms, 0), end_ms=end_ms, text=text, settings=settings),)


def cut_cues(cues: Sequence[Cue], end_ms: int) -> tuple[tuple[Cue, ...], int]:
    """Cut cues at the end of the timeline; return what is left, and how many were shortened."""
    begun = [cue for cue in cues if cue.start_ms < end_ms]
    kept = tuple(replace(cue, end_ms=end_ms) if cue.end_ms > end_ms else cue for cue in begun)
    return kept, sum(cue.end_ms > end_ms for cue in begun)


def segment_lengths_s(grid: Grid) -> tuple[Fraction, ...]:
    """Return how long each segment of a text rendition lasts: whole segments of the video."""
    step_s = grid.segment_s * max(1, round(_SEGMENT_S / grid.segment_s))
    whole, rest_s = divmod(grid.duration_s, step_s)
    return (step_s,) * int(whole) + ((rest_s,) if rest_s else ())


def render_segments(cues: Sequence[Cue], lengths_s: Sequence[Fraction]) -> tuple[str, ...]:
    """Render the segments; a cue that reaches over a boundary is in both (section 3.5).

    Raises:
        TooManyCuesError: with what is repeated there are more than 32 Mi characters.

    """
    ends_ms = [1000 * end_s for end_s in accumulate(lengths_s)]
    # Rounded outward: a cue in a millisecond that a boundary divides belongs to both segments.
    firsts_ms = [floor(start_ms) for start_ms in (Fraction(0), *ends_ms[:-1])]
    lasts_ms = [ceil(end_ms) for end_ms in ends_ms]
    rendered: list[list[str]] = [[f"WEBVTT\n{_TIMESTAMP_MAP}"] for _ in lengths_s]
    chars = 0
    for cue in cues:
        block = _render(cue)
        first, stop = bisect_right(lasts_ms, cue.start_ms), bisect_left(firsts_ms, cue.end_ms)
        chars += len(block) * max(0, stop - first)
        if chars > MAX_CHARS:
            raise TooManyCuesError("they fill the segments more than any text does")
        for segment in rendered[first:stop]:
            segment.append(block)
    return tuple("\n\n".join([*segment, ""]) for segment in rendered)


def milliseconds(ticks: int) -> int:
    """Return ticks as a cue has them."""
    return round(ticks * 1000 / CLOCK_HZ)


def render_track(cues: Sequence[Cue]) -> str:
    """Render a whole track as one file."""
    return "\n\n".join(["WEBVTT", *map(_render, cues)]) + "\n"


def _render(cue: Cue) -> str:
    timing = f"{_clock(cue.start_ms)} --> {_clock(cue.end_ms)} {cue.settings}".rstrip()
    return f"{timing}\n{cue.text}"


def _milliseconds(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds


def _clock(time_ms: int) -> str:
    seconds, rest = divmod(time_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
