"""Submits a job exactly once, although SubmitJob has no token that would make repeating it safe.

A call that AWS did not answer may have submitted the job. Then the queue is asked, and only where
it has no such job the call is made again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 (botocore's own, of which time-outs and refusals are kinds)
    HTTPClientError,
)

from ops.aws import Aws, explain, is_throttled
from ops.errors import UnreachableError

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import SubmitJobRequestTypeDef

# SubmitJob takes 50 a second of an account; others submit too.
MAX_PER_S = 40.0
# After SubmitJob, ListJobs may need a moment to show the job.
SETTLE_S = 5.0

_MAX_ATTEMPTS = 10
_LONGEST_PAUSE_S = 60.0


@dataclass(kw_only=True, slots=True)
class Submitter:
    """Submits jobs, so many a second at most. A test gives its own clock and sleep."""

    aws: Aws
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next_s: float = field(default=0.0, init=False)

    def submit(self, request: SubmitJobRequestTypeDef, find: Callable[[], str | None]) -> str:
        """Submit a job and return its id. `find` searches Batch for one that this call has made.

        Raises:
            OpsError: it is refused, or AWS does not answer or throttles for some minutes.

        """
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            self._pace()
            try:
                return self.aws.batch_once.submit_job(**request)["jobId"]
            except (BotoCoreError, ClientError) as error:
                problem = explain(error)
                throttled = isinstance(error, ClientError) and is_throttled(error)
                if not throttled and not _may_have_been_done(error):
                    raise problem from error
                if attempt == _MAX_ATTEMPTS:
                    raise problem from error
            self.sleep(_pause_s(attempt))
            if not throttled and (job_id := find()):
                return job_id
        raise AssertionError("the last attempt returns or raises")

    def _pace(self) -> None:
        now = self.clock()
        if now < self._next_s:
            self.sleep(self._next_s - now)
        self._next_s = max(now, self._next_s) + 1 / MAX_PER_S


def _may_have_been_done(error: BotoCoreError | ClientError) -> bool:
    if isinstance(error, ClientError):
        return isinstance(explain(error), UnreachableError)
    return isinstance(error, (ConnectionError, HTTPClientError))


def _pause_s(attempt: int) -> float:
    longest = min(SETTLE_S * 2 ** (attempt - 1), _LONGEST_PAUSE_S)
    # Never shorter than the listing needs; spread, or all who were throttled come back at once.
    return max(SETTLE_S, random.uniform(longest / 2, longest))  # noqa: S311 (spreads, guards nothing)
