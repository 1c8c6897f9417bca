"""A job's parameters: one table of options, validated and frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict

from worker.config.callback_options import JOB_ID, CallbackFields, random_job_id, tags_of
from worker.config.clip import Clip
from worker.config.location import Location
from worker.config.option import machine_setting, parameter, variable
from worker.config.store_options import REGION, StoreOptions
from worker.config.team import ARRAY_INDEX, MOST_MACHINES, MachineOption
from worker.config.values import SandboxMode
from worker.config.video_options import MAX_LANES, VideoOptions

BATCH_JOB_ID = "AWS_BATCH_JOB_ID"
# An FFmpeg on a core makes about three segments in five seconds (three rungs, 1.2 times real time),
# and the upload of one takes up to 0.3 s: a thread for each four keeps up, with a little to spare.
_LANES_PER_UPLOAD = 4
# What other SDKs read, and boto3 does not.
AWS_REGION = "AWS_REGION"


_ACADEMY_TAG = "academy"


class Job(CallbackFields, StoreOptions, VideoOptions):
    """One job, validated and frozen. Each field is `--its-name` and `WORKER_ITS_NAME`.

    A unit of seconds is not part of an option's name: `time_limit_s` is `--time-limit`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    job_id: str = machine_setting(
        default_factory=random_job_id,
        metavar="ID",
        pattern=JOB_ID,
        description=f"name of this job in logs and status.json; default: {BATCH_JOB_ID}, or random",
    )
    aws_region: str | None = machine_setting(
        None,
        metavar="REGION",
        pattern=REGION,
        description="region of AWS: of CloudWatch Logs, and of the buckets where no other is given;"
        f" default: {AWS_REGION}, or as AWS configures it",
    )
    machines: int = variable(
        1,
        changes_output=False,
        metavar="N",
        ge=1,
        le=MOST_MACHINES,
        description="machines that make this video together, each as a child of one array job"
        f" ({ARRAY_INDEX})",
    )
    machine: MachineOption | None = machine_setting(
        None,
        metavar="K/N",
        description="which of how many machines this is, where no array job says so: 1/4 to 4/4,"
        " all with one --job-id",
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
        description="uploads, and download ranges, at a time; at least one upload for each four"
        " FFmpegs",
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
    academy: str | None = machine_setting(
        None,
        metavar="ID",
        pattern=r"^[A-Za-z0-9_.-]{1,255}$",
        description="the academy whose metrics the job counts for; default: the value of a tag"
        " academy",
    )
    report: bool = variable(
        default=False,
        # Of a video that is published already, `preview --report` writes it.
        changes_output=False,
        description="also write report.html, one page for a person, into the run",
    )
    plan_only: bool = machine_setting(
        default=False,
        description="print the plan as JSON, with an estimate of what it takes on this machine, and"
        " stop; nothing is written",
    )
    price: float | None = machine_setting(
        None,
        metavar="PRICE",
        gt=0,
        description="with --plan-only: what a vCPU-hour costs, for the estimate's cost",
    )

    @property
    def sources(self) -> tuple[Location, ...]:
        """The files that are joined, in their order."""
        return self.source

    @property
    def clip(self) -> Clip:
        """What of the joined timeline is published."""
        return Clip(start_s=self.from_s, end_s=self.to_s)

    def uploads_beside(self, lanes: int = MAX_LANES) -> int:
        """Return how many uploads there are at a time beside so many FFmpegs, or at most."""
        return max(self.upload_threads, lanes // _LANES_PER_UPLOAD)


def made_of(job: Job) -> dict[str, Any]:
    """Return what a job is made of, for log lines and records, where that is not all of one file.

    `parts`: locations, without the queries of URLs; `clip`: seconds.
    """
    made: dict[str, Any] = {}
    if len(job.sources) > 1:
        made["parts"] = tuple(map(str, job.sources))
    if not job.clip.is_whole:
        start_s, end_s = job.clip.start_s, job.clip.end_s
        end = None if end_s is None else float(end_s)
        made["clip"] = {"start_s": float(start_s), "end_s": end}
    return made


def academy_of(job: Job) -> str | None:
    """Return the academy that a job counts for; None where neither option nor tag names one."""
    return job.academy or tags_of(job.tag).get(_ACADEMY_TAG)
