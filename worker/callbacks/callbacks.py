"""The events of a job: video.started, .progress, .published, .completed and .failed."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import structlog

from worker import __version__
from worker.config.callback_options import CallbackOptions, tags_of
from worker.config.job import Job, made_of
from worker.config.location import Location
from worker.config.team import team_of
from worker.layout import MANIFEST, MASTER, THUMBNAIL
from worker.records.callback import (
    CallbackRecord,
    CompletedRecord,
    FailedData,
    FailedRecord,
    ProgressData,
    ProgressRecord,
    PublishedData,
    PublishedRecord,
    RungRecord,
    StartedData,
    StartedRecord,
    UndeliveredRecord,
)
from worker.records.job import Outcome
from worker.records.manifest import ManifestRecord
from worker.runtime.budget import Budget

if TYPE_CHECKING:
    from worker.callbacks.delivery import Delivery

# A job of hours sends some hundreds.
PROGRESS_EVERY_S = 30.0

# Makes an event of the time at which it happened, and of what every event says of its job.
_MakeRecord: TypeAlias = Callable[[str, Mapping[str, Any]], CallbackRecord]

log = structlog.get_logger(__name__)


class Callbacks:
    """Where a job reports what its backend is to know; without `options` nothing is sent.

    No call but `close` waits, and none raises: callbacks never decide how a job ends.
    """

    def __init__(
        self,
        options: CallbackOptions | None,
        *,
        budget: Budget,
        now: Callable[[], datetime],
        job: Job | None = None,
    ) -> None:
        self._budget = budget
        self._now = now
        self._started_at = now().isoformat()
        self._numbers = itertools.count(1)
        self._progressed_s = budget.elapsed_s
        self._has_published = False
        self._delivery: Delivery | None = None
        self._of_job: dict[str, Any] = {}
        if options is not None:
            self._delivery = _open_delivery(options, budget, now)
            self._of_job = {
                "job_id": options.job_id,
                "started_at": self._started_at,
                "source": str(job.sources[0]) if job else None,
                "destination": str(job.destination) if job else None,
                "tags": tags_of(options.tag),
            } | (made_of(job) if job else {})
        self._destination = job.destination if job else None

    def started(self, *, time_limit_s: float) -> None:
        """Report that the job has its destination, and begins."""
        self._send(
            lambda at, of_job: StartedRecord(
                timestamp=at,
                data=StartedData(**of_job, worker=__version__, time_limit_s=time_limit_s),
            )
        )

    def progress(self, *, step: str, percent: float, seconds_left: int | None) -> None:
        """Report how far the job is, unless it was reported within half a minute."""
        now_s = self._budget.elapsed_s
        if now_s - self._progressed_s < PROGRESS_EVERY_S:
            return
        self._progressed_s = now_s
        self._send(
            lambda at, of_job: ProgressRecord(
                timestamp=at,
                data=ProgressData(**of_job, step=step, percent=percent, seconds_left=seconds_left),
            )
        )

    def published(self, manifest: ManifestRecord, *, already_published: bool) -> None:
        """Report what viewers have now; the second time it is all of what they had in part."""
        record = CompletedRecord if self._has_published else PublishedRecord
        self._has_published = True
        self._send(
            lambda at, of_job: record(
                timestamp=at,
                data=PublishedData(
                    **of_job,
                    **_published(manifest, self._destination),
                    already_published=already_published,
                ),
            )
        )

    def failed(self, outcome: Outcome) -> None:
        """Report that the job ended without publishing, and why."""
        self._send(
            lambda at, of_job: FailedRecord(
                timestamp=at, data=FailedData(**of_job, outcome=outcome)
            )
        )

    def close(self) -> tuple[UndeliveredRecord, ...]:
        """Wait some seconds for what is not delivered, and return what then is not."""
        return self._delivery.close() if self._delivery else ()

    def _send(self, make: _MakeRecord) -> None:
        if self._delivery is None:
            return
        from worker.callbacks.post import Message

        number = next(self._numbers)
        try:
            record = make(self._now().isoformat(), {**self._of_job, "sequence": number})
            message = Message(
                id=self._message_id(number),
                type=record.type,
                body=record.model_dump_json().encode(),
                is_progress=isinstance(record, ProgressRecord),
            )
        except Exception:
            log.warning("callback_not_made", number=number, exc_info=True)
            return
        self._delivery.put(message)

    def _message_id(self, number: int) -> str:
        """Name an event: the same in each attempt to deliver it, and of no other event."""
        named = f"{self._of_job['job_id']} {self._started_at} {number}"
        # No full stop in it: those separate what is signed.
        return f"msg_{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def open_callbacks(job: Job, *, budget: Budget, now: Callable[[], datetime]) -> Callbacks:
    """Start to report a job, if it names a URL for that; that of a team by the team's name."""
    if job.machine is not None:
        job = job.model_copy(update={"job_id": team_of(job.job_id)})
    return Callbacks(
        CallbackOptions.model_validate(job) if job.notify else None,
        budget=budget,
        now=now,
        job=job,
    )


def report_refused(
    options: CallbackOptions | None,
    outcome: Outcome,
    *,
    budget: Budget,
    now: Callable[[], datetime],
) -> None:
    """Report a job whose parameters cannot be used, where those of callbacks can."""
    callbacks = Callbacks(options, budget=budget, now=now)
    callbacks.failed(outcome)
    callbacks.close()


def _open_delivery(
    options: CallbackOptions, budget: Budget, now: Callable[[], datetime]
) -> Delivery:
    # Imported where they are used: most jobs on a laptop notify nobody.
    from worker.callbacks.delivery import Delivery
    from worker.callbacks.post import Receiver

    return Delivery(Receiver(options, now).post, budget)


def _published(manifest: ManifestRecord, destination: Location | None) -> dict[str, Any]:
    rungs = tuple(
        RungRecord(
            name=rung.name,
            width=rung.width,
            height=rung.height,
            codec=rung.codec,
            bytes=rung.bytes,
            average_bps=rung.average_bps,
            peak_bps=rung.peak_bps,
        )
        for rung in manifest.renditions
        if rung.kind == "video"
    )
    return {
        "run": manifest.run,
        "master": f"{destination}/{MASTER}",
        "thumbnail": f"{destination}/{THUMBNAIL}",
        "manifest": f"{destination}/{MANIFEST}",
        "duration_s": manifest.duration_s,
        "bytes": sum(rendition.bytes for rendition in manifest.renditions),
        "rungs": rungs,
        "missing_rungs": manifest.missing_rungs,
        "downloads": tuple(f"{destination}/{each.key}" for each in manifest.downloads),
    }
