"""Structured logs: JSON lines or human ones on stdout, and CloudWatch."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, Processor

from worker.config.location import redact
from worker.errors import WorkerError

LOGGER = "worker"
STARTED = "worker_started"
FINISHED = "job_finished"

# What goes to stdout even where CloudWatch gets the logs: the container's log driver may send to
# the same group, and each line is stored once.
_ALWAYS_ON_STDOUT = frozenset({STARTED, FINISHED})

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)

# Discards other loggers' lines. Without a handler Python writes their warnings to stderr, and
# urllib3 names URLs in some, with their signatures.
_DISCARD = logging.NullHandler()


class _CurrentStdout(logging.StreamHandler[TextIO]):
    """Writes to what sys.stdout is now: the progress bar replaces it while it is shown."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)

        self._is_closed = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._is_closed:
            self.stream = sys.stdout
            super().emit(record)

    def close(self) -> None:
        """Write nothing more."""
        self.acquire()
        self._is_closed = True
        self.release()
        super().close()


def _belongs_on_stdout(record: logging.LogRecord) -> bool:
    event = record.msg.get("event") if isinstance(record.msg, dict) else None
    return record.levelno >= logging.WARNING or event in _ALWAYS_ON_STDOUT


class Logs:
    """The open logs; `deliver` before the last line, `close` after it.

    `on_warning` is called with each warning, whatever the level that is shown.
    """

    def __init__(
        self,
        *,
        level: str = "info",
        log_format: str = "auto",
        is_terminal: bool,
        on_warning: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> None:
        self.is_human = log_format == "human" or (log_format == "auto" and is_terminal)
        self._stdout = _CurrentStdout()
        self._stdout.setFormatter(_formatter(human=self.is_human, colors=is_terminal))
        self._logger = logging.getLogger(LOGGER)
        self._logger.handlers = [self._stdout]
        # Other loggers are silent: botocore would log the very calls that deliver the logs.
        self._logger.propagate = False
        logging.getLogger().addHandler(_DISCARD)
        self._logger.setLevel(level.upper())
        self._cloudwatch: logging.Handler | None = None
        # Also where the group cannot be written to: the container's log driver may send stdout.
        self.has_cloudwatch = False

        def note(_logger: object, method: str, event: EventDict) -> EventDict:
            if method == "warning":
                on_warning(event)
            return event

        structlog.configure(
            processors=[*_SHARED, note, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=False,
        )

    def send_to_cloudwatch(
        self, *, region: str | None, group: str, stream: str, check: Callable[[], None]
    ) -> None:
        """Send what does not belong on stdout to a log group; failing that, warn.

        `check` may raise meanwhile: then the job is to end, and does so without CloudWatch.
        """
        self.has_cloudwatch = True
        # Imported where it is used: boto3 takes a quarter of a second.
        from worker.monitoring.cloudwatch import CloudWatchUnavailableError, open_handler

        try:
            handler = open_handler(region=region, group=group, stream=stream, check=check)
        except (CloudWatchUnavailableError, WorkerError) as error:
            structlog.get_logger(LOGGER).warning("cloudwatch_unavailable", reason=str(error))
            return
        handler.setFormatter(_formatter(human=False, colors=False))
        handler.addFilter(lambda record: not _belongs_on_stdout(record))
        self._stdout.addFilter(_belongs_on_stdout)
        self._logger.addHandler(handler)
        self._cloudwatch = handler

    def deliver(self) -> None:
        """Send CloudWatch what it lacks; what it does not take in time goes to stdout."""
        if self._cloudwatch is not None:
            self._logger.removeHandler(self._cloudwatch)
            self._cloudwatch.close()
            self._cloudwatch = None

    def close(self) -> None:
        """Write nothing more: what threads that were abandoned still log is left out."""
        self.deliver()
        self._stdout.close()


def stream_name(job_id: str) -> str:
    """Return the CloudWatch stream of a job: its id, less what a stream's name cannot hold."""
    return job_id.replace(":", "/")


def _for_people(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Leave out what fills a terminal: the plan in full, the job's id, the date, versions."""
    moment = str(event.pop("timestamp", ""))
    left_out = {"plan", "job_id", "tags", "teacher_message", "ffmpeg"}
    kept = {key: value for key, value in event.items() if key not in left_out}
    return {"timestamp": moment.partition("T")[2][:8], **kept}


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Writes a line without the queries of URLs, which a traceback may hold."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _formatter(*, human: bool, colors: bool) -> logging.Formatter:
    renderer: list[Processor]
    if human:
        console = structlog.dev.ConsoleRenderer(
            colors=colors,
            sort_keys=False,
            # Where rich is installed the default shows local variables: URLs with signatures.
            exception_formatter=structlog.dev.plain_traceback,
        )
        renderer = [_for_people, console]
    else:
        renderer = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return _Formatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
    )
