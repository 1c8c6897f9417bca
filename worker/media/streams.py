"""What a source is, as far as the worker uses it. Unknown is None; nothing is guessed. Pure."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from worker.media.aspects import AspectChange
from worker.media.frame_clock import FrameClock
from worker.media.orientation import Orientation
from worker.media.packets import Packets

# Instead of a codec: of text streams that are no tracks of their own, but captions in the frames.
CAPTIONS = "captions"

# Bytes [start, end) of a file.
ByteRange = tuple[int, int]
# How channels are mixed: by their positions, as the sum of all, or from the first one alone.
Mix = Literal["positions", "sum", "first"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoStream:
    """The video track to transcode. `width` and `height` are the first frame's, before rotation.

    `rotation_deg` is what its metadata say, `orientation` what is done. `is_dolby_only`: Dolby
    Vision in colors of its own (profile 5), with no base layer that other players can show. `lag_s`
    is by how much FFmpeg's times of frames are late. `clock` is None where the packets carry no
    timestamps (raw streams), and the rates that the header names count.
    """

    index: int
    codec: str
    profile: str | None
    width: int
    height: int
    sample_aspect_ratio: Fraction | None
    rotation_deg: int
    orientation: Orientation
    is_interlaced: bool
    nominal_rate: Fraction | None
    average_rate: Fraction | None
    pixel_format: str | None
    color_space: str | None
    color_transfer: str | None
    color_primaries: str | None
    color_range: str | None
    is_dolby_only: bool
    packets: Packets
    lag_s: Fraction
    clock: FrameClock | None
    aspect_changes: tuple[AspectChange, ...] = ()

    @property
    def is_turned(self) -> bool:
        """Whether rotation swaps width and height."""
        return self.orientation.is_turned

    def later(self, by_s: float) -> VideoStream:
        """Return the same track, shown later."""
        changes = (replace(each, at_s=each.at_s + by_s) for each in self.aspect_changes)
        return replace(self, packets=self.packets.later(by_s), aspect_changes=tuple(changes))


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioStream:
    """The audio track to transcode. `language` is the container's code: `kor`, `en`.

    `layout` is what FFmpeg calls the arrangement of the channels: `5.1(side)`, `ambisonic 1`. `mix`
    is how FFmpeg can make two of them.
    """

    index: int
    codec: str
    channels: int
    layout: str | None
    sample_rate_hz: int
    language: str | None
    packets: Packets
    mix: Mix = "positions"

    @property
    def mixed_channels(self) -> int:
        """Number of channels that are made of it: a microphone's one stays one."""
        return 1 if self.channels == 1 or self.mix != "positions" else 2

    def later(self, by_s: float) -> AudioStream:
        """Return the same track, heard later."""
        return replace(self, packets=self.packets.later(by_s))


@dataclass(frozen=True, kw_only=True, slots=True)
class TextStream:
    """Subtitles of text. `language` is the container's code, `title` their name in the upload."""

    index: int
    codec: str
    language: str | None
    title: str | None
    is_forced: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteMap:
    """Which bytes of a file FFmpeg reads to decode a part of its video.

    `opening` are those that it reads to open the file. Group i of packets begins with a keyframe
    that is shown at `keys_s[i]`, from the container's start, and is within bytes
    [`starts[i]`, `ends[i]`). It is a GOP, or several where they are short.
    """

    opening: tuple[ByteRange, ...]
    keys_s: array[float] = field(repr=False)
    starts: array[int] = field(repr=False)
    ends: array[int] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """A file.

    `origin_s` is t=0 of the timeline on the container's clock: its start, or, where a part of the
    file is used, `begins_s` after that.

    `video_track` is None where it is audio alone; track `cover` is an image that is attached to
    that. `other_audio` are tracks that could be the audio as well, the best first. `declared_s` is
    the duration that the container records. `jumps` counts how often the timestamps of video or
    audio restart or leap. `recordings_at` are the positions in the file where others begin, of
    MPEG-TS whose tracks all end before further ones. `is_late`: a track begins so late that FFmpeg
    finds it only where it reads on for it. `has_own_clock`: the container's start is that of
    another program, on another clock. `byte_map` is made where other machines fetch parts of the
    source.
    """

    container: str
    origin_s: Fraction
    declared_s: float | None
    video_track: VideoStream | None
    audio: AudioStream | None
    other_audio: tuple[AudioStream, ...] = ()
    texts: tuple[TextStream, ...] = ()
    jumps: int = 0
    recordings_at: tuple[int, ...] = ()
    is_late: bool = False
    has_own_clock: bool = False
    byte_map: ByteMap | None = None
    begins_s: Fraction = Fraction(0)
    cover: int | None = None

    @property
    def video(self) -> VideoStream:
        """The video track, for all that is done with frames: of audio alone nothing of it is.

        Raises:
            LookupError: there is none, and that was not asked before.

        """
        if self.video_track is None:
            raise LookupError("the source is audio alone")
        return self.video_track

    @property
    def tracks(self) -> tuple[VideoStream | AudioStream, ...]:
        """What is transcoded: video and audio, as far as there are."""
        return tuple(track for track in (self.video_track, self.audio) if track is not None)

    @property
    def duration_s(self) -> float | None:
        """Where the last frame or audio packet ends, from the origin; None without timestamps."""
        ends = [track.packets.end_s for track in self.tracks]
        return max((end for end in ends if end is not None), default=None)

    def starting_at(self, begins_s: Fraction) -> Media:
        """Return the same file with t=0 so much later: what comes before has negative times."""
        if not begins_s:
            return self
        by_s = -float(begins_s)
        return replace(
            self,
            origin_s=self.origin_s + begins_s,
            begins_s=self.begins_s + begins_s,
            video_track=self.video_track.later(by_s) if self.video_track else None,
            audio=self.audio.later(by_s) if self.audio else None,
            other_audio=tuple(track.later(by_s) for track in self.other_audio),
        )
