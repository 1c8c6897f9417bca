"""What a source is, read from ffprobe's answers. Unknown stays None; nothing is guessed."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

# Containers that record their duration. The others (MPEG-TS, raw streams, …) have it estimated by
# ffprobe from the bit rate, which is no promise that a truncated upload could break.
_PROMISING_CONTAINERS = frozenset({"mov", "matroska", "flv", "avi", "asf", "mxf"})
_DOLBY_ONLY_PROFILE = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Packets:
    """One stream's packets as the demuxer gives them, timed from the container's start.

    `end_s` is where the last packet's content ends. `median_interval_s`, `short_interval_s`
    and `long_interval_s` (10th and 90th percentile) describe the distances of successive
    presentation times, `longest_gop_s` those of keyframes. All are None where the packets carry no
    times (raw streams), and `times_s` (presentation times, sorted) is empty then.
    """

    count: int
    start_s: float | None
    end_s: float | None
    median_interval_s: float | None = None
    short_interval_s: float | None = None
    long_interval_s: float | None = None
    longest_gop_s: float | None = None
    times_s: array[float] = field(default_factory=lambda: array("d"), repr=False)

    def count_between(self, start_s: float, end_s: float) -> int | None:
        """Count the packets that begin to show in [start_s, end_s); None where none is timed."""
        if not self.times_s:
            return None
        return bisect_left(self.times_s, end_s) - bisect_left(self.times_s, start_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoStream:
    """The picture to transcode. `width` and `height` are as coded, before rotation.

    `is_dolby_only`: Dolby Vision in colours of its own (profile 5), with no picture for others.
    """

    index: int
    codec: str
    width: int
    height: int
    sample_aspect_ratio: Fraction | None
    rotation_deg: int
    nominal_rate: Fraction | None
    average_rate: Fraction | None
    pixel_format: str | None
    color_space: str | None
    color_transfer: str | None
    color_primaries: str | None
    color_range: str | None
    is_dolby_only: bool
    packets: Packets


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioStream:
    """The sound to transcode."""

    index: int
    codec: str
    channels: int | None
    sample_rate_hz: int | None
    language: str | None
    packets: Packets


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """A source with a picture. `origin_s` is the container's start, t=0 of the timeline."""

    container: str
    origin_s: Fraction
    promised_s: float | None
    video: VideoStream
    audio: AudioStream | None

    @property
    def duration_s(self) -> float | None:
        """Where the last picture or sound ends, from the origin; None where nothing is timed."""
        ends = [s.packets.end_s for s in (self.video, self.audio) if s is not None]
        return max((end for end in ends if end is not None), default=None)


@dataclass(slots=True)
class PacketTally:
    """Builds `Packets` one packet at a time; 8 bytes a packet, 16 a keyframe."""

    origin_s: float
    times_s: array[float] = field(default_factory=lambda: array("d"))
    key_times_s: array[float] = field(default_factory=lambda: array("d"))
    count: int = 0
    end_s: float | None = None

    def add(self, pts_s: float | None, duration_s: float | None, *, is_key: bool) -> None:
        """Count a packet that will be shown or heard."""
        self.count += 1
        if pts_s is None:
            return
        at_s = pts_s - self.origin_s
        self.times_s.append(at_s)
        if is_key:
            self.key_times_s.append(at_s)
        end_s = at_s + (duration_s or 0.0)
        self.end_s = end_s if self.end_s is None else max(self.end_s, end_s)

    def packets(self) -> Packets:
        """Return what was counted."""
        times = array("d", sorted(self.times_s))
        steps = sorted(b - a for a, b in pairwise(times) if b > a)
        return Packets(
            count=self.count,
            start_s=times[0] if times else None,
            end_s=self.end_s,
            median_interval_s=_percentile(steps, 0.5),
            short_interval_s=_percentile(steps, 0.1),
            long_interval_s=_percentile(steps, 0.9),
            longest_gop_s=self._longest_gop_s(times),
            times_s=times,
        )

    def _longest_gop_s(self, times: Sequence[float]) -> float | None:
        if not times:
            return None
        bounds = [times[0], *sorted(self.key_times_s), times[-1]]
        return max(b - a for a, b in pairwise(bounds))


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[int(share * (len(ordered) - 1))] if ordered else None


