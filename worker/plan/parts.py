"""The files of a source on one timeline: which part of each is in a run, and where. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from worker.config.clip import Clip
from worker.errors import BadParametersError
from worker.media.streams import Media, VideoStream
from worker.media.timeline import exact_time, frame_count, length_s, output_rate
from worker.plan.ladder import display_size
from worker.plan.speech import Cleaning

# To which all audio is brought.
AUDIO_RATE_HZ = 48_000
# Aspects that differ by less are one: 1088 rows for 1080, and sizes that were rounded to even.
_ALIKE = Fraction(2, 100)

# Which channels of a stereo track hold what there is to hear, where that is one channel.
Side = Literal["both", "left", "right"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What was found by listening to a track: the gain to a loudness, and its one channel.

    `cleaning` is what is done to it where it is speech that is to be cleaned.
    """

    gain_db: float = 0.0
    side: Side | None = None
    cleaning: Cleaning | None = None


UNHEARD = Heard()


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedFile:
    """One file of the source, read and listened to."""

    media: Media
    heard: Heard = UNHEARD


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What a run shows of one file of the source, the `number`-th.

    It is frames [first_frame, first_frame + frames) of the run's grid. `media` is the file with t=0
    where the part begins. `aspect` is that of its frames where they get bars beside those of the
    first part.
    """

    media: Media
    first_frame: int
    frames: int
    heard: Heard = UNHEARD
    number: int = 1
    aspect: Fraction | None = None

    @property
    def end_frame(self) -> int:
        """The frame of the grid at which the next part begins."""
        return self.first_frame + self.frames

    @property
    def channels(self) -> int:
        """Number of channels that are made of its audio; 0 without any."""
        if self.media.audio is None:
            return 0
        return 1 if self.heard.side else self.media.audio.mixed_channels

    def has_samples(self, rate: Fraction) -> bool:
        """Whether there is audio in what is shown: a track may end before that, or begin after."""
        if self.media.audio is None:
            return False
        shown = self.media.audio.packets.count_between(0.0, float(self.frames / rate))
        return shown != 0 or self.is_whole(rate)

    def is_whole(self, rate: Fraction) -> bool:
        """Whether all of its file is shown."""
        return self.media.begins_s == 0 and not self.ends_early(rate)

    def ends_early(self, rate: Fraction) -> bool:
        """Whether its file goes on after it."""
        return frame_count(self.media, rate) > self.frames


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What of a file is used, in its own seconds."""

    start_s: Fraction
    end_s: Fraction


def find_windows(files: Sequence[Media], clip: Clip, *, most: float) -> tuple[Window | None, ...]:
    """Find what a clip uses of each file; None where that is no frame.

    This alone decides which files a clip has. The timeline is that of the whole, on which a clip of
    it is asked for: each file lasts for whole frames of the highest rate that any of them has.

    Raises:
        BadParametersError: the clip is not on the timeline, or holds no frame; with its length.

    """
    rate = _highest_rate(files, most=most)
    lengths = [frame_count(media, rate) for media in files]
    start, end = _bounds(clip, sum(lengths), rate)
    windows: list[Window | None] = []
    begin = 0
    for media, length in zip(files, lengths, strict=True):
        start_s, end_s = max(Fraction(0), clip.start_s - begin / rate), length_s(media)
        if clip.end_s is not None and end < begin + length:
            end_s = clip.end_s - begin / rate
        is_shown = max(begin, start) < min(begin + length, end)
        windows.append(Window(start_s=start_s, end_s=end_s) if is_shown else None)
        begin += length
    return tuple(windows)


def _bounds(clip: Clip, total: int, rate: Fraction) -> tuple[int, int]:
    """Return a clip's first frame, and the one after its last, of a timeline of so many."""
    start = round(clip.start_s * rate)
    end = total if clip.end_s is None else round(clip.end_s * rate)
    if end > total and clip.end_s is not None:
        raise _beyond("--to", clip.end_s, total / rate)
    if start >= total:
        raise _beyond("--from", clip.start_s, total / rate)
    if end <= start:
        raise BadParametersError(
            f"there is no frame between --from {exact_time(clip.start_s)} and --to"
            f" {exact_time(end / rate)}; the source lasts {exact_time(total / rate)}"
        )
    return start, end


def _beyond(option: str, at_s: Fraction, total_s: Fraction) -> BadParametersError:
    return BadParametersError(
        f"{option} {exact_time(at_s)} is past the end: the source lasts {exact_time(total_s)}"
    )


def run_rate(files: Sequence[Media], windows: Sequence[Window | None], *, most: float) -> Fraction:
    """Choose the rate of a run: the highest that a file of it has, so that no frame is lost.

    Of audio alone it is that of its samples.
    """
    used = zip(files, windows, strict=True)
    return _highest_rate([media for media, window in used if window], most=most)


def _highest_rate(files: Sequence[Media], *, most: float) -> Fraction:
    videos = [media.video_track for media in files]
    rates = [output_rate(video, most=most) for video in videos if video is not None]
    return max(rates, default=Fraction(AUDIO_RATE_HZ))


def lay_parts(
    files: Sequence[PreparedFile], windows: Sequence[Window | None], rate: Fraction
) -> tuple[Part, ...]:
    """Lay what is used of the files one after the other on a grid of this rate.

    Each begins and ends at the nearest frames, and has one at least.
    """
    parts: list[Part] = []
    first: VideoStream | None = None
    for number, (each, window) in enumerate(zip(files, windows, strict=True), 1):
        if window is None:
            continue
        first = first or each.media.video_track
        start = min(round(window.start_s * rate), frame_count(each.media, rate) - 1)
        part = Part(
            media=each.media.starting_at(start / rate),
            first_frame=parts[-1].end_frame if parts else 0,
            frames=max(1, round(window.end_s * rate) - start),
            heard=each.heard,
            number=number,
            aspect=_other_aspect(each.media.video, first) if first else None,
        )
        parts.append(part)
    return tuple(parts)


def _other_aspect(video: VideoStream, first: VideoStream) -> Fraction | None:
    """Return the aspect of a video where it is not the first one's."""
    aspect, of_first = (width / height for width, height in map(display_size, (video, first)))
    return None if abs(aspect / of_first - 1) < _ALIKE else aspect
