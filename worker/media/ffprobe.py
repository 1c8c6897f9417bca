"""Reads ffprobe's JSON (format, streams, programs) and chooses what to transcode. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from fractions import Fraction
from typing import Any

from worker.media.first_frame import FirstFrame, lag_s
from worker.media.frame_clock import read_clock
from worker.media.language import language_code, language_tag
from worker.media.orientation import UPRIGHT, read_orientation, read_rotation_deg
from worker.media.packets import Packets
from worker.media.streams import AudioStream, TextStream, VideoStream

Raw = Mapping[str, Any]
NO_FORMAT: Raw = {}

_UNDECLARING_CONTAINERS = frozenset({"flv", "mpeg"})
_SEEN_KINDS = frozenset({"audio", "video"})
_MPEG_CONTAINERS = frozenset({"mpegts", "mpeg"})
_ENCRYPTED_TAGS = frozenset({"encv", "enca", "drmi", "drms", "p608"})
# Of what packets carry where a container is encrypted (ISO/IEC 23001-7), whatever its tags are.
ENCRYPTED_PACKET = "Encryption info"
# ISO/IEC 23008-12, and AV1 Image File Format.
_IMAGE_BRANDS = frozenset(
    {"avif", "avis", "heic", "heim", "heis", "heix", "hevc", "hevx", "mif1", "msf1"}
)
# Those with messages (SEI) that say how a frame lies. FFmpeg's versions differ in whether it acts
# on them, as on EXIF data in the frames of other codecs; the container's matrix comes first.
_TURNING_CODECS = frozenset({"h264", "hevc"})
_INTERLACED = frozenset({"tt", "bb", "tb", "bt"})
# Subtitles that are text; the others are bitmaps.
_TEXT_CODECS = frozenset({"ass", "eia_608", "mov_text", "ssa", "subrip", "text", "webvtt"})
_STILLS = ("attached_pic", "still_image", "timed_thumbnails")
_SPECIAL_AUDIO = ("comment", "hearing_impaired", "visual_impaired")
_TITLE_CHARS = 60
_DOLBY_ONLY_PROFILE = 5


def video_tracks(streams: Iterable[Raw]) -> list[Raw]:
    """Return the tracks that may be the video: cover art and thumbnails are not."""
    return [s for s in _shown(streams) if not any(_is_disposed(s, still) for still in _STILLS)]


def cover_track(streams: Iterable[Raw]) -> int | None:
    """Return the index of the first image that is attached to audio; None without."""
    covers = (s for s in _shown(streams) if _is_disposed(s, "attached_pic"))
    return next((int(s["index"]) for s in covers), None)


def _shown(streams: Iterable[Raw]) -> list[Raw]:
    """Return the tracks that have something to show."""
    return [
        s
        for s in streams
        if s.get("codec_type") == "video" and _is_known(s) and s.get("width") and s.get("height")
    ]


def unknown_video(streams: Iterable[Raw]) -> str | None:
    """Return the tag (`vvc1`) of a video track whose codec FFmpeg does not know; None without."""
    tags = (
        str(s.get("codec_tag_string"))
        for s in streams
        if s.get("codec_type") == "video"
        and not _is_known(s)
        and not any(_is_disposed(s, still) for still in _STILLS)
    )
    # Bytes that are no letters are written as numbers.
    return next((tag if tag.isalnum() else "unknown" for tag in tags), None)


def audio_tracks(streams: Iterable[Raw]) -> list[Raw]:
    """Return the tracks that may be the audio."""
    return [
        s
        for s in streams
        if s.get("codec_type") == "audio"
        and _is_known(s)
        and _positive(s.get("channels"))
        and _positive(s.get("sample_rate"))
    ]


def may_begin_late(raw_format: Raw, streams: Iterable[Raw]) -> bool:
    """Whether a track may begin behind what FFmpeg has searched.

    It is declared, and nothing was read that says how it is decoded; or the container declares
    none, so that each is known by its first packet, and one kind is missing.
    """
    kinds, is_undescribed = set(), False
    for track in streams:
        kind = track.get("codec_type")
        kinds.add(kind)
        has_parameters = track.get("width") if kind == "video" else _positive(track.get("channels"))
        is_undescribed |= kind in _SEEN_KINDS and _is_known(track) and not has_parameters
    declares_none = not _UNDECLARING_CONTAINERS.isdisjoint(container_names(raw_format))
    return is_undescribed or (declares_none and not kinds >= _SEEN_KINDS)


def text_tracks(streams: Iterable[Raw]) -> list[Raw]:
    """Return the tracks of subtitles that are text."""
    return [
        s
        for s in streams
        if s.get("codec_type") == "subtitle" and s.get("codec_name") in _TEXT_CODECS
    ]


def choose_video(tracks: Sequence[Raw], counts: Mapping[int, int]) -> Raw | None:
    """Choose the default track, or else the largest; not a single frame where another one moves.

    `counts` maps stream indexes to their packets; an empty track is no video.
    """
    filled = [s for s in tracks if counts.get(s["index"])]
    moving = [s for s in filled if counts[s["index"]] > 1]
    return max(
        moving or filled,
        key=lambda s: (_is_disposed(s, "default"), s["width"] * s["height"], -s["index"]),
        default=None,
    )


def in_program_of(video: Raw | None, tracks: Sequence[Raw], programs: Iterable[Raw]) -> list[Raw]:
    """Return the tracks that belong to the video: those of its program, or of none.

    Without a video all of them.

    A broadcast carries several programs (ISO/IEC 13818-1, 2.4.4), each with a video of its own.
    """
    members = [{s["index"] for s in program.get("streams", ())} for program in programs]
    own = set().union(*(each for each in members if video and video["index"] in each))
    others = set().union(*members) - own
    return [s for s in tracks if not own or s["index"] not in others]


def rank_audio(
    tracks: Sequence[Raw], counts: Mapping[int, int], *, language: str | None
) -> list[Raw]:
    """Return the tracks that may be the audio, the best first.

    The language that is asked for comes first, then the default track, then the first. The others
    are of the same language and kind: commentary and tracks for the hearing or visually impaired
    are taken where there is nothing else.
    """
    wanted = None if language is None else language_tag(language)

    def kind(raw: Raw) -> tuple[bool, bool]:
        # Tags only where they are needed: reading their tables takes as long as a job's start.
        is_wanted = wanted is not None and language_tag(_language(raw) or "und") == wanted
        return is_wanted, not any(_is_disposed(raw, special) for special in _SPECIAL_AUDIO)

    ranked = sorted(
        (s for s in tracks if counts.get(s["index"])),
        key=lambda s: (*kind(s), _is_disposed(s, "default"), -s["index"]),
        reverse=True,
    )
    return [
        s for s in ranked if kind(s) == kind(ranked[0]) and _language(s) == _language(ranked[0])
    ]


def is_encrypted(streams: Iterable[Raw]) -> bool:
    """Whether a track is protected (DRM), so that only noise can be decoded."""
    return any(
        s.get("codec_tag_string") in _ENCRYPTED_TAGS
        or any("ncryption" in str(d.get("side_data_type")) for d in s.get("side_data_list", ()))
        for s in streams
    )


def is_still_image(raw_format: Raw, count: int) -> bool:
    """Whether a file of so many video packets is an image (HEIF, AVIF, GIF) that shows no motion.

    A video of one frame in another container is a video: one frame over minutes of audio.
    """
    brand = str(raw_format.get("tags", {}).get("major_brand", ""))
    return count == 1 and (brand in _IMAGE_BRANDS or "gif" in container_names(raw_format))


def is_mpeg_container(names: str) -> bool:
    """Whether a container is MPEG-TS or MPEG-PS, by ffprobe's names for it."""
    return not _MPEG_CONTAINERS.isdisjoint(names.split(","))


