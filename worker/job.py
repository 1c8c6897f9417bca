"""A job's parameters: one table of options, read from the command line and the environment."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from worker import __version__
from worker.errors import BadParametersError
from worker.location import HttpsLocation, LocalLocation, Location, S3Location, parse_location

ENVIRONMENT_PREFIX = "WORKER_"
BATCH_JOB_ID = "AWS_BATCH_JOB_ID"
SELF_CHECK = "--self-check"
_MAX_VALUE_CHARS = 4096

Preset = Literal[
    "auto", "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"
]


def _split_ladder(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _to_location(value: object) -> object:
    return parse_location(value) if isinstance(value, str) else value


Place = Annotated[Location, BeforeValidator(_to_location)]
Rungs = Annotated[
    tuple[Annotated[int, Field(ge=2, le=4320)], ...],
    BeforeValidator(_split_ladder),
    Field(min_length=1, max_length=8),
]


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
    ladder: Rungs = Field(
        (1080, 720, 480),
        description="rung heights (of the short side), comma-separated; the source is never"
        " scaled up, and the first rung is the source's own size where that is smaller",
        json_schema_extra={"metavar": "H,H,…"},
    )
    max_frame_rate: float = Field(
        30,
        ge=1,
        le=120,
        description="frames per second at most; a faster source is divided evenly",
        json_schema_extra={"metavar": "FPS"},
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
        description="FFmpeg processes at a time, each on its part of the video; auto: as many as"
        " fill the cores (each takes its own memory)",
        json_schema_extra={"metavar": "N"},
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
        description="region of the buckets (R2: auto); default: as AWS configures it",
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
        if isinstance(value, LocalLocation) and value.path.is_file():
            raise ValueError(f"{value.path} is a file; name a folder")
        return value


def option_name(field: str) -> str:
    """Command-line name of a field of `Job`: `time_limit_s` → `--time-limit`."""
    return "--" + field.removesuffix("_s").replace("_", "-")


def variable_name(field: str) -> str:
    """Environment variable of a field of `Job`: `time_limit_s` → `WORKER_TIME_LIMIT`."""
    return ENVIRONMENT_PREFIX + field.removesuffix("_s").upper()


def parse_job(arguments: Sequence[str], environment: Mapping[str, str]) -> Job:
    """Read a job from the command line, then from the environment, then from the defaults.

    An empty value counts as not given: Batch cannot leave a `Ref::` parameter out.

    Raises:
        BadParametersError: with every fault of every parameter in one message.
        SystemExit: after `--help`.

    """
    faults: list[str] = []
    given = {f: environment.get(variable_name(f), "") for f in Job.model_fields}
    given["job_id"] = given["job_id"] or environment.get(BATCH_JOB_ID, "")
    given |= {f: v for f, v in _parse_arguments(arguments, faults).items() if v is not None}
    values: dict[str, Any] = {f: v for f, v in given.items() if v != ""}
    for field, value in values.items():
        if isinstance(value, str) and value.startswith("Ref::"):
            faults.append(
                f"{option_name(field)}: Batch left {value!r} unfilled; give the job a"
                f" parameter {value.removeprefix('Ref::')!r} or a default in its definition"
            )
        elif isinstance(value, str) and len(value) > _MAX_VALUE_CHARS:
            faults.append(f"{option_name(field)}: longer than {_MAX_VALUE_CHARS} characters")
    try:
        job = Job.model_validate(values)
    except ValidationError as error:
        faults += _faults(error, already=faults)
        job = None
    if faults or job is None:
        raise BadParametersError(
            "; ".join(faults) + " (see `python -m worker --help` or docs/job-parameters.md)"
        )
    return job


def _faults(error: ValidationError, *, already: Sequence[str]) -> list[str]:
    """Say each fault in the words of the command line; no value is echoed, it may be a secret."""
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        field = str(fault["loc"][0])
        name = option_name(field)
        if any(text.startswith(f"{name}:") for text in already):
            continue
        missing = fault["type"] == "missing"
        text = (
            f"is needed (or {variable_name(field)})"
            if missing
            else fault["msg"].removeprefix("Value error, ")
        )
        faults.append(f"{name}: {text}")
    return list(dict.fromkeys(faults))


def _parse_arguments(arguments: Sequence[str], faults: list[str]) -> dict[str, str | None]:
    parser = build_parser()
    try:
        known, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        faults.append(str(error))
        return {}
    if unknown:
        # A stray value may be a presigned URL: options are named, values only counted.
        names = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        faults.append("unknown arguments: " + (" ".join(names) or f"{len(unknown)} stray values"))
    return cast("dict[str, str | None]", vars(known))


def build_parser() -> argparse.ArgumentParser:
    """Make the command-line parser from the fields of `Job`, so that the two cannot differ."""
    parser = argparse.ArgumentParser(
        prog="python -m worker",
        description="Transcode one lecture video to adaptive HLS and publish it.",
        epilog=f"Every option is also an environment variable: {ENVIRONMENT_PREFIX}SOURCE for"
        " --source, and so on; the command line wins. Exit statuses are in docs/operations.md.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        SELF_CHECK,
        action="store_true",
        default=argparse.SUPPRESS,
        help="say what this machine or image holds and whether that is enough; no job is run",
    )
    for name, field in Job.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        choices = get_args(field.annotation) if field.annotation is not bool else ()
        metavar = extra.get("metavar") or "{" + ",".join(map(str, choices)) + "}"
        text = (field.description or "").replace("%", "%%")
        default = None if field.is_required() else field.default
        if default:
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
            text += f" (default: {shown})"
        if field.annotation is bool:
            parser.add_argument(
                option_name(name), dest=name, help=text, nargs="?", const="true", metavar="BOOL"
            )
        else:
            parser.add_argument(option_name(name), dest=name, help=text, metavar=str(metavar))
    return parser
