"""What to do about one video: nothing, resubmit it, or ask a person. Pure.

All times are those of Batch and of the caller's clock; nothing here reads one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ops.batch.job import SUCCEEDED
from ops.batch.result import Result, find_cause, find_result
from ops.batch.status import is_of
from ops.keeper.attempt import Attempt, Video
from ops.keeper.claim import KeeperRecord
from ops.keeper.rules import Rule, find_rule
from worker.errors import PUBLISHED
from worker.records.status import StatusRecord

ATTEMPTS = 3
MAX_MEMORY_MIB = 14336
# After the end of the last attempt; the last one counts for all further ones.
PAUSES_S = (60.0, 300.0, 1200.0)
# A heartbeat that is younger is a live job's, with room for clocks that differ. A lease is stale
# after 45 s (worker/storage/lease.py), so this waits rather too long than too short.
LIVE_S = 120.0
# A claim without a job that is older: its keeper ended in between, whose own time limit is shorter.
CLAIM_S = 900.0
_MEMORY_STEP = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How far the keeper goes. `attempts`: resubmissions of a video at most."""

    attempts: int = ATTEMPTS
    max_memory_mib: int = MAX_MEMORY_MIB
    pauses_s: tuple[float, ...] = PAUSES_S


class State(StrEnum):
    """Why nothing is to be done."""

    PUBLISHED = "published"
    ACTIVE = "active"
    PAUSED = "paused"
    RESUBMITTED = "resubmitted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Nothing:
    """Nothing is to be done, or not before a time."""

    state: State
    not_before: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Resubmission:
    """The job is to be submitted again, for the `number`th time; `memory_mib` None: as it was."""

    attempt: Attempt
    number: int
    rule: Rule
    result: Result
    memory_mib: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """What a person has to do."""

    attempt: Attempt
    result: Result
    advice: str


Decision = Nothing | Resubmission | Person


def decide(
    video: Video,
    *,
    status: StatusRecord | None,
    claim: KeeperRecord | None,
    now: datetime,
    settings: Settings,
) -> Decision:
    """Decide about a video.

    `status`, `claim`: status.json and keeper.json of its destination.
    """
    last = video.decisive
    if (state := _state(video, last, status, claim, now)) is not None:
        return Nothing(state=state)
    result = find_result(last.job, status, None)
    if last.was_stopped and find_cause(last.job) is None:
        advice = "submit it again if the video is wanted: somebody stopped this job"
        return Person(attempt=last, result=result, advice=advice)
    rule = find_rule(last.job, result)
    if rule is None or video.destination is None:
        return Person(attempt=last, result=result, advice=result.advice)
    return _resubmit(video, result, rule, now, settings)


def _state(
    video: Video,
    last: Attempt,
    status: StatusRecord | None,
    claim: KeeperRecord | None,
    now: datetime,
) -> State | None:
    """Return why nothing is to be done; None where the last attempt failed, and nothing else."""
    if video.active:
        return State.ACTIVE
    if last.job.status == SUCCEEDED or _is_published_since(last, status):
        return State.PUBLISHED
    if is_live(status, now):
        return State.ACTIVE
    if claim and is_pending(claim, video, now):
        return State.RESUBMITTED
    return None


def _resubmit(
    video: Video, result: Result, rule: Rule, now: datetime, settings: Settings
) -> Decision:
    last = video.decisive
    number = video.resubmissions + 1
    if number > settings.attempts:
        advice = f"it was resubmitted {number - 1} times already; {result.advice}"
        return Person(attempt=last, result=result, advice=advice)
    if rule.times is not None and last.causes.count(rule.cause) >= rule.times:
        advice = f"resubmitting it did not help; {result.advice}"
        return Person(attempt=last, result=result, advice=advice)
    memory_mib = last.job.memory_mib
    if rule.needs_memory:
        memory_mib = _more_memory(memory_mib, settings.max_memory_mib)
        if memory_mib is None:
            advice = (
                f"give it more memory than {last.job.memory_mib or 'the unknown'} MiB by hand: the"
                f" keeper's limit is {settings.max_memory_mib} MiB; or use --parallel-spans 1"
            )
            return Person(attempt=last, result=result, advice=advice)
    pause_s = settings.pauses_s[min(number, len(settings.pauses_s)) - 1]
    not_before = last.ended + timedelta(seconds=pause_s)
    if now < not_before:
        return Nothing(state=State.PAUSED, not_before=not_before)
    return Resubmission(
        attempt=last,
        number=number,
        rule=rule,
        result=result,
        memory_mib=memory_mib if rule.needs_memory else None,
    )


def _more_memory(memory_mib: int | None, most_mib: int) -> int | None:
    """Return half as much again, within the limit; None where that is no more than there was."""
    if memory_mib is None or memory_mib >= most_mib:
        return None
    return min(most_mib, math.ceil(memory_mib * _MEMORY_STEP))


def _is_published_since(last: Attempt, status: StatusRecord | None) -> bool:
    """Whether status.json says that the attempt, or a job after it, published."""
    if status is None or status.outcome is None or status.outcome.exit_status != PUBLISHED:
        return False
    written = _moment(status.updated_at)
    return is_of(status, last.job.id) or (written is not None and written > last.ended)


def is_live(status: StatusRecord | None, now: datetime) -> bool:
    """Whether a job wrote status.json so lately that it may still be at work."""
    if status is None or status.state != "running":
        return False
    written = _moment(status.updated_at)
    return written is not None and now - written < timedelta(seconds=LIVE_S)


def is_pending(claim: KeeperRecord, video: Video, now: datetime) -> bool:
    """Whether a resubmission that the queue does not list yet is under way.

    One of an earlier job is not: Batch lists it no more, a week after its end.
    """
    if claim.job:
        return claim.failed_job == video.decisive.job.id and not video.has(claim.job)
    claimed = _moment(claim.claimed_at)
    return claimed is not None and now - claimed < timedelta(seconds=CLAIM_S)


def _moment(text: str | None) -> datetime | None:
    """Read a time as records have it; None where it is none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None
