"""What a report shows, as plain values. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from worker.records.job import ClipRecord, ReplanReason, WarningRecord
from worker.records.manifest import ChapterRecord, DownloadRecord, EncryptionRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Something that holds from `start_s` to `end_s`."""

    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate(Stretch):
    """A segment's bit rate."""

    bps: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetStretch(Stretch):
    """Successive segments of one preset; empty where it is not recorded."""

    preset: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed(Stretch):
    """How many times real time was encoded, between two moments of the job."""

    times: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendition:
    """A rung, the audio or subtitles. Rates of segments are empty where they are not recorded."""

    name: str
    playlist: str
    kind: str
    width: int | None
    height: int | None
    codec: str | None
    language: str | None
    bytes: int
    average_bps: int | None
    peak_bps: int | None
    duration_s: float | None
    segments: int
    rates: tuple[Rate, ...]
    presets: tuple[PresetStretch, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replan:
    """A change that the forecast called for, `at_s` of the job."""

    at_s: float
    before: str
    after: str
    reason: ReplanReason
    needed_s: float | None
    remaining_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceVideo:
    """The video track that came in. Unknown is None."""

    codec: str
    width: int
    height: int
    rotation_deg: int
    is_interlaced: bool
    rate: str | None
    pixel_format: str | None
    color: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What came in. Unknown is None; so is the video of audio alone."""

    container: str
    bytes: int | None
    duration_s: float | None
    video: SourceVideo | None
    audio_codec: str | None
    audio_channels: int | None
    audio_rate_hz: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcePart:
    """One of several files; None where a clip leaves it out."""

    name: str
    start_s: float | None
    duration_s: float | None
    source: Source | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """All that a report shows. `speeds`, `encode_s` and so on are of the job that published."""

    title: str
    run: str
    job_id: str
    published_at: str
    worker: str
    ffmpeg: str
    duration_s: float
    frame_rate: str | None
    renditions: tuple[Rendition, ...]
    missing_rungs: tuple[str, ...]
    encode_s: float | None
    speed: float | None
    segments: int | None
    segments_resumed: int | None
    speeds: tuple[Speed, ...]
    replans: tuple[Replan, ...]
    warnings: tuple[WarningRecord, ...]
    source: Source | None
    chapters: tuple[ChapterRecord, ...]
    thumbnails: tuple[str, ...]
    storyboard: str | None
    encryption: EncryptionRecord | None = None
    downloads: tuple[DownloadRecord, ...] = ()
    parts: tuple[SourcePart, ...] = ()
    clip: ClipRecord | None = None

    @property
    def rungs(self) -> tuple[Rendition, ...]:
        """The video renditions, the largest first."""
        return tuple(r for r in self.renditions if r.kind == "video")

    @property
    def audio(self) -> Rendition | None:
        """The audio rendition."""
        return next((r for r in self.renditions if r.kind == "audio"), None)

    @property
    def bytes(self) -> int:
        """What is published, without playlists and images."""
        return sum(rendition.bytes for rendition in self.renditions)
