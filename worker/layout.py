"""The published folder: names of its files, their media types and cache rules. Pure.

Everything below a run is named by what it is and a digest of its content, and written once. So two
jobs that make the same run cannot spoil each other's files: different bytes have different names.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# At the destination itself. These and KEEPER are the only files that are ever replaced.
MASTER = "master.m3u8"
MANIFEST = "manifest.json"
THUMBNAIL = "thumbnail.jpg"
STATUS = "status.json"
# Beside them, where a job failed: the keeper's own (ops/keeper), which no job reads.
KEEPER = "keeper.json"

# Below a run; the checkpoint alone is rewritten.
CHECKPOINT = "checkpoint.json"
# Below a run that several machines make, until it is published: what they share.
_PLAN = "plan.json"
_CHECKPOINT_OF_TEAM = re.compile(r"team-[0-9a-f]{8}/checkpoints/[0-9a-f]{32}\.json")
_STORYBOARD = "storyboard"
_REPORT = "report.html"
_CHAPTERS_TRACK = "chapters.vtt"

# Below a rendition.
AUDIO = "audio"
MEDIA_PLAYLIST = "index.m3u8"
IFRAME_PLAYLIST = "iframes.m3u8"
SEGMENT_SUFFIX = ".ts"
# As FFmpeg writes them to the work folder.
SEGMENT_PATTERN = f"%05d{SEGMENT_SUFFIX}"
_SUBTITLE_PATTERN = "%05d.vtt"
_OUTSIDE = "text-"

# 32 bits of an MD5: they distinguish the few contents that one name has had.
_DIGEST_CHARS = 8

_SEGMENT_NAME = re.compile(
    rf"(?P<rendition>[0-9a-z]+)/(?P<index>[0-9]{{5,9}})\.[0-9a-f]{{{_DIGEST_CHARS}}}"
    + re.escape(SEGMENT_SUFFIX)
)

_DIGEST = re.compile(rf"\.(?P<digest>[0-9a-f]{{{_DIGEST_CHARS}}})\.[0-9a-z]+$")
_RUN = re.compile("[0-9a-f]{16}")

_IMMUTABLE = "public, max-age=31536000, immutable"
_WEEK = "public, max-age=604800"
_NO_CACHE = "no-cache"
_JPEG = "image/jpeg"
_M3U8 = "application/vnd.apple.mpegurl"
_WEBVTT = "text/vtt"
# By the suffix of a download.
_DOWNLOADS = {"mp4": "video/mp4", "m4a": "audio/mp4"}
# What may stand in a quoted name of Content-Disposition and means itself everywhere.
_UNSAFE = re.compile(r"[^A-Za-z0-9._ -]")


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file to be stored: its key below the destination, and the headers it is served with."""

    key: str
    data: bytes
    content_type: str
    cache_control: str
    content_disposition: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LargeFile:
    """As `File`, where the content is on disk and may be larger than memory."""

    key: str
    path: Path
    bytes: int
    md5: str
    content_type: str
    cache_control: str
    content_disposition: str | None = None


def run_prefix(run: str) -> str:
    """Return the prefix of all keys below a run."""
    return f"{run}/"


def team_prefix(run: str, team: str) -> str:
    """Return the prefix of what the machines of a team record below a run.

    Its name is a digest: a job's ID may hold anything, `..` included.
    """
    return f"{run}/team-{md5_of(team.encode())[:_DIGEST_CHARS]}/"


def plan_key(run: str, team: str) -> str:
    """Return the key of the plan that the machines of a team share."""
    return f"{team_prefix(run, team)}{_PLAN}"


def claims_prefix(run: str, team: str) -> str:
    """Return the prefix of a team's claims."""
    return f"{team_prefix(run, team)}claims/"


def claim_key(run: str, team: str, share: str) -> str:
    """Return the key of the claim on a share of a run."""
    return f"{claims_prefix(run, team)}{share}.json"


def machines_prefix(run: str, team: str) -> str:
    """Return the prefix of the heartbeats of a team's machines."""
    return f"{team_prefix(run, team)}machines/"


def machine_key(run: str, team: str, owner: str) -> str:
    """Return the key of one machine's heartbeat."""
    return f"{machines_prefix(run, team)}{owner}.json"


def machine_checkpoint_key(run: str, team: str, owner: str) -> str:
    """Return the key of one machine's checkpoint."""
    return f"{team_prefix(run, team)}checkpoints/{owner}.json"


def is_machine_checkpoint(name: str) -> bool:
    """Whether a name below a run is that of one machine's checkpoint."""
    return _CHECKPOINT_OF_TEAM.fullmatch(name) is not None


