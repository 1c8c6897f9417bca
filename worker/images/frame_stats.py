"""Statistics of key frames, and which of them may represent the video. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, median_low

from worker.hls.keyframes import KeyFrame
from worker.media.timeline import CLOCK_HZ, START_OFFSET_S

# Each frame in gray, small enough that frames are compared without a library for it.
SMALL_WIDTH, SMALL_HEIGHT = 32, 18
_SMALL_BYTES = SMALL_WIDTH * SMALL_HEIGHT
MAX_CHOSEN = 5

_FRAME = re.compile(r"frame:\d+\s+pts:(-?\d+)\s")
STAT = re.compile(r"lavfi\.signalstats\.(YAVG|YMIN|YMAX)=([0-9.]+)")
_ROUNDING_TICKS = 2
# Of luma 0 to 255: the distance of darkest and brightest, and the mean. A few words on a white
# slide pass, and a dark hall; a black or empty screen does not.
_GOOD_CONTRAST, _GOOD_MEAN = 60.0, 24.0
# Mean differences of the small grays: a teacher need not choose between two that differ by less.
_ALIKE = 3.0
# One that lies between its neighbors almost everywhere, and is far from both, is part of a fade
# or a wipe from the one to the other.
_FAR, _BETWEEN_SHARE, _BETWEEN_SLACK = 6.0, 0.95, 4
# Bytes at constant quality show detail: a frame with under half of the median is blurred or empty.
_LEAST_DETAIL = 0.5


class UnexpectedFramesError(Exception):
    """The frames that were decoded are not those that were asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameStats:
    """A key frame, its luma (0 to 255), and its content in small and gray."""

    frame: KeyFrame
    mean: float
    contrast: float
    small: bytes

    @property
    def is_good(self) -> bool:
        """Whether there is something to see."""
        return shows_something(mean=self.mean, contrast=self.contrast)


def shows_something(*, mean: float, contrast: float) -> bool:
    """Whether a frame of such luma (full range, 0 to 255) is neither black nor empty."""
    return contrast >= _GOOD_CONTRAST and mean >= _GOOD_MEAN


def read_times(lines: Iterable[str]) -> list[int]:
    """Return the decoded frames' times in ticks of the timeline, as `metadata=print` wrote them."""
    found = (_FRAME.match(line) for line in lines)
    return [int(match[1]) - START_OFFSET_S * CLOCK_HZ for match in found if match]


def check_times(frames: Sequence[KeyFrame], times_ticks: Sequence[int]) -> None:
    """Compare what was decoded with what was asked for, frame by frame.

    Raises:
        UnexpectedFramesError: one is missing, or at another time.

    """
    if len(times_ticks) != len(frames):
        raise UnexpectedFramesError(f"{len(times_ticks)} of {len(frames)} frames were decoded")
    for frame, ticks in zip(frames, times_ticks, strict=True):
        if abs(ticks - frame.start_ticks) > _ROUNDING_TICKS:
            raise UnexpectedFramesError(f"{frame.name} gave the frame of tick {ticks}")


def read_frame_stats(
    frames: Sequence[KeyFrame], lines: Sequence[str], small: bytes
) -> tuple[FrameStats, ...]:
    """Read what FFmpeg measured: its statistics line by line, and the small grays in a row.

    Raises:
        UnexpectedFramesError: that is not about these frames.

    """
    check_times(frames, read_times(lines))
    found: dict[str, list[float]] = {"YAVG": [], "YMIN": [], "YMAX": []}
    for line in lines:
        if match := STAT.match(line):
            found[match[1]].append(_full_range(float(match[2])))
    if len(small) != _SMALL_BYTES * len(frames) or any(
        len(values) != len(frames) for values in found.values()
    ):
        raise UnexpectedFramesError("FFmpeg's statistics do not cover every frame")
    return tuple(
        FrameStats(
            frame=frame,
            mean=found["YAVG"][i],
            contrast=found["YMAX"][i] - found["YMIN"][i],
            small=small[_SMALL_BYTES * i : _SMALL_BYTES * (i + 1)],
        )
        for i, frame in enumerate(frames)
    )


def difference(a: FrameStats, b: FrameStats) -> float:
    """Return how far two frames differ: of 255, over the whole."""
    return _distance(a.small, b.small)


def choose_thumbnails(stats: Sequence[FrameStats]) -> tuple[FrameStats, ...]:
    """Choose what may represent the video, the best first; none where no frame shows enough.

    The best is the most typical of those that are neither black nor empty, part of a transition or
    short of detail. The others differ from it, and from each other, as much as can be.
    """
    good = [frame for frame in stats if frame.is_good]
    if not good:
        return ()
    passing = {
        id(frame)
        for before, frame, after in zip(stats, stats[1:], stats[2:], strict=False)
        if _is_between(before, frame, after)
    }
    rest = [frame for frame in good if id(frame) not in passing] or good
    least = _LEAST_DETAIL * median(one.frame.bytes for one in rest)
    rest = [one for one in rest if one.frame.bytes >= least]
    typical = bytes(median_low(values) for values in zip(*(r.small for r in rest), strict=True))
    chosen = [min(rest, key=lambda one: _distance(one.small, typical))]
    while len(chosen) < MAX_CHOSEN:
        apart = {id(one): min(difference(one, other) for other in chosen) for one in rest}
        farthest = max(rest, key=lambda one: apart[id(one)])
        if apart[id(farthest)] < _ALIKE:
            break
        chosen.append(farthest)
    return tuple(chosen)


def _is_between(before: FrameStats, frame: FrameStats, after: FrameStats) -> bool:
    if min(difference(before, frame), difference(frame, after)) < _FAR:
        return False
    between = sum(
        min(a, c) - _BETWEEN_SLACK <= b <= max(a, c) + _BETWEEN_SLACK
        for a, b, c in zip(before.small, frame.small, after.small, strict=True)
    )
    return between >= _BETWEEN_SHARE * _SMALL_BYTES


def _distance(a: bytes, b: bytes) -> float:
    return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / _SMALL_BYTES


def _full_range(luma: float) -> float:
    return min(255.0, max(0.0, (luma - 16) * 255 / 219))
