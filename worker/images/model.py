"""The images and chapters that are published beside a run's renditions. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from worker.images.chapters import Chapter
from worker.layout import File


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSet:
    """What was made of a run's frames, as files below it.

    `thumbnails` are JPEGs to choose from, the best first: at least one.
    """

    thumbnails: tuple[File, ...]
    sheets: tuple[File, ...] = ()
    storyboard: File | None = None
    chapters: tuple[Chapter, ...] = ()
    chapters_track: File | None = None

    def files(self) -> Iterator[File]:
        """Yield all of them."""
        yield from (*self.sheets, *self.thumbnails)
        yield from (track for track in (self.storyboard, self.chapters_track) if track)
