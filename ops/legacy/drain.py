"""Turns waiting messages into Batch jobs: each into exactly one, also after an interruption."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws
from ops.batch.request import Submission, build_request, has_shares, parameters_of
from ops.console import FOR_PEOPLE, Answer
from ops.errors import OK, UNREADABLE
from ops.legacy.message import Mapped, read_message
from ops.legacy.queues import Queue, find_queues

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# Longer than it takes to submit ten messages; after a crash they are visible again after it.
VISIBILITY_S = 120
_BATCH = 10
_WAIT_S = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A message that stays in its queue, since no job can be made of it."""

    queue: str
    message_id: str
    reason: str

    def __str__(self) -> str:
        return f"kept {self.queue} {self.message_id}: {self.reason}"


@dataclass(kw_only=True, slots=True)
class Drained:
    """What was done with a queue's messages."""

    submitted: int = 0
    existing: int = 0
    kept: list[Unreadable] = field(default_factory=list)


def drain(
    aws: Aws,
    *,
    queue: str,
    definition: str,
    dry_run: bool,
    mapped: Mapped | None = None,
    answer: Answer = FOR_PEOPLE,
) -> int:
    """Empty both queues; 65 where messages are left that no job can be made of."""
    kept: list[Unreadable] = []
    for source in find_queues(aws):
        if source.url is None:
            text = f"{source.name}: there is no such queue"
            answer.show("no_queue", text, queue=source.name)
            continue
        done = _drain_queue(
            aws,
            source,
            queue=queue,
            definition=definition,
            dry_run=dry_run,
            mapped=mapped,
            answer=answer,
        )
        would = "would be " if dry_run else ""
        answer.show(
            "drained",
            f"{source.name}: {done.submitted} {would}submitted, {done.existing} were jobs"
            f" already, {len(done.kept)} unreadable (kept)",
            queue=source.name,
            submitted=done.submitted,
            existing=done.existing,
            kept=len(done.kept),
            dry_run=dry_run,
        )
        kept += done.kept
    for each in kept:
        answer.show("kept", str(each), **asdict(each))
    return UNREADABLE if kept else OK


def job_name(message_id: str) -> str:
    """Return the name of a message's job: the same at each attempt, so it is submitted once."""
    return f"drain-{re.sub(r'[^A-Za-z0-9_-]', '-', message_id)}"[:128]


def _drain_queue(
    aws: Aws,
    source: Queue,
    *,
    queue: str,
    definition: str,
    dry_run: bool,
    mapped: Mapped | None,
    answer: Answer,
) -> Drained:
    done = Drained()
    held: dict[str, str] = {}
    try:
        for message in _receive(aws, source, held):
            message_id = message["MessageId"]
            try:
                submission = read_message(message["Body"], mapped)
            except ValueError as error:
                done.kept.append(
                    Unreadable(queue=source.name, message_id=message_id, reason=str(error))
                )
                continue
            name = job_name(message_id)
            exists = _has_job(aws, queue, name)
            done.existing += exists
            done.submitted += not exists
            job = {"source": submission.source, "destination": submission.destination, "name": name}
            arrow = f"{submission.source} -> {submission.destination} as {name}"
            if dry_run:
                text = f"{'a job already: ' if exists else 'would submit: '}{arrow}"
                answer.show("message", text, **job, is_job=exists)
                continue
            if not exists:
                job_id = _submit(aws, submission, name=name, queue=queue, definition=definition)
                answer.show("submitted", f"submitted {job_id}: {arrow}", job_id=job_id, **job)
            # Only now: SubmitJob has answered, in this run or in one before it.
            aws.sqs.delete_message(QueueUrl=str(source.url), ReceiptHandle=held[message_id])
            del held[message_id]
    finally:
        _release(aws, source, held)
    return done


def _receive(aws: Aws, source: Queue, held: dict[str, str]) -> Iterator[MessageTypeDef]:
    """Yield each message once; `held` maps its id to the newest handle.

    Ends when SQS returns none, or only messages that are held already.
    """
    while messages := aws.sqs.receive_message(
        QueueUrl=str(source.url),
        MaxNumberOfMessages=_BATCH,
        VisibilityTimeout=VISIBILITY_S,
        WaitTimeSeconds=_WAIT_S,
    ).get("Messages"):
        fresh = [m for m in messages if m["MessageId"] not in held]
        held |= {m["MessageId"]: m["ReceiptHandle"] for m in messages}
        yield from fresh
        if not fresh:
            return


def _has_job(aws: Aws, queue: str, name: str) -> bool:
    """Whether a job of this name exists, in whatever state: Batch keeps ended ones for a week."""
    pages = aws.batch.get_paginator("list_jobs").paginate(
        jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [name]}]
    )
    # The filter ignores case.
    return any(j["jobName"] == name for page in pages for j in page["jobSummaryList"])


def _submit(aws: Aws, submission: Submission, *, name: str, queue: str, definition: str) -> str:
    known = parameters_of(aws, definition) if submission.options else frozenset()
    request = build_request(
        submission,
        known=known,
        name=name,
        queue=queue,
        definition=definition,
        has_shares=has_shares(aws, queue),
    )
    return aws.batch.submit_job(**request)["jobId"]


def _release(aws: Aws, source: Queue, held: dict[str, str]) -> None:
    """Make kept messages visible again now; where that fails, SQS does it after `VISIBILITY_S`."""
    for handle in held.values():
        with contextlib.suppress(BotoCoreError, ClientError):
            aws.sqs.change_message_visibility(
                QueueUrl=str(source.url), ReceiptHandle=handle, VisibilityTimeout=0
            )
