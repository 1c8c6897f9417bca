"""One stream's packets, counted as the demuxer gives them. Pure."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from worker.media.audio_clock import AudioClock, AudioClockTally

# FFmpeg's own -dts_delta_threshold: a longer step forward is a leap of the timestamps.
LONGEST_STEP_S = 10.0
# Decoding times never go back; a short one is a muxer's rounding, not a restart.
LONGEST_STEP_BACK_S = 1.0

_LONGEST_GUESS_S = 0.1
# Of H.264 and HEVC 16 frames, each of which may be two packets of a field.
_MOST_REORDERED = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Packets:
    """One stream's packets, timed from the container's start.

    `end_s` is where the last packet's content ends. `longest_gop_s` is the longest distance of
    keyframes, `first_key_s` when the first of these is shown. All are None where the packets carry
    no timestamps (raw streams), and `times_s` (presentation times, sorted) is empty then.

    `is_decode_timed`: the container has decoding times alone (AVI, ASF). Frames are shown at these,
    in another order, so that they stand for the presentation times of all of them together.

    `keys` maps the time of each keyframe to the bytes of all packets before it, of `bytes` in all;
    `reorder` is how many packets come before one that is shown earlier. `hidden` are those that an
    edit list takes out of the presentation: decoded, not shown, and not counted otherwise. `clock`
    is how times keep to what packets hold, of audio.
    """

    count: int
    start_s: float | None
    end_s: float | None
    longest_gop_s: float | None = None
    first_key_s: float | None = None
    bytes: int = 0
    reorder: int = 0
    hidden: int = 0
    clock: AudioClock = field(default_factory=AudioClock)
    is_decode_timed: bool = False
    keys: Mapping[float, int] = field(default_factory=dict, repr=False)
    times_s: array[float] = field(default_factory=lambda: array("d"), repr=False)

    def later(self, by_s: float) -> Packets:
        """Return the same packets, shown later."""
        if not by_s or not self.times_s:
            return self
        times = array("d", (at_s + by_s for at_s in self.times_s))
        return replace(
            self,
            start_s=times[0],
            end_s=None if self.end_s is None else self.end_s + by_s,
            first_key_s=None if self.first_key_s is None else self.first_key_s + by_s,
            keys={at_s + by_s: count for at_s, count in self.keys.items()},
            clock=self.clock.later(by_s),
            times_s=times,
        )

    def busiest_s(
        self, length_s: float, *, since_s: float = -math.inf, until_s: float = math.inf
    ) -> float | None:
        """Return the keyframe from which about `length_s` seconds take most bytes.

        Of those within [since_s, until_s].
        """
        times = sorted(self.keys)
        busiest: tuple[float, float] | None = None
        for start_s in times[bisect_left(times, since_s) :]:
            if start_s + length_s > until_s:
                break
            after = bisect_left(times, start_s + length_s)
            is_last = after == len(times)
            end_s = (self.end_s or 0.0) if is_last else times[after]
            if end_s - start_s < length_s:
                break
            size = (self.bytes if is_last else self.keys[times[after]]) - self.keys[start_s]
            rate = size / (end_s - start_s)
            if busiest is None or rate > busiest[0]:
                busiest = rate, start_s
        return busiest and busiest[1]

    def key_before(self, at_s: float) -> float:
        """Return the time of the keyframe from which `at_s` is decoded; itself where unknown."""
        return max((key_s for key_s in self.keys if key_s <= at_s), default=at_s)

    def key_after(self, at_s: float) -> float:
        """Return the time of the first keyframe at or after `at_s`; itself where unknown."""
        return min((key_s for key_s in self.keys if key_s >= at_s), default=at_s)

    def count_between(self, start_s: float, end_s: float) -> int | None:
        """Count the packets shown from within [start_s, end_s); None without timestamps."""
        if not self.times_s:
            return None
        return bisect_left(self.times_s, end_s) - bisect_left(self.times_s, start_s)


@dataclass(slots=True)
class WildTimes:
    """Finds presentation times that cannot be, beside decoding times that run through.

    Where frames stay for minutes, one may be decoded minutes before it is shown. But no more frames
    are decoded in between than a decoder keeps.
    """

    _waiting: deque[tuple[int, float, float]] = field(default_factory=deque)
    _last_s: tuple[float, float] = (-math.inf, -math.inf)

    def add(
        self, number: int, pts_s: float | None, dts_s: float | None
    ) -> tuple[int, float] | None:
        """Count a packet; return the number of a wild one, and its decoding minus its wild time."""
        if pts_s is None or dts_s is None:
            return None
        (last_pts_s, last_dts_s), self._last_s = self._last_s, (pts_s, dts_s)
        is_alone = False
        if dts_s < last_dts_s - LONGEST_STEP_BACK_S:
            self._waiting.clear()
            # Decoding times restart, and these do not.
            is_alone = abs(pts_s - last_pts_s) <= LONGEST_STEP_S < pts_s - dts_s
        if is_alone or pts_s < dts_s - LONGEST_STEP_S:
            return number, dts_s - pts_s
        self._waiting.append((number, pts_s, dts_s))
        if len(self._waiting) > _MOST_REORDERED:
            first, shown_s, decoded_s = self._waiting.popleft()
            if shown_s > max(dts_s, decoded_s) + LONGEST_STEP_S:
                return first, decoded_s - shown_s
        return None


@dataclass(slots=True)
class PacketTally:
    """Builds `Packets` one packet at a time; 8 bytes a packet, a hundred a keyframe.

    `jumps` counts where decoding times go back, or forward by more than ten seconds, and wild
    presentation times. `keeps_clock`: of audio, whose samples are a clock of their own.
    """

    origin_s: float
    keeps_clock: bool = False
    times_s: array[float] = field(default_factory=lambda: array("d"))
    keys: dict[float, int] = field(default_factory=dict)
    count: int = 0
    bytes: int = 0
    hidden: int = 0
    end_s: float | None = None
    jumps: int = 0
    _clock: AudioClockTally = field(default_factory=AudioClockTally)
    _wild: WildTimes = field(default_factory=WildTimes)
    _decoded_s: float | None = None
    _last_s: float | None = None
    _is_open: bool = False
    _is_decode_timed: bool | None = None

    def add(
        self,
        pts_s: float | None,
        dts_s: float | None,
        duration_s: float | None,
        size_bytes: int = 0,
        *,
        is_key: bool,
    ) -> None:
        """Count a packet that is part of the presentation."""
        self.count += 1
        before, self.bytes = self.bytes, self.bytes + size_bytes
        if dts_s is not None:
            step_s = 0.0 if self._decoded_s is None else dts_s - self._decoded_s
            self.jumps += not -LONGEST_STEP_BACK_S <= step_s <= LONGEST_STEP_S
            self._decoded_s = dts_s
        self.jumps += self._wild.add(self.count, pts_s, dts_s) is not None
        if self._is_decode_timed is None and (pts_s is not None or dts_s is not None):
            # FFmpeg gives later packets presentation times where it can guess them.
            self._is_decode_timed = pts_s is None
        time_s = dts_s if self._is_decode_timed else pts_s
        if time_s is None:
            return
        at_s = time_s - self.origin_s
        self.times_s.append(at_s)
        if self.keeps_clock:
            self._clock.add(at_s, duration_s)
        if is_key:
            self.keys[at_s] = before
        end_s = at_s + (duration_s or 0.0)
        self.end_s = end_s if self.end_s is None else max(self.end_s, end_s)
        if self._last_s is None or at_s > self._last_s:
            self._last_s, self._is_open = at_s, not duration_s

    def packets(self) -> Packets:
        """Return what was counted."""
        times = array("d", sorted(self.times_s))
        steps = sorted(b - a for a, b in pairwise(times) if b > a)
        end_s = self.end_s
        if end_s is not None and self._is_open:
            end_s = max(end_s, times[-1] + _usual_interval_s(steps))
        return Packets(
            count=self.count,
            start_s=times[0] if times else None,
            end_s=end_s,
            longest_gop_s=self._longest_gop_s(times),
            first_key_s=min(self.keys, default=None),
            bytes=self.bytes,
            reorder=max((i - bisect_left(times, at_s) for i, at_s in self._late()), default=0),
            hidden=self.hidden,
            clock=self._clock.clock(),
            is_decode_timed=bool(self._is_decode_timed),
            keys=self.keys,
            times_s=times,
        )

    def _late(self) -> Iterator[tuple[int, float]]:
        """Yield the packets shown before one that came earlier, and their positions."""
        latest_s = -math.inf
        for i, at_s in enumerate(self.times_s):
            if at_s < latest_s:
                yield i, at_s
            latest_s = max(latest_s, at_s)

    def _longest_gop_s(self, times: Sequence[float]) -> float | None:
        if not times:
            return None
        bounds = [times[0], *sorted(self.keys), times[-1]]
        return max(b - a for a, b in pairwise(bounds))


def _usual_interval_s(steps: Sequence[float]) -> float:
    """Return how long a packet without a duration lasts: as the others, if those are alike.

    Where they are not, and far apart (slides at any time), that says nothing of the last one.
    """
    if not steps:
        return 0.0
    short_s, median_s = steps[len(steps) // 10], steps[(len(steps) - 1) // 2]
    return median_s if median_s <= 1.5 * short_s else min(median_s, _LONGEST_GUESS_S)
