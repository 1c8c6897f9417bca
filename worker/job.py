"""A job's parameters: one table of options, validated and frozen."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from worker.location import HttpsLocation, LocalLocation, Location, S3Location, parse_location

ENVIRONMENT_PREFIX = "WORKER_"
BATCH_JOB_ID = "AWS_BATCH_JOB_ID"
# What other SDKs read, and boto3 does not.
AWS_REGION = "AWS_REGION"

# An S3 key has 1,024; the rest is for `<run>/1080p/00000.ts` and what else lies below.
_MAX_PREFIX_BYTES = 900
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Preset = Literal[
    "auto", "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"
]


def _split_ladder(value: object) -> object:
    if not isinstance(value, str) or value == "auto":
        return value
    return [part.strip() for part in value.split(",")]


def _to_location(value: object) -> object:
    return parse_location(value) if isinstance(value, str) else value


Place = Annotated[Location, BeforeValidator(_to_location)]
Heights = Annotated[
    tuple[Annotated[int, Field(ge=2, le=4320)], ...], Field(min_length=1, max_length=8)
]
Ladder = Annotated[Literal["auto"] | Heights, BeforeValidator(_split_ladder)]


class Job(BaseModel):
    """One job, validated and frozen. Each field is `--its-name` and `WORKER_ITS_NAME`.

    A unit suffix is not part of an option's name: `time_limit_s` is `--time-limit`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: Place = Field(
        description="the upload: s3://bucket/key, an https:// (presigned) URL, or a local file",
        json_schema_extra={"metavar": "S"},
    )
    destination: Place = Field(
        description="where the HLS folder goes: s3://bucket/prefix or a local folder",
        json_schema_extra={"metavar": "D"},
    )
    job_id: str = Field(
        default_factory=lambda: uuid.uuid4().hex,
        pattern=r"^[A-Za-z0-9_.:-]{1,128}$",
        description=f"name of this job in logs and status.json (default: {BATCH_JOB_ID} or random)",
        json_schema_extra={"metavar": "ID"},
    )
    time_limit_s: float = Field(
        14400,
        gt=0,
        le=7 * 86400,
        description="seconds this job may take; it stops by itself, checkpointed, before that",
        json_schema_extra={"metavar": "SECONDS"},
    )
    ladder: Ladder = Field(
        "auto",
        description="rung heights (of the short side), comma-separated; the source is never"
        " scaled up, and the first rung is the source's own size where that is smaller; auto:"
        " 1080,720,480 without those that a sample shows to be hardly lighter than the next",
        json_schema_extra={"metavar": "H,H,…"},
    )
    max_frame_rate: float = Field(
        30,
        ge=1,
        le=120,
        description="frames per second at most; a faster source is divided evenly",
        json_schema_extra={"metavar": "FPS"},
    )
    copy_top: Literal["auto", "always", "never"] = Field(
        "auto",
        description="take the source's own H.264 as the top rung where it is fit for that; auto:"
        " where a sample also shows that an encode would hardly be lighter",
    )
    preset: Preset = Field("auto", description="x264 preset; auto chooses")
    segment_s: float = Field(
        6,
        ge=1,
        le=20,
        description="segment length, rounded to whole frames",
        json_schema_extra={"metavar": "SECONDS"},
    )
    parallel_spans: Annotated[int, Field(ge=1, le=16)] | Literal["auto"] = Field(
        "auto",
        description="FFmpeg processes at a time, each with its own memory; auto: one a core, of a"
        " video that is long enough",
        json_schema_extra={"metavar": "N"},
    )
    audio_language: str | None = Field(
        None,
        pattern=r"^[A-Za-z]{2,3}$",
        description="language of the sound to take where there are several (ko, en); default: the"
        " upload's own choice",
        json_schema_extra={"metavar": "CODE"},
    )
    loudness: Annotated[float, Field(ge=-36, le=-8)] | Literal["off"] = Field(
        "off",
        description="bring the sound to this loudness (EBU R128), -16 for example, or off",
        json_schema_extra={"metavar": "LUFS"},
    )
    chapters: bool = Field(
        default=False,
        description="find slide changes and publish them as chapters (WebVTT, manifest.json)",
    )
    allow_truncated: bool = Field(
        default=False, description="publish what is there of an upload that is cut short"
    )
    max_duration_s: float = Field(
        43_200,
        gt=0,
        # MPEG-TS times are 33 bits at 90 kHz, 95,443 s, and segments start at 10 s.
        le=95_000,
        description="longest video that is taken, 26.4 hours at most",
        json_schema_extra={"metavar": "SECONDS"},
    )
    max_source_gib: float = Field(
        64,
        gt=0,
        le=4096,
        description="largest upload that is taken",
        json_schema_extra={"metavar": "GIB"},
    )
    allow_private_sources: bool = Field(
        default=False,
        description="take an https source from an address that is not on the internet (this"
        " machine, its network)",
    )
    s3_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+/?$",
        description="URL of an S3-compatible store (R2, MinIO, …); default: AWS",
        json_schema_extra={"metavar": "URL"},
    )
    s3_region: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]{2,32}$",
        description="region of the buckets (R2: auto); default: that of AWS",
        json_schema_extra={"metavar": "REGION"},
    )
    aws_region: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]{2,32}$",
        description=f"region of AWS; default: {AWS_REGION}, or as AWS configures it",
        json_schema_extra={"metavar": "REGION"},
    )
    work_dir: Path | None = Field(
        None,
        description="folder for the source and unfinished segments; default: a temporary folder",
        json_schema_extra={"metavar": "DIR"},
    )
    upload_threads: int = Field(
        8,
        ge=1,
        le=64,
        description="uploads (and download ranges) at a time",
        json_schema_extra={"metavar": "N"},
    )
    stall_timeout_s: float = Field(
        180,
        ge=1,
        le=3600,
        description="seconds without any progress after which FFmpeg is killed",
        json_schema_extra={"metavar": "SECONDS"},
    )
    ffmpeg: str = Field(
        "ffmpeg", description="the ffmpeg to run", json_schema_extra={"metavar": "PATH"}
    )
    ffprobe: str = Field(
        "ffprobe", description="the ffprobe to run", json_schema_extra={"metavar": "PATH"}
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least important events to log"
    )
    log_format: Literal["auto", "json", "human"] = Field(
        "auto", description="auto: human on a terminal, JSON lines elsewhere"
    )
    cloudwatch: Literal["auto", "on", "off"] = Field(
        "auto", description=f"send logs to CloudWatch; auto: where {BATCH_JOB_ID} is set"
    )
    log_group: str = Field(
        "/aws/batch/academy-video-worker",
        pattern=r"^[A-Za-z0-9_./#-]{1,512}$",
        description="CloudWatch log group; it must exist",
        json_schema_extra={"metavar": "NAME"},
    )
    report: bool = Field(
        default=False, description="also write report.html, for a person, into the run"
    )
    plan_only: bool = Field(
        default=False, description="print the plan as JSON and stop; nothing is written"
    )

    @field_validator("source")
    @classmethod
    def _source_is_an_object(cls, value: Location) -> Location:
        if isinstance(value, S3Location) and not value.key:
            raise ValueError("names a bucket but no object; write s3://bucket/key")
        return value

    @field_validator("destination")
    @classmethod
    def _destination_is_a_store(cls, value: Location) -> Location:
        if isinstance(value, HttpsLocation):
            raise ValueError(  # noqa: TRY004 (pydantic gathers ValueErrors, not TypeErrors)
                "cannot be an https URL; write s3://bucket/prefix or a local folder"
            )
        if isinstance(value, S3Location) and not value.key:
            raise ValueError("names a bucket but no prefix; write s3://bucket/prefix")
        if isinstance(value, S3Location) and (
            not {"", ".", ".."}.isdisjoint(value.key.split("/")) or _CONTROL.search(value.key)
        ):
            # A player or CDN would resolve such parts, and look elsewhere.
            raise ValueError("has empty, . or .. parts, or control characters; name a plain prefix")
        if isinstance(value, S3Location) and len(value.key.encode()) > _MAX_PREFIX_BYTES:
            raise ValueError(f"the prefix is longer than {_MAX_PREFIX_BYTES} bytes")
        if isinstance(value, LocalLocation) and _is_file(value.path):
            raise ValueError(f"{value.path} is a file; name a folder")
        return value


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise ValueError(f"cannot be used: {error.strerror}") from error


def option_name(field: str) -> str:
    """Command-line name of a field of `Job`: `time_limit_s` → `--time-limit`."""
    return "--" + field.removesuffix("_s").replace("_", "-")


def variable_name(field: str) -> str:
    """Environment variable of a field of `Job`: `time_limit_s` → `WORKER_TIME_LIMIT`."""
    return ENVIRONMENT_PREFIX + field.removesuffix("_s").upper()
