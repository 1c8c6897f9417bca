"""A job's parameters: one table of options, validated and frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from worker.config.callback_options import JOB_ID, CallbackFields, random_job_id
from worker.config.option import machine_setting, parameter, secret, variable
from worker.config.values import Destination, Ladder, Preset, SandboxMode, Source

BATCH_JOB_ID = "AWS_BATCH_JOB_ID"
# What other SDKs read, and boto3 does not.
AWS_REGION = "AWS_REGION"
_REGION = r"^[a-z0-9-]{2,32}$"


class _Options(BaseModel):
    """All options but those of `callback_options`."""

    source: Source = parameter(
        # Its content counts, which is known only when it is opened: see `plan.digest`.
        changes_output=False,
        metavar="S",
        description="the upload: s3://bucket/key, an https:// (presigned) URL, or a local file",
    )
    destination: Destination = parameter(
        changes_output=False,
        metavar="D",
        description="where the HLS folder goes: s3://bucket/prefix or a local folder",
    )
    job_id: str = machine_setting(
        default_factory=random_job_id,
        metavar="ID",
        pattern=JOB_ID,
        description=f"name of this job in logs and status.json; default: {BATCH_JOB_ID}, or random",
    )
    time_limit_s: float = parameter(
        14400,
        changes_output=False,
        metavar="SECONDS",
        gt=0,
        le=7 * 86400,
        description="seconds this job may take; it stops by itself, checkpointed, a tenth of it"
        " (60 s at most) before that",
    )
    ladder: Ladder = parameter(
        "auto",
        changes_output=True,
        metavar="H,H,…",
        description="rung heights (of the short side), comma-separated; the source is never"
        " scaled up, and the first rung has the source's own size where that is smaller; auto:"
        " 1080,720,480 without those that a sample encode shows to be hardly lighter than the next",
    )
    max_frame_rate: float = parameter(
        30,
        changes_output=True,
        metavar="FPS",
        ge=1,
        le=120,
        description="frames per second at most; a faster source is divided evenly (60 to 30, 50 to"
        " 25)",
    )
    copy_top: Literal["auto", "always", "never"] = variable(
        "auto",
        changes_output=True,
        description="copy the source's own H.264 as the top rung where it fits; auto: where a"
        " sample encode also shows that an encode would hardly be lighter",
    )
    preset: Preset = parameter(
        "auto",
        # The preset may also change within a run, for lack of time: what is published is valid.
        changes_output=False,
        description="x264 preset; auto: faster, in lower rungs veryfast, and faster ones where the"
        " time limit requires it; a named one is kept",
    )
    segment_s: float = parameter(
        6,
        changes_output=True,
        metavar="SECONDS",
        ge=1,
        le=20,
        description="segment length, rounded to whole frames",
    )
    parallel_spans: Annotated[int, Field(ge=1, le=16)] | Literal["auto"] = parameter(
        "auto",
        changes_output=False,
        metavar="N",
        description="FFmpeg processes at a time, each with its own memory; auto: one for each core,"
        " GiB of memory and two minutes of video, one where keyframes are far apart",
    )
    audio_language: str | None = variable(
        None,
        changes_output=True,
        metavar="CODE",
        pattern=r"^[A-Za-z]{2,3}$",
        description="language of the audio track to take where there are several (ko, en);"
        " default: the upload's own choice",
    )
    loudness: Annotated[float, Field(ge=-36, le=-8)] | Literal["off"] = variable(
        "off",
        changes_output=True,
        metavar="LUFS",
        description="bring the audio to this loudness (EBU R128), -16 for example: measured first,"
        " then one gain for the whole, peaks limited",
    )
    captions: Literal["embedded", "off"] = variable(
        "embedded",
        changes_output=True,
        description="captions in the video's frames (CEA-608 and CEA-708, as broadcasts have them):"
        " embedded publishes them as WebVTT, off leaves them out",
    )
    chapters: bool = variable(
        default=False,
        changes_output=True,
        description="find slide changes and publish them as chapters (WebVTT, manifest.json)",
    )
    allow_truncated: bool = variable(
        default=False,
        changes_output=True,
        description="publish what there is of an upload that is cut short, instead of refusing it",
    )
    max_duration_s: float = variable(
        43_200,
        changes_output=False,
        metavar="SECONDS",
        gt=0,
        # MPEG-TS times are 33 bits at 90 kHz, 95,443 s, and segments start at 10 s.
        le=95_000,
        description="longest video that is accepted; 95000 (26.4 hours) at most, since the clock of"
        " MPEG-TS wraps after 26.5",
    )
    max_source_gib: float = variable(
        64,
        changes_output=False,
        metavar="GIB",
        gt=0,
        le=4096,
        description="largest upload that is accepted, in GiB",
    )
    allow_private_sources: bool = variable(
        default=False,
        changes_output=False,
        description="accept an https source at an address that is not on the internet: this"
        " machine, its network, its cloud's metadata",
    )
    s3_endpoint: str | None = variable(
        None,
        changes_output=False,
        metavar="URL",
        pattern=r"^https?://[^/\s]+/?$",
        description="URL of an S3-compatible store (R2, MinIO, Ceph, …), for source and destination"
        " alike; default: AWS",
    )
    s3_region: str | None = variable(
        None,
        changes_output=False,
        metavar="REGION",
        pattern=_REGION,
        description="region of the buckets (R2: auto); default: that of AWS",
    )
    s3_access_key_id: SecretStr | None = secret(
        description="key of the store, where it is not AWS's; without it AWS's own credentials are"
        " used (a role, a profile)",
    )
    s3_secret_access_key: SecretStr | None = secret(
        description="the secret of that key",
    )
    source_s3_endpoint: str | None = variable(
        None,
        changes_output=False,
        metavar="URL",
        pattern=r"^(aws|https?://[^/\s]+/?)$",
        description="where the source is, if not in the destination's store: a URL, or aws; the"
        " credentials of the destination are not used for it",
    )
    source_s3_region: str | None = variable(
        None,
        changes_output=False,
        metavar="REGION",
        pattern=_REGION,
        description="region of the source's bucket, if it is another one",
    )
    source_s3_access_key_id: SecretStr | None = secret(
        description="key of the source's store, if it is another one",
    )
    source_s3_secret_access_key: SecretStr | None = secret(
        description="the secret of that key",
    )
    aws_region: str | None = machine_setting(
        None,
        metavar="REGION",
        pattern=_REGION,
        description="region of AWS: of CloudWatch Logs, and of the buckets where no other is given;"
        f" default: {AWS_REGION}, or as AWS configures it",
    )
    work_dir: Path | None = machine_setting(
        None,
        metavar="DIR",
        description="folder for a fetched source and unfinished segments, emptied at the end;"
        " default: a temporary folder",
    )
    upload_threads: int = parameter(
        8,
        changes_output=False,
        metavar="N",
        ge=1,
        le=64,
        description="uploads, and download ranges, at a time",
    )
    stall_timeout_s: float = parameter(
        180,
        changes_output=False,
        metavar="SECONDS",
        ge=1,
        le=3600,
        description="seconds without any progress after which FFmpeg is killed",
    )
    ffmpeg: str = machine_setting(
        "ffmpeg",
        metavar="PATH",
        description="the ffmpeg to run, 5.1 or newer",
    )
    ffprobe: str = machine_setting(
        "ffprobe",
        metavar="PATH",
        description="the ffprobe to run",
    )
    sandbox: SandboxMode = machine_setting(
        "auto",
        description="restrict FFmpeg by no_new_privs, Landlock and seccomp; auto: by those that"
        " this machine has, with a warning where one is missing; required: end with 78 then",
    )
    log_level: Literal["debug", "info", "warning", "error"] = parameter(
        "info",
        changes_output=False,
        description="least important events to log",
    )
    log_format: Literal["auto", "json", "human"] = machine_setting(
        "auto",
        description="auto: human on a terminal, JSON lines elsewhere",
    )
    cloudwatch: Literal["auto", "on", "off"] = machine_setting(
        "auto",
        description=f"send logs to CloudWatch; auto: where {BATCH_JOB_ID} is set",
    )
    log_group: str = machine_setting(
        "/aws/batch/academy-video-worker",
        metavar="NAME",
        pattern=r"^[A-Za-z0-9_./#-]{1,512}$",
        description="CloudWatch log group; it must exist",
    )
    report: bool = variable(
        default=False,
        # Of a video that is published already, `preview --report` writes it.
        changes_output=False,
        description="also write report.html, one page for a person, into the run",
    )
    plan_only: bool = machine_setting(
        default=False,
        description="print the plan as JSON and stop; nothing is written",
    )


# Fields are in the order of the bases, from the last.
class Job(CallbackFields, _Options):
    """One job, validated and frozen. Each field is `--its-name` and `WORKER_ITS_NAME`.

    A unit of seconds is not part of an option's name: `time_limit_s` is `--time-limit`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
