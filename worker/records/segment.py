"""A segment as it stands in the store. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from worker.layout import segment_name


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One segment of one rendition, as it was read before it was stored.

    Ticks are of 90 kHz from the timeline's zero; `etag` is what the store answered. `preset` is
    None where it is not recorded, and for audio. A rung's `frames` are fewer than the grid's where
    duplicates were dropped. Its first `key_bytes` are its first frame, which decodes alone; the
    largest of the other frames, of `jump_bytes`, is shown at `jump_ticks`. Audio has neither. The
    audio that is muxed with a rung's frames lasts from `audio_start_ticks` to `audio_end_ticks`.

    `bytes`, `md5` and `etag` are of what is stored; `iv`, in hex, is that of its encryption, and
    empty where there is none. All else is of the clear segment.
    """

    rendition: str
    index: int
    bytes: int
    md5: str
    codec: str
    frames: int
    start_ticks: int
    end_ticks: int
    key_bytes: int | None = None
    jump_ticks: int | None = None
    jump_bytes: int = 0
    audio_start_ticks: int | None = None
    audio_end_ticks: int | None = None
    etag: str = ""
    preset: str | None = None
    iv: str = ""

    @property
    def name(self) -> str:
        """Path below the run."""
        return segment_name(self.rendition, self.index, self.md5)
