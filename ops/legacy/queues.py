"""The former system's two queues."""

from __future__ import annotations

import json
from dataclasses import dataclass

from botocore.exceptions import ClientError

from ops.aws import Aws, code_of
from ops.names import LEGACY_DEAD_LETTERS, LEGACY_QUEUE

_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """A queue and about how many messages it holds; no `url` where it is not there."""

    name: str
    url: str | None = None
    waiting: int = 0
    in_flight: int = 0
    delayed: int = 0
    dead_letters: str | None = None

    @property
    def messages(self) -> int:
        """All that are in it."""
        return self.waiting + self.in_flight + self.delayed


def find_queues(aws: Aws) -> tuple[Queue, ...]:
    """Return the job queue and its dead-letter queue, whether they are there or not."""
    jobs = find_queue(aws, LEGACY_QUEUE)
    dead_letters = find_queue(aws, jobs.dead_letters or LEGACY_DEAD_LETTERS)
    return jobs, dead_letters


def find_queue(aws: Aws, name: str) -> Queue:
    """Ask SQS for a queue."""
    try:
        url = aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    except ClientError as error:
        if code_of(error) in _MISSING:
            return Queue(name=name)
        raise
    attributes: dict[str, str] = {str(k): v for k, v in answer.get("Attributes", {}).items()}
    redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
    return Queue(
        name=name,
        url=url,
        waiting=int(attributes.get("ApproximateNumberOfMessages", 0)),
        in_flight=int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0)),
        delayed=int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
        dead_letters=str(redrive.get("deadLetterTargetArn", "")).rpartition(":")[2] or None,
    )
