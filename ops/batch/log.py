"""A job's lines in CloudWatch: its container's and its worker's, in one order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.aws import Aws, code_of
from ops.batch.job import LogStream
from ops.console import redact
from worker.monitoring.logs import FINISHED

# Of the streams of a job that is about to start, the group may not even be there.
_NOT_YET = "ResourceNotFoundException"
_NOT_SHOWN = frozenset({"event", "level", "timestamp", "job_id", "plan"})


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Line:
    """A log line and when it was written."""

    timestamp_ms: int
    text: str

    @property
    def event(self) -> Mapping[str, Any] | None:
        """The line as the worker's event; None where it is another's."""
        try:
            event = json.loads(self.text)
        except ValueError:
            return None
        return event if isinstance(event, dict) and "event" in event else None

    def __str__(self) -> str:
        clock = datetime.fromtimestamp(self.timestamp_ms / 1000, UTC).strftime("%H:%M:%S")
        event = self.event
        if event is None:
            return f"{clock} {redact(self.text)}"
        fields = [f"{k}={_value(v)}" for k, v in event.items() if k not in _NOT_SHOWN]
        level = str(event.get("level", "info")).ljust(7)
        return redact(" ".join([clock, level, str(event["event"]), *fields]))


class Follower:
    """Reads what is new in a job's streams, each time it is asked."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._tokens: dict[LogStream, str] = {}

    def read_new(self, streams: Iterable[LogStream]) -> list[Line]:
        """Return the lines that were not there at the last call, oldest first."""
        return sorted(line for stream in streams for line in self._read_on(stream))

    def _read_on(self, stream: LogStream) -> list[Line]:
        lines: list[Line] = []
        while True:
            token = self._tokens.get(stream)
            after = {"nextToken": token} if token else {}
            answer = _get(self._aws, stream, startFromHead=True, **after)
            if answer is None:
                return lines
            lines += _lines(answer)
            # At the end of a stream the same token comes back.
            if answer["nextForwardToken"] == token:
                return lines
            self._tokens[stream] = answer["nextForwardToken"]


def tail(aws: Aws, streams: Iterable[LogStream], *, count: int) -> list[Line]:
    """Return the last lines of a job, oldest first."""
    answers = (_get(aws, stream, startFromHead=False, limit=count) for stream in streams)
    return sorted(line for answer in answers if answer for line in _lines(answer))[-count:]


def find_finished(lines: Iterable[Line]) -> Mapping[str, Any] | None:
    """Return the worker's last word among lines of one job; None where it is not there."""
    events = [line.event for line in lines]
    return next((e for e in reversed(events) if e is not None and e["event"] == FINISHED), None)


def _get(aws: Aws, stream: LogStream, **options: Any) -> Mapping[str, Any] | None:
    try:
        return aws.logs.get_log_events(
            logGroupName=stream.group, logStreamName=stream.stream, **options
        )
    except ClientError as error:
        if code_of(error) == _NOT_YET:
            return None
        raise


def _lines(answer: Mapping[str, Any]) -> list[Line]:
    return [
        Line(timestamp_ms=event["timestamp"], text=event["message"].rstrip("\n"))
        for event in answer["events"]
    ]


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
