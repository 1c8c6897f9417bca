"""How a job ended: its outcome, and the figures beside it in the last log line."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from worker.config.job import Job, made_of
from worker.config.location import redact
from worker.errors import PUBLISHED, BadSourceError, CannotWriteError, InternalError, WorkerError
from worker.messages import TEACHER_MESSAGES
from worker.records.job import ClipRecord, MessageRecord, Outcome
from worker.records.manifest import ManifestRecord


def published(message: str) -> Outcome:
    """Return the one good outcome."""
    return Outcome(exit_status=PUBLISHED, name="published", message=message)


def clip_of(job: Job) -> ClipRecord | None:
    """Return the clip of a job for a record; None where all is published."""
    clip = made_of(job).get("clip")
    return ClipRecord(**clip) if clip else None


def outcome_of(error: BaseException) -> Outcome:
    """Return the outcome of an error; one that is not the worker's own is a bug (status 70)."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        error = CannotWriteError(f"the work folder cannot be written: {error.strerror}")
    if not isinstance(error, WorkerError):
        error = InternalError(
            f"a bug of the worker: {type(error).__name__}: {redact(str(error))};"
            " the traceback is in the log"
        )
    code = error.code if isinstance(error, BadSourceError) else None
    return Outcome(
        exit_status=error.exit_status,
        name=error.outcome,
        code=code,
        message=str(error),
        resubmit=error.resubmit,
        teacher_message=MessageRecord(en=TEACHER_MESSAGES[code].en, ko=TEACHER_MESSAGES[code].ko)
        if code
        else None,
    )


@dataclass(kw_only=True, slots=True)
class JobResult:
    """What the last log line says beside the outcome; None where the job did not come so far."""

    parts: int | None = None
    clip: Mapping[str, float | None] | None = None
    machine: str | None = None
    leads: bool | None = None
    run: str | None = None
    duration_s: float | None = None
    rungs: list[str] | None = None
    encode_s: float | None = None
    speed: float | None = None
    segments: int | None = None
    segments_resumed: int | None = None
    bytes: int | None = None
    already_published: bool | None = None
    needed_s: int | None = None
    ffmpeg: str | None = None
    ffmpeg_peak_memory_bytes: int | None = None
    worker_peak_memory_bytes: int | None = None
    elapsed_s: float | None = None
    cpu_s: float | None = None
    vcpus: float | None = None
    log_lines_dropped: int | None = None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Begin with what is known of a job before it runs."""
        made = made_of(job)
        parts = made.get("parts")
        return cls(parts=len(parts) if parts else None, clip=made.get("clip"))

    def take(self, manifest: ManifestRecord) -> None:
        """Take over the figures of a run that is published, and stays as it is."""
        made = [each for each in manifest.renditions if each.kind != "subtitles"]
        self.run, self.duration_s = manifest.run, manifest.duration_s
        rungs = sorted(made, key=lambda each: -(each.height or 0))
        self.rungs = [each.name for each in rungs if each.kind == "video"]
        self.segments = self.segments_resumed = sum(each.segments for each in made)
        self.bytes = sum(each.bytes for each in made)

    @property
    def pace(self) -> dict[str, Any]:
        """What the encode took, for the manifest."""
        names = ("encode_s", "speed", "segments", "segments_resumed")
        return {name: getattr(self, name) for name in names}

    def leave_to_team(self) -> None:
        """Leave out what is counted for each video: another machine of the team reports it."""
        self.leads = False
        self.duration_s = self.bytes = self.segments = self.segments_resumed = None

    def known(self) -> dict[str, Any]:
        """Return the fields that are known."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}
