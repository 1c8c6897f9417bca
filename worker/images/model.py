"""The images and chapters that are published beside a run's renditions. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from worker.images.chapters import Chapter


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSet:
    """What was made of a run's frames.

    `thumbnails` are JPEGs to choose from, the best first: at least one. `storyboard` and
    `chapters_track` are WebVTT; empty where there is none.
    """

    thumbnails: tuple[bytes, ...]
    sheets: tuple[bytes, ...] = ()
    storyboard: str = ""
    chapters: tuple[Chapter, ...] = ()
    chapters_track: str = ""
