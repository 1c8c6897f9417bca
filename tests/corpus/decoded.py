"""What a decoder finds in a file: small gray frames with their times, and loudness over time.

By PyAV, whose FFmpeg is another build than the worker's.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Piece = tuple[int, Floats]
# A square, so that a rotated frame keeps its size.
SIDE = 32
# Loudness is kept in bins of a millisecond.
BINS_A_SECOND = 1000
# Some recorders round the times of packets, so that these leave gaps or overlap.
_JITTER_BINS = 30
# Shares of the louder side's power: less than codecs add, and less than crosstalk.
_SAME, _EMPTY = 10**-3.3, 10**-5
# What FFmpeg assumes of a raw stream, whose packets have no timestamps.
UNTIMED_RATE = 25


@dataclass(kw_only=True)
class Frames:
    """Decoded frames in the order they are shown; times in seconds."""

    times_s: Floats
    end_s: float
    small: NDArray[np.uint8]
    first: VideoFrame

    def shown_at(self, times_s: Floats) -> NDArray[np.intp]:
        """Return the index of the frame on screen at each time; before the first frame, its own."""
        found = np.searchsorted(self.times_s, times_s + 1e-6, side="right") - 1
        return np.clip(found, 0, len(self.times_s) - 1)

    def shifted(self, by_s: float) -> Frames:
        return Frames(
            times_s=self.times_s + by_s,
            end_s=self.end_s + by_s,
            small=self.small,
            first=self.first,
        )


@dataclass(kw_only=True)
class Audio:
    """Loudness of decoded audio, in pieces; times in seconds.

    A piece is the number of its first bin, and for each bin a sum of powers and a count of samples.
    `sides` are sums of powers: of the left, the right, and half of their difference.
    """

    start_s: float
    end_s: float
    pieces: list[Piece]
    channels: int
    sides: Floats

    @property
    def is_one_channel(self) -> bool:
        """Whether a stereo track holds the same on both sides, or nothing on one of them."""
        left, right, difference = self.sides
        loudest = max(left, right)
        return bool(
            self.channels == 2
            and (difference <= _SAME * loudest or min(left, right) <= _EMPTY * loudest)
        )

    def envelope(self, start_s: float, end_s: float) -> Floats:
        """Return the loudness of each bin; where there is no audio it is zero."""
        first, count = round(start_s * BINS_A_SECOND), round((end_s - start_s) * BINS_A_SECOND)
        sums = np.zeros((2, max(0, count)))
        for at, piece in self.pieces:
            begin, stop = max(at, first), min(at + piece.shape[1], first + count)
            if begin < stop:
                sums[:, begin - first : stop - first] += piece[:, begin - at : stop - at]
        return bridge(np.sqrt(sums[0] / np.maximum(sums[1], 1)), sums[1] > 0)

    def shifted(self, by_s: float) -> Audio:
        bins = round(by_s * BINS_A_SECOND)
        return Audio(
            start_s=self.start_s + by_s,
            end_s=self.end_s + by_s,
            pieces=[(at + bins, piece) for at, piece in self.pieces],
            channels=self.channels,
            sides=self.sides,
        )


@dataclass
class Decoded:
    """One pass over the video and the audio of a file."""

    frames: Frames | None
    audio: Audio | None
    errors: int


@dataclass
class _Tally:
    """Collects frames and samples while decoding."""

    times_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    small: list[NDArray[np.uint8]] = field(default_factory=list)
    first: VideoFrame | None = None
    reformatter: VideoReformatter = field(default_factory=VideoReformatter)
    audio_until_s: float | None = None
    channels: int = 0
    sides: Floats = field(default_factory=lambda: np.zeros(3))
    audio_start_s: float | None = None
    audio_end_s: float = -math.inf
    pieces: list[Piece] = field(default_factory=list)

    def add_video(self, frame: VideoFrame) -> None:
        at = frame.pts if frame.pts is not None else frame.dts
        base = frame.time_base
        timed = at is not None and base is not None
        at_s = float(at * base) if at is not None and base else len(self.times_s) / UNTIMED_RATE
        lasts_s = float(frame.duration * base) if base and frame.duration else 0.0
        self.times_s.append(at_s)
        self.ends_s.append(at_s + (lasts_s if timed else 1 / UNTIMED_RATE))
        gray = self.reformatter.reformat(frame, SIDE, SIDE, "gray", interpolation="AREA")
        self.small.append(gray.to_ndarray().astype(np.uint8))
        if self.first is None:
            self.first = frame

    def add_audio(self, frame: Any) -> None:  # noqa: ANN401 (av.AudioFrame, whose parts have no types)
        at_s = self.audio_until_s if frame.time is None else frame.time
        if at_s is None:
            return
        samples = read_samples(frame)
        power: Floats = np.mean(samples**2, axis=0)
        self.sides += side_powers(samples)
        self.audio_until_s = at_s + len(power) / frame.sample_rate
        self.channels = max(self.channels, frame.layout.nb_channels)
        self.audio_start_s = at_s if self.audio_start_s is None else min(self.audio_start_s, at_s)
        self.audio_end_s = max(self.audio_end_s, self.audio_until_s)
        self.pieces.append(energy_bins(power, at_s, frame.sample_rate))

    def decoded(self, errors: int) -> Decoded:
        return Decoded(self._frames(), self._audio(), errors)

    def _frames(self) -> Frames | None:
        if self.first is None:
            return None
        order = np.argsort(self.times_s, kind="stable")
        times_s = np.array(self.times_s)[order]
        end_s = max(self.ends_s)
        if end_s <= times_s[-1] and len(times_s) > 1:
            # The container does not state how long a frame lasts.
            end_s = float(times_s[-1] + np.median(np.diff(times_s)))
        return Frames(
            times_s=times_s, end_s=end_s, small=np.stack(self.small)[order], first=self.first
        )

    def _audio(self) -> Audio | None:
        if self.audio_start_s is None:
            return None
        return Audio(
            start_s=self.audio_start_s,
            end_s=self.audio_end_s,
            pieces=self.pieces,
            channels=self.channels,
            sides=self.sides,
        )


def read_samples(frame: Any) -> Floats:  # noqa: ANN401
    """Return a row for each channel, full scale being 1."""
    raw = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, frame.layout.nb_channels).T
    samples = raw.astype(np.float64)
    if raw.dtype.kind == "u":
        samples -= 128
    if raw.dtype.kind in "iu":
        samples /= 2.0 ** (8 * raw.dtype.itemsize - 1)
    known: Floats = np.nan_to_num(samples)
    return known


def side_powers(samples: Floats) -> Floats:
    """Return sums of powers: of the left, the right, and half of their difference."""
    if len(samples) != 2:
        return np.zeros(3)
    left, right = samples
    return np.array([np.sum(each**2) for each in (left, right, (left - right) / 2)])


def energy_bins(power: Floats, at_s: float, rate_hz: int) -> Piece:
    """Sort samples that start at that time into bins."""
    numbers = np.floor((at_s + np.arange(len(power)) / rate_hz) * BINS_A_SECOND + 1e-6)
    first = int(numbers[0]) if len(numbers) else 0
    bins = (numbers - first).astype(np.intp)
    return first, np.stack([np.bincount(bins, weights=power), np.bincount(bins).astype(np.float64)])


def bridge(levels: Floats, is_covered: NDArray[np.bool_]) -> Floats:
    """Interpolate over gaps that are shorter than a recorder's jitter."""
    covered = np.flatnonzero(is_covered)
    for gap in np.flatnonzero((np.diff(covered) > 1) & (np.diff(covered) <= _JITTER_BINS)):
        begin, end = covered[gap], covered[gap + 1]
        levels[begin : end + 1] = np.linspace(levels[begin], levels[end], end - begin + 1)
    return levels


def decode(container: InputContainer, video: Stream | None, audio: Stream | None) -> Decoded:
    """Decode a video and an audio stream in one pass; damaged packets are counted and skipped."""
    tally, errors = _Tally(), 0
    streams = [stream for stream in (video, audio) if stream is not None]
    if not streams:
        return tally.decoded(errors)
    for stream in streams:
        with contextlib.suppress(AttributeError, RuntimeError):
            stream.codec_context.thread_type = "AUTO"
    for packet in _packets(container, streams):
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            errors += 1
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame):
                tally.add_video(frame)
            else:
                tally.add_audio(frame)
    return tally.decoded(errors)


def _packets(container: InputContainer, streams: Iterable[Stream]) -> Iterator[Any]:
    with contextlib.suppress(av.error.FFmpegError):
        yield from container.demux(*streams)