def video_stream(
    raw: Raw, packets: Packets, first: FirstFrame | None = None, raw_format: Raw = NO_FORMAT
) -> VideoStream:
    """Read a video track, its packets, and the first frame that can be decoded."""
    late_s = lag_s(first, packets, origin_s=float(raw_format.get("start_time", 0)))
    if "avi" not in container_names(raw_format):
        # FFmpeg's times of frames are right there, and the packets' are early.
        packets, late_s = packets.later(float(late_s)), Fraction(0)
    shape, turns = raw, raw.get("side_data_list", ())
    if first and (first.width, first.height) != (raw["width"], raw["height"]):
        # ffprobe reads on for some seconds, in which frames may change.
        shape = {f.name: getattr(first, f.name) for f in fields(first)}
    if first and raw["codec_name"] in _TURNING_CODECS and read_orientation(turns) is None:
        turns = first.side_data
    return VideoStream(
        index=int(raw["index"]),
        codec=str(raw["codec_name"]),
        profile=_known(raw.get("profile")),
        width=shape["width"],
        height=shape["height"],
        sample_aspect_ratio=_ratio(shape.get("sample_aspect_ratio"), ":"),
        rotation_deg=read_rotation_deg(turns),
        orientation=read_orientation(turns) or UPRIGHT,
        is_interlaced=raw.get("field_order") in _INTERLACED,
        nominal_rate=_ratio(raw.get("r_frame_rate"), "/"),
        average_rate=_ratio(raw.get("avg_frame_rate"), "/"),
        pixel_format=raw.get("pix_fmt"),
        color_space=_known(raw.get("color_space")),
        color_transfer=_known(raw.get("color_transfer")),
        color_primaries=_known(raw.get("color_primaries")),
        color_range=_known(raw.get("color_range")),
        is_dolby_only=_is_dolby_only(raw.get("side_data_list", ())),
        packets=packets,
        lag_s=late_s,
        clock=read_clock(packets.times_s, tick_s=float(_ratio(raw.get("time_base"), "/") or 0)),
    )


def audio_stream(raw: Raw, packets: Packets) -> AudioStream:
    """Read an audio track."""
    return AudioStream(
        index=int(raw["index"]),
        codec=str(raw["codec_name"]),
        channels=_positive(raw["channels"]) or 0,
        layout=_known(raw.get("channel_layout")),
        sample_rate_hz=_positive(raw["sample_rate"]) or 0,
        language=_language(raw),
        packets=packets,
    )


def text_stream(raw: Raw) -> TextStream:
    """Read a track of subtitles."""
    title = str(raw.get("tags", {}).get("title", ""))
    return TextStream(
        index=int(raw["index"]),
        codec=str(raw["codec_name"]),
        language=_language(raw),
        # It goes into a quoted attribute of the playlist.
        title=re.sub(r'["\x00-\x1f\x7f]', "", title).strip()[:_TITLE_CHARS] or None,
        is_forced=_is_disposed(raw, "forced"),
    )


def _language(raw: Raw) -> str | None:
    return language_code(str(raw.get("tags", {}).get("language", "")))


def container_names(raw_format: Raw) -> list[str]:
    """Return ffprobe's names for a container, of which each fits."""
    return str(raw_format.get("format_name", "")).split(",")


def _is_known(raw: Raw) -> bool:
    return raw.get("codec_name") not in (None, "unknown")


def _is_disposed(raw: Raw, disposition: str) -> bool:
    return bool(raw.get("disposition", {}).get(disposition))


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


def _is_dolby_only(side_data: Iterable[Raw]) -> bool:
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
