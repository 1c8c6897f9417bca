"""Callbacks: what a job reports to the backend by POSTs, one record for each event.

The form is that which Standard Webhooks recommends: `type`, `timestamp` and `data`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from worker.records.base import Record
from worker.records.job import ClipRecord, Outcome


class CallbackData(Record):
    """What every event says of its job."""

    job_id: str
    started_at: str = Field(
        description="When this attempt began: with `job_id` it names the attempt."
    )
    sequence: int = Field(
        description="Rises with each event of an attempt. A number is missing where a newer"
        " video.progress replaced one that waited."
    )
    source: str | None = Field(
        description="Location of the source, or of its first part; the query of a URL is left out."
        " Null where the job's parameters cannot be read."
    )
    parts: tuple[str, ...] = Field(
        default=(), description="Where several files are joined: the locations of all, in order."
    )
    clip: ClipRecord | None = Field(
        default=None, description="What of it is published, where that is not all."
    )
    destination: str | None
    tags: dict[str, str] = Field(description="As `--tag` gave them.")


class StartedData(CallbackData):
    """The job has its destination, and begins."""

    worker: str = Field(description="Version of the worker.")
    time_limit_s: float


class ProgressData(CallbackData):
    """How far the job is, as in status.json."""

    step: str
    percent: float
    seconds_left: int | None


class RungRecord(Record):
    """A published rung."""

    name: str
    width: int | None
    height: int | None
    codec: str | None = Field(description="RFC 6381 string.")
    bytes: int
    average_bps: int | None
    peak_bps: int | None


class PublishedData(CallbackData):
    """What viewers have now."""

    run: str
    already_published: bool = Field(
        description="The same source was published before with the same options; nothing was made."
    )
    master: str = Field(description="Location of what players load.")
    thumbnail: str
    manifest: str
    duration_s: float
    bytes: int = Field(description="Of all segments of all renditions.")
    rungs: tuple[RungRecord, ...]
    missing_rungs: tuple[str, ...] = Field(
        description="Given up for lack of time, or still to come (`--publish-when first-rung`); the"
        " same job submitted again adds them."
    )
    downloads: tuple[str, ...] = Field(
        default=(), description="Locations of the files to be downloaded (`--download`)."
    )


class FailedData(CallbackData):
    """How the job ended without publishing."""

    outcome: Outcome = Field(description="As in status.json.")


class CallbackRecord(Record):
    """One event. `timestamp` is when it happened; that of an attempt to deliver is a header."""

    _indent: ClassVar[int | None] = None

    schema_version: Literal[1] = 1
    type: str
    timestamp: str
    data: CallbackData


class StartedRecord(CallbackRecord):
    """The job has its destination, and begins."""

    type: Literal["video.started"] = "video.started"
    data: StartedData


class ProgressRecord(CallbackRecord):
    """How far the job is; two a minute at most, and none is delivered twice."""

    type: Literal["video.progress"] = "video.progress"
    data: ProgressData


class PublishedRecord(CallbackRecord):
    """Viewers have the video."""

    type: Literal["video.published"] = "video.published"
    data: PublishedData


class CompletedRecord(CallbackRecord):
    """Viewers have all rungs of a video of which this job had published the lowest one."""

    type: Literal["video.completed"] = "video.completed"
    data: PublishedData


class FailedRecord(CallbackRecord):
    """The job ended without publishing."""

    type: Literal["video.failed"] = "video.failed"
    data: FailedData


class UndeliveredRecord(Record):
    """A callback that the receiver did not accept in time."""

    type: str
    id: str = Field(description="What its header webhook-id was.")
    reason: str
