"""The one timeline of a run: the output rate and the grid of segments on it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

from worker.media.streams import VideoStream

# The timeline's t=0 in the segments, so that neither the times of B-frames (which decode before
# they are shown) nor the AAC encoder's first 1,024 samples are negative, which MPEG-TS cannot say.
START_OFFSET_S = 10
# The clock of MPEG-TS (ISO/IEC 13818-1, 2.4.2): times in segments are ticks of it.
CLOCK_HZ = 90_000

_COMMON_RATES = tuple(
    Fraction(numerator, denominator)
    for numerator, denominator in (
        (5, 1), (6, 1), (10, 1), (12, 1), (25, 2), (15000, 1001), (15, 1), (20, 1),
        (24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (48, 1), (50, 1),
        (60000, 1001), (60, 1), (100, 1), (120000, 1001), (120, 1),
    )
)  # fmt: skip
_SNAP = 0.01
# The mean is off by more than this where frames are missing here and there.
_STEADY = 0.03
_UNKNOWN_RATE = Fraction(25)
# A frame that comes at an irregular time is shown within half a frame of it: 0.05 s at this rate.
_LEAST_VARIABLE_RATE = Fraction(10)
_LEAST_RATE = Fraction(1)
_FASTEST_INTERLACED = Fraction(30)  # Frames a second; television's 25 and 29.97 are below.
# Below two thirds of the cap an even division (40 → 20 is one) loses more than an uneven one.
_LEAST_DIVIDED_SHARE = Fraction(2, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Segment k is frames [k·segment_frames, (k+1)·segment_frames) at `rate`; the last is shorter.

    Where the top rung is copied, segments start at keyframes of the source: `cuts` are their first
    frames, and `segment_frames` is the length of the longest. All times are exact: seconds as
    Fraction from t=0, the start of the source's container.
    """

    rate: Fraction
    segment_frames: int
    total_frames: int
    cuts: tuple[int, ...] = ()

    @property
    def segment_count(self) -> int:
        """Number of segments, the last one included."""
        return len(self.cuts) or -(-self.total_frames // self.segment_frames)

    @property
    def duration_s(self) -> Fraction:
        """Length of the whole."""
        return self.total_frames / self.rate

    @property
    def segment_s(self) -> Fraction:
        """Length of the longest segment; without cuts, of every one but the last."""
        return self.segment_frames / self.rate

    def first_frame(self, segment: int) -> int:
        """First frame of a segment; `segment_count` gives the end of the last."""
        if segment >= self.segment_count:
            return self.total_frames
        return self.cuts[segment] if self.cuts else segment * self.segment_frames

    def frames(self, segment: int) -> int:
        """Frames in a segment."""
        return self.first_frame(segment + 1) - self.first_frame(segment)

    def frames_in(self, segments: Collection[int]) -> int:
        """Frames in some segments, all different; asked often, of thousands."""
        if self.cuts:
            return sum(map(self.frames, segments))
        last = self.segment_count - 1
        lacking = self.segment_frames - self.frames(last) if last in segments else 0
        return len(segments) * self.segment_frames - lacking

    def start_s(self, segment: int) -> Fraction:
        """Start of a segment."""
        return self.first_frame(segment) / self.rate


def make_grid(
    video: VideoStream, *, duration_s: float | None, most: float, segment_s: float
) -> Grid:
    """Lay the grid over a source that lasts `duration_s` (None: untimed, its packets count)."""
    rate = output_rate(video, most=most)
    if duration_s is None:
        duration_s = video.packets.count / float(source_rate(video))
    return Grid(
        rate=rate,
        segment_frames=max(1, round(Fraction(segment_s) * rate)),
        total_frames=max(1, round(Fraction(duration_s) * rate)),
    )


def source_rate(video: VideoStream) -> Fraction:
    """Rate that shows every frame of the source at its time, snapped to a common one."""
    packets = video.packets
    median, short, long = (
        packets.median_interval_s, packets.short_interval_s, packets.long_interval_s,
    )  # fmt: skip
    if median is None or short is None or long is None:
        return _snap(video.average_rate or video.nominal_rate or _UNKNOWN_RATE)
    if long - short <= 0.2 * median:
        # Regular: the average over the whole is finer than any one distance, which is rounded to
        # the container's tick (1 ms in Matroska).
        mean = _mean_rate(video)
        steady = mean is not None and abs(float(mean) * median - 1) <= _STEADY
        return _snap(mean if mean is not None and steady else Fraction(1 / median))
    return max(_LEAST_VARIABLE_RATE, _snap(Fraction(1 / short)))


def output_rate(video: VideoStream, *, most: float) -> Fraction:
    """Rate to encode at: the source's, divided evenly where it is above `most` a second.

    An interlaced source shows two moments a frame, so its rate is that of its fields.
    """
    rate = max(_LEAST_RATE, _field_rate(video))
    cap = Fraction(most)
    if rate <= cap:
        return rate
    divided = rate / -(-rate // cap)
    return divided if divided >= cap * _LEAST_DIVIDED_SHARE else cap


def _field_rate(video: VideoStream) -> Fraction:
    """Rate of the moments that a source shows: twice that of its frames where it is interlaced.

    Fields that travel as packets of their own are counted already.
    """
    rate = source_rate(video)
    return 2 * rate if video.is_interlaced and rate <= _FASTEST_INTERLACED else rate


def _mean_rate(video: VideoStream) -> Fraction | None:
    packets = video.packets
    if packets.start_s is None or packets.end_s is None or packets.end_s <= packets.start_s:
        return None
    return packets.count / Fraction(packets.end_s - packets.start_s)


def _snap(rate: Fraction) -> Fraction:
    """Take the nearest common rate where one is within 1%: 30.006 is a phone's 30."""
    nearest = min(_COMMON_RATES, key=lambda common: abs(common - rate))
    if abs(nearest - rate) <= _SNAP * rate:
        return nearest
    return rate.limit_denominator(1001)


def clock_time(seconds: float | Fraction) -> str:
    """Write a time as a player does: 1:02:03, or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
