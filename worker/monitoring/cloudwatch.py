"""Delivers log lines to CloudWatch with watchtower, without losing lines and without blocking."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import watchtower
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from worker.runtime.threads import NoAnswerError, run_in_thread

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_SEND_INTERVAL_S = 5
_CLOSE_TIMEOUT_S = 3.0
_OPEN_TIMEOUT_S = 8.0
# About 5 MB at most; older lines are dropped when CloudWatch does not answer for that long.
_MAX_UNDELIVERED = 10_000


class CloudWatchUnavailableError(Exception):
    """The log stream cannot be made: no permission, no group, no network."""


class Handler(watchtower.CloudWatchLogHandler):
    """Remembers which lines CloudWatch has confirmed, and writes the rest to stdout at the end."""

    def __init__(self, *, client: CloudWatchLogsClient, group: str, stream: str) -> None:
        # Insertion-ordered, values unused: the lines handed to watchtower and not confirmed.
        self._undelivered: dict[str, None] = {}
        self._undelivered_lock = threading.Lock()
        client.meta.events.register("before-parameter-build.cloudwatch-logs.PutLogEvents", _keep)
        client.meta.events.register("after-call.cloudwatch-logs.PutLogEvents", self._confirm)
        super().__init__(
            log_group_name=group,
            log_stream_name=stream,
            boto3_client=client,
            send_interval=_SEND_INTERVAL_S,
            # Made before, in open_handler: records that come while watchtower makes them are lost.
            create_log_group=False,
            create_log_stream=False,
        )

    def format(self, record: logging.LogRecord) -> str:
        """Format a record and remember its line until it is confirmed."""
        line = super().format(record)
        with self._undelivered_lock:
            self._undelivered[line] = None
            if len(self._undelivered) > _MAX_UNDELIVERED:
                del self._undelivered[next(iter(self._undelivered))]
        return line

    def close(self) -> None:
        """Deliver for three seconds at most; watchtower alone would wait for minutes."""
        closing = threading.Thread(target=super().close, name="log-delivery", daemon=True)
        closing.start()
        closing.join(_CLOSE_TIMEOUT_S)
        with self._undelivered_lock:
            left = list(self._undelivered)
            self._undelivered.clear()
        for line in left:
            sys.stdout.write(f"{line}\n")

    def _confirm(self, parsed: Mapping[str, Any], context: Mapping[str, Any], **_: object) -> None:
        if "Error" in parsed:
            return
        with self._undelivered_lock:
            for event in context.get(_EVENTS, ()):
                self._undelivered.pop(event["message"], None)


_EVENTS = "academy_video_worker_log_events"


def _keep(params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
    context[_EVENTS] = params.get("logEvents", ())


def open_handler(
    *, region: str | None, group: str, stream: str, check: Callable[[], None]
) -> Handler:
    """Make the stream and a handler that sends to it.

    In a thread, because a provider of credentials that hangs is waited for by botocore, and the
    job must not wait for its logs. `check` may raise meanwhile, which ends the waiting.

    Raises:
        CloudWatchUnavailableError: it cannot be made within a few seconds.

    """
    # It would warn of what `close` prints.
    warnings.filterwarnings("ignore", category=watchtower.WatchtowerWarning)
    try:
        client = run_in_thread(
            lambda: _make_stream(region=region, group=group, stream=stream),
            check,
            timeout_s=_OPEN_TIMEOUT_S,
        )
    except NoAnswerError as error:
        why = f"{group}: no answer for {_OPEN_TIMEOUT_S:g} s"
        raise CloudWatchUnavailableError(why) from error
    return Handler(client=client, group=group, stream=stream)


def _make_stream(*, region: str | None, group: str, stream: str) -> CloudWatchLogsClient:
    try:
        # Its own session: the default one is not made for threads, and the job uses that.
        client = boto3.Session().client(
            "logs",
            region_name=region,
            config=Config(
                connect_timeout=3,
                read_timeout=5,
                retries={"mode": "standard", "total_max_attempts": 4},
            ),
        )
        client.create_log_stream(logGroupName=group, logStreamName=stream)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ResourceAlreadyExistsException":
            raise CloudWatchUnavailableError(f"{group}: {error}") from error
    except BotoCoreError as error:
        raise CloudWatchUnavailableError(f"{group}: {error}") from error
    except Exception as error:
        # botocore has no class for credentials that have expired, or that lack a field.
        why = f"{type(error).__name__}: {error}"
        raise CloudWatchUnavailableError(f"{group}: {why}") from error
    return client
