"""Log lines hold no secret, whoever writes them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from worker.config.location import parse_location
from worker.monitoring.logs import LOGGER, Logs
from worker.outcome import outcome_of

URL = "https://videos.example.org/in.mp4?X-Amz-Signature=SECRET"


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `Logs` configures is the whole process's."""
    worker, root = logging.getLogger(LOGGER), logging.getLogger()
    monkeypatch.setattr(worker, "handlers", [])
    monkeypatch.setattr(worker, "propagate", worker.propagate)
    monkeypatch.setattr(root, "handlers", [*root.handlers])
    level = worker.level
    yield
    worker.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("log_format", ["human", "json"])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_traceback_shows_no_local_variables(
    capsys: pytest.CaptureFixture[str], log_format: str, *, is_terminal: bool
) -> None:
    url, location = URL, parse_location(URL)
    Logs(log_format=log_format, is_terminal=is_terminal)
    try:
        len(url) / (len(str(location)) - len(str(location)))
    except ZeroDivisionError:
        structlog.get_logger(LOGGER).exception("internal_error")
    shown = capsys.readouterr().out
    assert "internal_error" in shown
    assert "ZeroDivisionError" in shown
    assert "SECRET" not in shown


def test_other_loggers_stay_silent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As outside of pytest, which listens to all of them."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    Logs(is_terminal=False)
    logging.getLogger("urllib3.connection").warning("Failed to parse headers (url=%s)", URL)
    assert capsys.readouterr() == ("", "")


def test_who_listens_to_other_loggers_hears_them(caplog: pytest.LogCaptureFixture) -> None:
    Logs(is_terminal=False)
    logging.getLogger("urllib3.connection").warning("Failed to parse headers")
    assert caplog.messages == ["Failed to parse headers"]


def test_many_logs_add_one_handler_to_the_root() -> None:
    Logs(is_terminal=False)
    count = len(logging.getLogger().handlers)
    Logs(is_terminal=False)
    assert len(logging.getLogger().handlers) == count


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_no_query_of_a_url_is_shown_whoever_names_it(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    Logs(log_format=log_format, is_terminal=False)
    words = f"Max retries exceeded with url: /in.mp4?X-Amz-Signature=SECRET (of {URL!r})"
    with pytest.raises(OSError, match="Max retries") as caught:
        raise OSError(words)
    message = outcome_of(caught.value).message
    structlog.get_logger(LOGGER).error("internal_error", message=message, exc_info=caught.value)
    shown = capsys.readouterr().out
    for text in (message, shown):
        assert "/in.mp4?… (of 'https://videos.example.org/in.mp4?…')" in text
        assert "SECRET" not in text


def test_after_the_end_nothing_more_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """An abandoned thread that still logs could block at a stdout that is a pipe again."""
    logs = Logs(is_terminal=False)
    structlog.get_logger(LOGGER).error("before")
    logs.close()
    structlog.get_logger(LOGGER).error("after")
    shown = capsys.readouterr()
    assert "before" in shown.out
    assert "after" not in shown.out + shown.err
