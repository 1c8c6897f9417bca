"""A resubmission, by the keeper or a person: claimed in keeper.json before SubmitJob is called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from botocore.exceptions import ClientError

from ops.aws import Aws
from ops.errors import OpsError, UnreachableError
from ops.keeper.attempt import Video
from ops.keeper.claim import Claim
from ops.keeper.decide import Resubmission
from ops.keeper.queue import has_unseen_job

AS_QUICK = "another keeper or person was as quick"
_SERVER_ERROR = 500


def resubmit(
    aws: Aws,
    queue: str,
    video: Video,
    decision: Resubmission,
    *,
    claim: Claim,
    submit: Callable[[], str],
    now: datetime,
) -> str | None:
    """Claim a resubmission, then `submit` it; return the job's id, None where another has it.

    Raises:
        ClientError: Batch refuses a call.
        WorkerError: as the store raises it.

    """
    if not claim.take(
        failed_job=decision.attempt.job.id,
        number=decision.number,
        cause=decision.rule.cause,
        now=now,
    ):
        return None
    try:
        if has_unseen_job(aws, queue, video):
            claim.withdraw()
            return None
        job_id = submit()
    except (ClientError, OpsError) as error:
        # A refused call submitted nothing. After any other fault the claim stays until it is old:
        # the job may be there.
        if _is_refusal(error):
            claim.withdraw()
        raise
    claim.note_job(job_id)
    return job_id


def _is_refusal(error: ClientError | OpsError) -> bool:
    if isinstance(error, OpsError):
        return not isinstance(error, UnreachableError)
    metadata = error.response.get("ResponseMetadata", {})
    return int(metadata.get("HTTPStatusCode", _SERVER_ERROR)) < _SERVER_ERROR