def content_name(name: str, md5: str) -> str:
    """Add a digest of its content to a name: `index.m3u8` becomes `index.4f3a9c1e.m3u8`."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}{dot}{md5[:_DIGEST_CHARS]}{dot}{suffix}"


def digest_in(key: str) -> str | None:
    """Return the digest in the name of a file below a run; None where it has none."""
    match = _DIGEST.search(key)
    return match["digest"] if match else None


def is_run_name(name: str) -> bool:
    """Whether a folder's name is that of a run, as `worker.plan.digest` makes them."""
    return _RUN.fullmatch(name) is not None


def md5_of(data: bytes) -> str:
    """Return the MD5 of a content, in hexadecimal."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def outside_name(language: str) -> str:
    """Name the rendition of subtitles from outside in a language; the upload's own have numbers."""
    return f"{_OUTSIDE}{language.lower()}"


def is_outside(rendition: str) -> bool:
    """Whether a rendition is one of subtitles from outside."""
    return rendition.startswith(_OUTSIDE)


def segment_name(rendition: str, index: int, md5: str) -> str:
    """Name a segment below its run."""
    return f"{rendition}/{content_name(SEGMENT_PATTERN % index, md5)}"


def read_segment_name(name: str) -> tuple[str, int] | None:
    """Read rendition and index of a segment's name below its run; None where it is none."""
    match = _SEGMENT_NAME.fullmatch(name)
    return (match["rendition"], int(match["index"])) if match else None


def subtitle_segment_name(rendition: str, index: int, md5: str) -> str:
    """Name a segment of a subtitle rendition below its run."""
    return f"{rendition}/{content_name(_SUBTITLE_PATTERN % index, md5)}"


def file_name(key: str) -> str:
    """Return the last part of a key, as a playlist or track beside the file names it."""
    return key.rpartition("/")[2]


def segment_file(key: str, data: bytes) -> File:
    """Make a segment, under its own name."""
    return File(key=key, data=data, content_type="video/mp2t", cache_control=_IMMUTABLE)


def playlist_file(run: str, rendition: str, name: str, text: str) -> File:
    """Make a rendition's playlist; its key is also its path from the master playlist."""
    return _addressed(f"{run}/{rendition}/{name}", text.encode(), _M3U8)


def master_file(text: str) -> File:
    """Make the master playlist, which the next run replaces."""
    return File(key=MASTER, data=text.encode(), content_type=_M3U8, cache_control=_NO_CACHE)


def subtitle_file(run: str, rendition: str, index: int, text: str) -> File:
    """Make a WebVTT segment of a subtitle rendition."""
    return _addressed(f"{run}/{rendition}/{_SUBTITLE_PATTERN % index}", text.encode(), _WEBVTT)


def sheet_file(run: str, index: int, data: bytes) -> File:
    """Make a storyboard sheet."""
    return _addressed(f"{run}/{_STORYBOARD}/sheet-{index:03d}.jpg", data, _JPEG)


def storyboard_file(run: str, track: str) -> File:
    """Make the storyboard's WebVTT track, which names the sheets beside it."""
    return _addressed(f"{run}/{_STORYBOARD}/index.vtt", track.encode(), _WEBVTT)


def chapters_file(run: str, track: str) -> File:
    """Make the chapters' WebVTT track."""
    return _addressed(f"{run}/{_CHAPTERS_TRACK}", track.encode(), _WEBVTT)


def choice_file(run: str, index: int, data: bytes) -> File:
    """Make one of the thumbnails to choose from."""
    return _addressed(f"{run}/thumbnails/{index}.jpg", data, _JPEG)


def report_file(run: str, page: str) -> File:
    """Make a run's report, a page for people."""
    return _addressed(f"{run}/{_REPORT}", page.encode(), "text/html; charset=utf-8")


def download_file(
    run: str, suffix: str, path: Path, *, size: int, md5: str, title: str
) -> LargeFile:
    """Make a download; browsers save it under `title` (RFC 6266)."""
    name = f"{title}.{suffix}"
    plain, encoded = _UNSAFE.sub("_", name), quote(name, safe="")
    extended = "" if plain == name else f"; filename*=UTF-8''{encoded}"
    return LargeFile(
        key=content_name(f"{run}/download.{suffix}", md5),
        path=path,
        bytes=size,
        md5=md5,
        content_type=_DOWNLOADS[suffix],
        cache_control=_IMMUTABLE,
        content_disposition=f'attachment; filename="{plain}"{extended}',
    )


def thumbnail_file(data: bytes) -> File:
    """Make the destination's thumbnail, which the next run replaces."""
    return File(key=THUMBNAIL, data=data, content_type=_JPEG, cache_control=_WEEK)


def json_file(key: str, data: bytes) -> File:
    """Make a record, which is never cached."""
    return File(key=key, data=data, content_type="application/json", cache_control=_NO_CACHE)


def _addressed(key: str, data: bytes, content_type: str) -> File:
    return File(
        key=content_name(key, md5_of(data)),
        data=data,
        content_type=content_type,
        cache_control=_IMMUTABLE,
    )