def choose_streams(
    streams: Iterable[Mapping[str, Any]],
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """Choose the picture and the sound among ffprobe's streams: the default one, else the first.

    Cover art (an attached picture) is not a video.
    """
    usable = [s for s in streams if s.get("codec_name") not in (None, "unknown")]
    pictures = [
        s
        for s in usable
        if s.get("codec_type") == "video"
        and not s.get("disposition", {}).get("attached_pic")
        and s.get("width")
        and s.get("height")
    ]
    sounds = [s for s in usable if s.get("codec_type") == "audio" and s.get("channels")]
    return _default_or_first(pictures), _default_or_first(sounds)


def _default_or_first(streams: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    defaults = [s for s in streams if s.get("disposition", {}).get("default")]
    return next(iter(defaults or streams), None)


def video_stream(raw: Mapping[str, Any], packets: Packets) -> VideoStream:
    """Read a video stream from ffprobe's JSON (`-show_streams`)."""
    return VideoStream(
        index=int(raw["index"]),
        codec=str(raw["codec_name"]),
        width=int(raw["width"]),
        height=int(raw["height"]),
        sample_aspect_ratio=_ratio(raw.get("sample_aspect_ratio"), ":"),
        rotation_deg=_rotation(raw.get("side_data_list", ())),
        nominal_rate=_ratio(raw.get("r_frame_rate"), "/"),
        average_rate=_ratio(raw.get("avg_frame_rate"), "/"),
        pixel_format=raw.get("pix_fmt"),
        color_space=_known(raw.get("color_space")),
        color_transfer=_known(raw.get("color_transfer")),
        color_primaries=_known(raw.get("color_primaries")),
        color_range=_known(raw.get("color_range")),
        is_dolby_only=_is_dolby_only(raw.get("side_data_list", ())),
        packets=packets,
    )


def audio_stream(raw: Mapping[str, Any], packets: Packets) -> AudioStream:
    """Read an audio stream from ffprobe's JSON (`-show_streams`)."""
    language = raw.get("tags", {}).get("language")
    return AudioStream(
        index=int(raw["index"]),
        codec=str(raw["codec_name"]),
        channels=_positive(raw.get("channels")),
        sample_rate_hz=_positive(raw.get("sample_rate")),
        # It goes into a quoted attribute of the playlist: only a language code may pass.
        language=language
        if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", language or "") and language != "und"
        else None,
        packets=packets,
    )


def promised_duration_s(raw_format: Mapping[str, Any]) -> float | None:
    """Return the duration that the container records, None where it records none."""
    names = str(raw_format.get("format_name", "")).split(",")
    duration = raw_format.get("duration")
    if duration is None or _PROMISING_CONTAINERS.isdisjoint(names):
        return None
    return float(duration)


def _ratio(text: str | None, separator: str) -> Fraction | None:
    """Read `30000/1001` or `4:3`; ffprobe writes 0/0, 0:1 and the like for unknown."""
    if text is None:
        return None
    numerator, _, denominator = text.partition(separator)
    if not (numerator.isdigit() and denominator.isdigit()):
        return None
    if int(numerator) == 0 or int(denominator) == 0:
        return None
    return Fraction(int(numerator), int(denominator))


def _rotation(side_data: Iterable[Mapping[str, Any]]) -> int:
    for data in side_data:
        if "rotation" in data:
            return round(float(data["rotation"])) % 360
    return 0


def _is_dolby_only(side_data: Iterable[Mapping[str, Any]]) -> bool:
    """Read Dolby's configuration record: what the base layer is compatible with, 0 for nothing."""
    return any(
        data.get("dv_profile") == _DOLBY_ONLY_PROFILE
        or data.get("dv_bl_signal_compatibility_id") == 0
        for data in side_data
    )


def _known(value: str | None) -> str | None:
    return None if value in (None, "unknown", "unspecified", "reserved") else value


def _positive(value: object) -> int | None:
    number = int(str(value)) if str(value).isdigit() else 0
    return number or None
