"""What key pictures look like, and which of them may stand for the video. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, median_low

from worker.command import START_OFFSET_S
from worker.segment import Segment
from worker.transport_stream import CLOCK_HZ

# Each picture's gray, small enough that pictures are compared without a library for it.
SMALL_WIDTH, SMALL_HEIGHT = 32, 18
_SMALL_BYTES = SMALL_WIDTH * SMALL_HEIGHT
MOST_CHOSEN = 5

_FRAME = re.compile(r"frame:\d+\s+pts:(-?\d+)\s")
STAT = re.compile(r"lavfi\.signalstats\.(YAVG|YMIN|YMAX)=([0-9.]+)")
_ROUNDING_TICKS = 2
# Of luma 0 to 255: the distance of darkest and brightest, and the mean. A few words on a white
# slide pass, and a dark hall; a black or empty screen does not.
_GOOD_CONTRAST, _GOOD_MEAN = 60.0, 24.0
# Mean differences of the small grays: a teacher need not choose between two that differ by less.
_ALIKE = 3.0
# One that lies between its neighbours almost everywhere, and is far from both, is caught in a fade
# or a wipe from the one to the other.
_FAR, _BETWEEN_SHARE, _BETWEEN_SLACK = 6.0, 0.95, 4
# Bytes at constant quality tell detail: what has under half of what is usual is blurred or bare.
_LEAST_DETAIL = 0.5


class StrangePicturesError(Exception):
    """The pictures that were decoded are not those that were asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A key picture: its segment (cut down to it), luma (0 to 255), and gray in small."""

    picture: Segment
    mean: float
    contrast: float
    small: bytes

    @property
    def is_good(self) -> bool:
        """Whether there is something to see."""
        return shows_something(mean=self.mean, contrast=self.contrast)


def shows_something(*, mean: float, contrast: float) -> bool:
    """Whether a picture of such luma (full range, 0 to 255) is neither black nor bare."""
    return contrast >= _GOOD_CONTRAST and mean >= _GOOD_MEAN


def read_times(lines: Iterable[str]) -> list[int]:
    """Return the decoded pictures' times in ticks of the timeline, as `metadata=print` told."""
    found = (_FRAME.match(line) for line in lines)
    return [int(match[1]) - START_OFFSET_S * CLOCK_HZ for match in found if match]


def refuse_others(pictures: Sequence[Segment], times_ticks: Sequence[int]) -> None:
    """Hold what was decoded against what was asked for, picture by picture.

    Raises:
        StrangePicturesError: one is missing, or at another time.

    """
    if len(times_ticks) != len(pictures):
        raise StrangePicturesError(f"{len(times_ticks)} of {len(pictures)} pictures were decoded")
    for picture, ticks in zip(pictures, times_ticks, strict=True):
        if abs(ticks - picture.start_ticks) > _ROUNDING_TICKS:
            raise StrangePicturesError(f"{picture.name} gave the picture of tick {ticks}")


def read_looks(pictures: Sequence[Segment], lines: Sequence[str], small: bytes) -> tuple[Look, ...]:
    """Read what FFmpeg found: its statistics line by line, and the small grays in a row.

    Raises:
        StrangePicturesError: that is not about these pictures.

    """
    refuse_others(pictures, read_times(lines))
    found: dict[str, list[float]] = {"YAVG": [], "YMIN": [], "YMAX": []}
    for line in lines:
        if match := STAT.match(line):
            found[match[1]].append(_full_range(float(match[2])))
    if len(small) != _SMALL_BYTES * len(pictures) or any(
        len(values) != len(pictures) for values in found.values()
    ):
        raise StrangePicturesError("FFmpeg does not tell what every picture looks like")
    return tuple(
        Look(
            picture=picture,
            mean=found["YAVG"][i],
            contrast=found["YMAX"][i] - found["YMIN"][i],
            small=small[_SMALL_BYTES * i : _SMALL_BYTES * (i + 1)],
        )
        for i, picture in enumerate(pictures)
    )


def difference(a: Look, b: Look) -> float:
    """Return how far two pictures differ: of 255, over the whole."""
    return _distance(a.small, b.small)


def choose_looks(looks: Sequence[Look]) -> tuple[Look, ...]:
    """Choose what may stand for the video, the best first; none where none shows enough.

    The best is the most typical of those that are neither black nor bare, caught in a transition or
    short of detail. The others differ from it, and from each other, as much as can be.
    """
    good = [look for look in looks if look.is_good]
    if not good:
        return ()
    passing = {
        id(look)
        for before, look, after in zip(looks, looks[1:], looks[2:], strict=False)
        if _is_between(before, look, after)
    }
    rest = [look for look in good if id(look) not in passing] or good
    least = _LEAST_DETAIL * median(look.picture.bytes for look in rest)
    rest = [look for look in rest if look.picture.bytes >= least]
    typical = bytes(median_low(values) for values in zip(*(r.small for r in rest), strict=True))
    chosen = [min(rest, key=lambda look: _distance(look.small, typical))]
    while len(chosen) < MOST_CHOSEN:
        apart = {id(look): min(difference(look, other) for other in chosen) for look in rest}
        farthest = max(rest, key=lambda look: apart[id(look)])
        if apart[id(farthest)] < _ALIKE:
            break
        chosen.append(farthest)
    return tuple(chosen)


def _is_between(before: Look, look: Look, after: Look) -> bool:
    if min(difference(before, look), difference(look, after)) < _FAR:
        return False
    between = sum(
        min(a, c) - _BETWEEN_SLACK <= b <= max(a, c) + _BETWEEN_SLACK
        for a, b, c in zip(before.small, look.small, after.small, strict=True)
    )
    return between >= _BETWEEN_SHARE * _SMALL_BYTES


def _distance(a: bytes, b: bytes) -> float:
    return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / _SMALL_BYTES


def _full_range(luma: float) -> float:
    return min(255.0, max(0.0, (luma - 16) * 255 / 219))
