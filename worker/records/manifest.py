"""manifest.json: what was published, for other programs and for the next job."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from worker.records.base import Record
from worker.records.job import ClipRecord, JobRecord

Kind = Literal["video", "audio", "subtitles"]


class RenditionRecord(Record):
    """A rung, the audio or subtitles. Sizes, rates and checksums are those of its segments."""

    name: str = Field(description="Name of its folder below the run.")
    kind: Kind
    width: int | None = None
    height: int | None = None
    codec: str | None = Field(default=None, description="RFC 6381 string, as in the bitstream.")
    language: str | None = None
    playlists: tuple[str, ...] = Field(
        default=(), description="Names below that folder: the media playlist, that of key frames."
    )
    segments: int
    bytes: int
    duration_s: float | None = None
    peak_bps: int | None = None
    average_bps: int | None = None
    md5: tuple[str, ...] = Field(default=(), description="Of each segment, in order; named by it.")


class EncryptionRecord(Record):
    """How the segments of video and audio are encrypted."""

    method: str = Field(description="As in EXT-X-KEY.")
    key_id: str = Field(description="Names the key, which is derived from it: docs/encryption.md.")
    key_uri: str = Field(description="Where players request the key.")


class ChapterRecord(Record):
    """A chapter's start and title."""

    start_s: float
    title: str


class DownloadRecord(Record):
    """One file beside the HLS, for viewers who watch without a connection. It is clear."""

    format: Literal["mp4", "m4a"]
    key: str
    bytes: int
    md5: str = Field(description="Of its content; the file is named by it.")
    etag: str = Field(description="As the store answered: where it was stored in parts, no MD5.")
    content_type: str


class SourceVideoRecord(Record):
    """The source's video track, before rotation."""

    codec: str
    width: int
    height: int
    rotation_deg: int
    is_interlaced: bool
    frame_rate: str | None = Field(
        description="Average frames per second as a fraction: `30000/1001`."
    )
    pixel_format: str | None
    color_space: str | None
    color_transfer: str | None
    color_range: str | None


class SourceAudioRecord(Record):
    """The source's audio track."""

    codec: str
    channels: int
    sample_rate_hz: int


class SourceRecord(Record):
    """What was uploaded; of several parts the first, with the bytes of all."""

    container: str
    bytes: int
    duration_s: float | None
    video: SourceVideoRecord | None = Field(description="None of audio alone.")
    audio: SourceAudioRecord | None


class PartRecord(Record):
    """One of the files that an upload is joined of."""

    source: str = Field(description="Location of the file; the query of a URL is left out.")
    name: str = Field(description="Its name without the ending: the title of a chapter.")
    identity: str = Field(description="Names its very content.")
    start_s: float | None = Field(
        default=None,
        description="Where it begins in the video; null where a clip leaves it out.",
    )
    duration_s: float | None = Field(
        default=None, description="How long it is shown; null where a clip leaves it out."
    )
    media: SourceRecord | None = None


class ManifestRecord(Record):
    """What is published at a destination. Paths are relative to it."""

    # 2: names below a run had no digests, and its storyboard and subtitles no checksums.
    schema_version: Literal[2, 3] = 3
    run: str = Field(description="Folder of the published files.")
    previous_run: str | None = Field(
        description="The run that was published before; it stays until the next publish."
    )
    master_md5: str | None = Field(
        default=None, description="MD5 of the master playlist that was published with it."
    )
    request: str = Field(
        description="Digest of the source's identity, of the options that change the output, of"
        " the subtitles from outside, and of the downloads."
    )
    video_request: str | None = Field(
        default=None,
        description="As `request`, without the subtitles from outside and the downloads.",
    )
    source: str = Field(
        description="Location of the source, or of its first part; the query of a URL is left out."
    )
    source_identity: str = Field(
        description="Names the source's very content: of several parts the list of their identities"
        " as JSON."
    )
    source_media: SourceRecord | None = None
    parts: tuple[PartRecord, ...] = Field(
        default=(), description="The files that are joined, in order, where there are several."
    )
    clip: ClipRecord | None = Field(
        default=None, description="What of the source is published, where that is not all."
    )
    job_id: str
    tags: dict[str, str] = Field(default={}, description="As `--tag` gave them to that job.")
    academy: str | None = Field(
        default=None, description="The academy that the job counted for; null where none was named."
    )
    published_at: str
    worker: str = Field(description="Version of the worker.")
    ffmpeg: str = Field(description="Version line of FFmpeg.")
    job: JobRecord
    duration_s: float
    frame_rate: str | None = Field(
        description="Frames per second as a fraction; null of audio alone, which has no rungs."
    )
    presets: tuple[str, ...]
    missing_rungs: tuple[str, ...] = Field(
        description="Rungs that were given up for lack of time, or are still to come"
        " (`--publish-when first-rung`); the same job submitted again adds them."
    )
    renditions: tuple[RenditionRecord, ...]
    encryption: EncryptionRecord | None = Field(
        default=None, description="None where the segments are clear."
    )
    thumbnails: tuple[str, ...] = Field(default=(), description="The best first.")
    storyboard: str | None = None
    sheets: tuple[str, ...] = Field(default=(), description="Images that the storyboard names.")
    chapters_track: str | None = None
    report: str | None = None
    downloads: tuple[DownloadRecord, ...] = ()
    chapters: tuple[ChapterRecord, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The locations of all parts, in order; mostly of one."""
        return tuple(part.source for part in self.parts) or (self.source,)
