"""A job's lines in CloudWatch: its container's and its worker's, in one order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError
from pydantic import Field

from ops.aws import Aws, code_of
from ops.batch.job import LogStream
from worker.records.base import UnreadableRecordError
from worker.records.job import Outcome

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import GetLogEventsResponseTypeDef

# Of the streams of a job that is about to start, the group may not even be there.
_NOT_YET = "ResourceNotFoundException"
_NOT_SHOWN = frozenset({"event", "level", "timestamp", "job_id", "plan", "_aws"})


class FinishedLine(Outcome):
    """The worker's last log line: how its job ended."""

    event: Literal["job_finished"]
    name: str = Field(validation_alias="outcome")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Line:
    """A log line and when it was written."""

    timestamp_ms: int
    text: str

    @property
    def finished(self) -> FinishedLine | None:
        """The line as the worker's last one; None where it is another."""
        try:
            return FinishedLine.from_json(self.text.encode())
        except UnreadableRecordError:
            return None

    def __str__(self) -> str:
        clock = datetime.fromtimestamp(self.timestamp_ms / 1000, UTC).strftime("%H:%M:%S")
        event = self._event()
        if event is None:
            return f"{clock} {self.text}"
        fields = [f"{k}={_value(v)}" for k, v in event.items() if k not in _NOT_SHOWN]
        level = str(event.get("level", "info")).ljust(7)
        return " ".join([clock, level, str(event["event"]), *fields])

    def _event(self) -> Mapping[str, Any] | None:
        """Return the fields of the worker's event, whichever it is; None where it is no event."""
        try:
            event = json.loads(self.text)
        except ValueError:
            return None
        return event if isinstance(event, dict) and "event" in event else None


class LogReader:
    """Reads what is new in a job's streams, each time it is asked."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._tokens: dict[LogStream, str] = {}

    def read_new(self, streams: Iterable[LogStream]) -> list[Line]:
        """Return the lines that were not there at the last call, oldest first."""
        return sorted(line for stream in streams for line in self._read_on(stream))

    def _read_on(self, stream: LogStream) -> Iterator[Line]:
        while True:
            token = self._tokens.get(stream)
            after = {"nextToken": token} if token else {}
            answer = _get(self._aws, stream, startFromHead=True, **after)
            if answer is None:
                return
            yield from _lines(answer)
            # At the end of a stream the same token comes back.
            if answer["nextForwardToken"] == token:
                return
            self._tokens[stream] = answer["nextForwardToken"]


def tail(aws: Aws, streams: Iterable[LogStream], *, count: int) -> list[Line]:
    """Return the last lines of a job, oldest first."""
    answers = (_get(aws, stream, startFromHead=False, limit=count) for stream in streams)
    return sorted(line for answer in answers if answer for line in _lines(answer))[-count:]


def find_finished(lines: Iterable[Line]) -> FinishedLine | None:
    """Return the worker's last line among those of one job; None where it is not there."""
    return next((f for line in reversed(list(lines)) if (f := line.finished)), None)


def _get(aws: Aws, stream: LogStream, **options: Any) -> GetLogEventsResponseTypeDef | None:
    try:
        return aws.logs.get_log_events(
            logGroupName=stream.group, logStreamName=stream.stream, **options
        )
    except ClientError as error:
        if code_of(error) == _NOT_YET:
            return None
        raise


def _lines(answer: GetLogEventsResponseTypeDef) -> list[Line]:
    return [
        Line(timestamp_ms=event["timestamp"], text=event["message"].rstrip("\n"))
        for event in answer["events"]
    ]


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
