"""The one timeline of a run: the output rate and the grid of segments on it. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import floor

from worker.media.frame_clock import is_common, snap_rate
from worker.media.streams import Media, VideoStream

# The timeline's t=0 in the segments, so that neither the times of B-frames (which decode before
# they are shown) nor the AAC encoder's first 1,024 samples are negative, which MPEG-TS cannot say.
START_OFFSET_S = 10
# The clock of MPEG-TS (ISO/IEC 13818-1, 2.4.2): times in segments are ticks of it.
CLOCK_HZ = 90_000

_UNKNOWN_RATE = Fraction(25)
_LEAST_RATE = Fraction(1)
_FASTEST_INTERLACED = Fraction(30)  # Frames a second; television's 25 and 29.97 are below.
# Two AAC frames, by which segments of audio are longer than those of video.
_AUDIO_LONGER_S = Fraction(2 * 1024, 48_000)
# Below two thirds of the cap an even division (40 → 20 is one) loses more than an uneven one.
_LEAST_DIVIDED_SHARE = Fraction(2, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Segment k is frames [k·segment_frames, (k+1)·segment_frames) at `rate`; the last is shorter.

    Of audio alone its frames are samples. Where the top rung is copied, segments start at keyframes
    of the source, and where several files are joined, at each joint: `cuts` are their first frames,
    and `segment_frames` is the length of the longest. All times are exact: seconds as Fraction from
    t=0, the start of the first file.
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

    def segment_at(self, frame: int) -> int:
        """Return the segment in which a frame is; `segment_count` for the end of the last."""
        if frame >= self.total_frames:
            return self.segment_count
        return bisect_right(self.cuts, frame) - 1 if self.cuts else frame // self.segment_frames

    def within(self, first: int, frames: int) -> Grid:
        """Return the grid of so many frames alone, which begin and end with segments."""
        cuts = tuple(cut - first for cut in self.cuts if first <= cut < first + frames)
        return replace(self, total_frames=frames, cuts=cuts)


def make_grid(lengths: Sequence[int], *, rate: Fraction, segment_s: float) -> Grid:
    """Lay the grid over files of so many frames each; no segment has frames of two of them."""
    each = max(1, round(Fraction(segment_s) * rate))
    total = sum(lengths)
    regular = Grid(rate=rate, segment_frames=each, total_frames=total)
    if len(lengths) == 1:
        return regular
    cuts = tuple(_cuts(lengths, each, rate))
    longest = max(b - a for a, b in pairwise((*cuts, total)))
    return replace(regular, cuts=cuts, segment_frames=longest)


def _cuts(lengths: Sequence[int], each: int, rate: Fraction) -> Iterator[int]:
    """Yield the first frames of the segments: regular ones within each file.

    What is left at its end is a segment of its own, unless the one before can be so much longer at
    the same target duration (RFC 8216, section 4.3.3.1): players may leave out tiny segments.
    """
    first = 0
    for length in lengths:
        count, rest = divmod(length, each)
        longer_s = (each + rest) / rate + _AUDIO_LONGER_S
        if count == 0 or (rest and round_half_up(longer_s) > round_half_up(each / rate)):
            count += 1
        yield from range(first, first + count * each, each)
        first += length


def length_s(media: Media) -> Fraction:
    """Length of a file from t=0 on; of one without timestamps its packets count."""
    if media.duration_s is not None:
        return Fraction(media.duration_s)
    if media.video_track is not None:
        return media.video.packets.count / source_rate(media.video) - media.begins_s
    held_s = media.audio.packets.clock.length_s if media.audio else 0.0
    return Fraction(held_s) - media.begins_s


def frame_count(media: Media, rate: Fraction) -> int:
    """Frames at this rate that a file lasts for."""
    return max(1, round(length_s(media) * rate))


def source_rate(video: VideoStream) -> Fraction:
    """Rate that shows every frame of the source at its time, or what its header says."""
    if video.clock is None:
        return snap_rate(video.average_rate or video.nominal_rate or _UNKNOWN_RATE)
    return video.clock.rate


def output_rate(video: VideoStream, *, most: float) -> Fraction:
    """Rate to encode at: the source's, divided evenly where it is above `most` a second.

    An interlaced source shows two moments a frame, so its rate is that of its fields. Of a clock
    that is not steady, or known too roughly to be a common one, an even division has no use.
    """
    rate = max(_LEAST_RATE, _field_rate(video))
    cap = Fraction(most)
    if rate <= cap:
        return rate
    divided = rate / -(-rate // cap)
    is_known = is_common(rate) and (video.clock is None or video.clock.is_steady)
    return divided if is_known and divided >= cap * _LEAST_DIVIDED_SHARE else cap


def _field_rate(video: VideoStream) -> Fraction:
    """Rate of the moments that a source shows: twice that of its frames where it is interlaced.

    Fields that travel as packets of their own are counted already.
    """
    rate = source_rate(video)
    return 2 * rate if video.is_interlaced and rate <= _FASTEST_INTERLACED else rate


def round_half_up(seconds: Fraction) -> int:
    """Round as EXT-X-TARGETDURATION is defined: a half goes up."""
    return floor(seconds + Fraction(1, 2))


def clock_time(seconds: float | Fraction) -> str:
    """Write a time as a player does: 1:02:03, or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def exact_time(seconds: Fraction) -> str:
    """Write a time as options have it: 0:02:03.400, to the millisecond."""
    whole, rest_ms = divmod(round(seconds * 1000), 1000)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}.{rest_ms:03d}"
