"""The still pictures and chapters that are published beside a run's renditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from worker.chapters import Chapter
from worker.files import File
from worker.storyboard import sheet_name
from worker.upload import IMMUTABLE

THUMBNAIL = "thumbnail.jpg"
_JPEG, _TEXT = "image/jpeg", "text/vtt"
_WEEK = "public, max-age=604800"
_STORYBOARD, _CHAPTERS = "storyboard/index.vtt", "chapters.vtt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """What was made of a run's pictures.

    `thumbnails` are JPEGs to choose from, the best first: at least one. `storyboard` and
    `chapters_track` are WebVTT; empty where there is none.
    """

    thumbnails: tuple[bytes, ...]
    sheets: tuple[bytes, ...] = ()
    storyboard: str = ""
    chapters: tuple[Chapter, ...] = ()
    chapters_track: str = ""


def gallery_files(run: str, gallery: Gallery) -> Iterator[File]:
    """Name all of it that lies in the run's folder."""
    for i, sheet in enumerate(gallery.sheets):
        yield _file(run, f"storyboard/{sheet_name(i)}", sheet)
    if gallery.storyboard:
        yield _file(run, _STORYBOARD, gallery.storyboard.encode())
    if gallery.chapters_track:
        yield _file(run, _CHAPTERS, gallery.chapters_track.encode())
    for i, thumbnail in enumerate(gallery.thumbnails):
        yield _file(run, _thumbnail_name(i), thumbnail)


def face_file(gallery: Gallery) -> File:
    """Name the best thumbnail, which stands for the whole video at the destination's root."""
    return File(key=THUMBNAIL, data=gallery.thumbnails[0], content_type=_JPEG, cache_control=_WEEK)


def _file(run: str, name: str, data: bytes) -> File:
    kind = _JPEG if name.endswith(".jpg") else _TEXT
    return File(key=f"{run}/{name}", data=data, content_type=kind, cache_control=IMMUTABLE)


def describe_gallery(run: str, gallery: Gallery) -> dict[str, Any]:
    """Tell, for the manifest, what of it there is."""
    described: dict[str, Any] = {
        "thumbnails": [f"{run}/{_thumbnail_name(i)}" for i in range(len(gallery.thumbnails))]
    }
    if gallery.storyboard:
        described["storyboard"] = f"{run}/{_STORYBOARD}"
    if gallery.chapters:
        described["chapters_track"] = f"{run}/{_CHAPTERS}"
        described["chapters"] = [
            {"start_s": chapter.start_ms / 1000, "title": chapter.title}
            for chapter in gallery.chapters
        ]
    return described


def _thumbnail_name(index: int) -> str:
    return f"thumbnails/{index}.jpg"
