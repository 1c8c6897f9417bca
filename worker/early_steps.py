"""The steps of a job whose viewers have the lowest rung first, and the others when all are made."""

from __future__ import annotations

from dataclasses import replace

import structlog

from worker.config.job import Job
from worker.encode.early import NoRoomError
from worker.encode.run import Encoded, EncodeJob, encode_run
from worker.layout import MASTER
from worker.plan.early import first_rung
from worker.publish.asked import Asked
from worker.records.job import Outcome
from worker.steps import Steps

# Of the whole job: what comes before is 5 percent, and the lowest rung takes a sixth to a fifth.
_FIRST_PERCENT, _REST_PERCENT = (4, 22), (21, 100)

log = structlog.get_logger(__name__)


class EarlySteps(Steps):
    """A job that publishes twice: the lowest rung with the audio, then the whole run."""

    __slots__ = ()

    def make(self, job: EncodeJob, asked: Asked) -> Outcome:
        """Make and publish the lowest rung, then all; at once where there is no reason to."""
        first = first_rung(job.plan)
        if first is None:
            return self._make_at_once(job, asked, "there is only one rung to encode")
        if self.store.get(MASTER) is not None:
            # Also that of a job that died between the two.
            return self._make_at_once(job, asked, "viewers have a video, maybe with more rungs")
        self.reporter.confine(*_FIRST_PERCENT)
        try:
            encoded = encode_run(job, first=first)
        except NoRoomError as error:
            return self._make_at_once(job, asked, str(error))
        early = self._publish_first(encoded, job, asked)
        self.reporter.confine(*_REST_PERCENT)
        whole = encode_run(job).after(encoded)
        return self.complete(whole, job, early)

    def _make_at_once(self, job: EncodeJob, asked: Asked, reason: str) -> Outcome:
        log.info("first_rung_not_published", reason=reason)
        self.reporter.confine(0, 100)
        return super().make(job, asked)

    def _publish_first(self, encoded: Encoded, job: EncodeJob, asked: Asked) -> Asked:
        """Publish the lowest rung; return what is asked for then."""
        published = self.publish_encoded(encoded, job, replace(asked, is_first=True))
        log.info("first_rung_published", rungs=[rung.name for rung in encoded.run.rungs])
        self.callbacks.published(published.manifest, already_published=False)
        return replace(asked, previous=published.manifest)


def steps_for(job: Job) -> type[Steps]:
    """Choose the steps of a job."""
    if job.publish_when == "all":
        return Steps
    if job.machine is not None:
        log.info("first_rung_not_published", reason="several machines make the video")
        return Steps
    return EarlySteps
