"""The published folder: names of its files, their media types and cache rules. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# At the destination itself. These four are the only files that are ever replaced.
MASTER = "master.m3u8"
MANIFEST = "manifest.json"
THUMBNAIL = "thumbnail.jpg"
STATUS = "status.json"

# Below a run.
CHECKPOINT = "checkpoint.json"
REPORT = "report.html"
STORYBOARD_TRACK = "storyboard/index.vtt"
CHAPTERS_TRACK = "chapters.vtt"

# Below a rendition.
AUDIO = "audio"
MEDIA_PLAYLIST = "index.m3u8"
IFRAME_PLAYLIST = "iframes.m3u8"
SEGMENT_SUFFIX = ".ts"
SEGMENT_PATTERN = f"%05d{SEGMENT_SUFFIX}"

_IMMUTABLE = "public, max-age=31536000, immutable"
_WEEK = "public, max-age=604800"
_NO_CACHE = "no-cache"
_JPEG = "image/jpeg"


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file to be stored: its key below the destination, and the headers it is served with."""

    key: str
    data: bytes
    content_type: str
    cache_control: str


def run_prefix(run: str) -> str:
    """Return the prefix of all keys below a run."""
    return f"{run}/"


def segment_name(rendition: str, index: int) -> str:
    """Name a segment below its run."""
    return f"{rendition}/{SEGMENT_PATTERN % index}"


def subtitle_segment_name(index: int) -> str:
    """Name a segment of a subtitle rendition below that rendition."""
    return f"{index:05d}.vtt"


def sheet_name(index: int) -> str:
    """Name a storyboard sheet below the storyboard's folder."""
    return f"sheet-{index:03d}.jpg"


def sheet_key(run: str, index: int) -> str:
    """Return the key of a storyboard sheet."""
    return f"{run}/storyboard/{sheet_name(index)}"


def thumbnail_key(run: str, index: int) -> str:
    """Return the key of one of the thumbnails to choose from."""
    return f"{run}/thumbnails/{index}.jpg"


def playlist_path(run: str, rendition: str, name: str = MEDIA_PLAYLIST) -> str:
    """Return the key of a rendition's playlist, which is also its path from the master playlist."""
    return f"{run}/{rendition}/{name}"


def segment_file(key: str, data: bytes) -> File:
    """Make a segment: it is never replaced."""
    return File(key=key, data=data, content_type="video/mp2t", cache_control=_IMMUTABLE)


def playlist_file(key: str, text: str) -> File:
    """Make a playlist, which a later job may replace."""
    return File(
        key=key,
        data=text.encode(),
        content_type="application/vnd.apple.mpegurl",
        cache_control=_NO_CACHE,
    )


def webvtt_file(key: str, text: str) -> File:
    """Make a WebVTT segment or track of a run."""
    return File(key=key, data=text.encode(), content_type="text/vtt", cache_control=_IMMUTABLE)


def image_file(key: str, data: bytes) -> File:
    """Make an image of a run."""
    return File(key=key, data=data, content_type=_JPEG, cache_control=_IMMUTABLE)


def thumbnail_file(data: bytes) -> File:
    """Make the destination's thumbnail, which the next run replaces."""
    return File(key=THUMBNAIL, data=data, content_type=_JPEG, cache_control=_WEEK)


def report_file(run: str, page: str) -> File:
    """Make a run's report, a page for people."""
    return File(
        key=f"{run}/{REPORT}",
        data=page.encode(),
        content_type="text/html; charset=utf-8",
        cache_control=_NO_CACHE,
    )


def json_file(key: str, data: bytes) -> File:
    """Make a record, which is never cached."""
    return File(key=key, data=data, content_type="application/json", cache_control=_NO_CACHE)
