"""The files of a run's images and chapters, and their entries in the manifest. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from worker.images.model import ImageSet
from worker.layout import (
    CHAPTERS_TRACK,
    STORYBOARD_TRACK,
    File,
    image_file,
    sheet_key,
    thumbnail_key,
    webvtt_file,
)
from worker.records.manifest import ChapterRecord


def image_files(run: str, images: ImageSet) -> Iterator[File]:
    """Yield all of it that lies in the run's folder."""
    for i, sheet in enumerate(images.sheets):
        yield image_file(sheet_key(run, i), sheet)
    if images.storyboard:
        yield webvtt_file(f"{run}/{STORYBOARD_TRACK}", images.storyboard)
    if images.chapters_track:
        yield webvtt_file(f"{run}/{CHAPTERS_TRACK}", images.chapters_track)
    for i, thumbnail in enumerate(images.thumbnails):
        yield image_file(thumbnail_key(run, i), thumbnail)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageEntries:
    """What the manifest says of images and chapters."""

    thumbnails: tuple[str, ...]
    storyboard: str | None
    chapters_track: str | None
    chapters: tuple[ChapterRecord, ...]


def image_entries(run: str, images: ImageSet) -> ImageEntries:
    """Describe what there is of images and chapters."""
    return ImageEntries(
        thumbnails=tuple(thumbnail_key(run, i) for i in range(len(images.thumbnails))),
        storyboard=f"{run}/{STORYBOARD_TRACK}" if images.storyboard else None,
        chapters_track=f"{run}/{CHAPTERS_TRACK}" if images.chapters_track else None,
        chapters=tuple(
            ChapterRecord(start_s=chapter.start_ms / 1000, title=chapter.title)
            for chapter in images.chapters
        ),
    )
