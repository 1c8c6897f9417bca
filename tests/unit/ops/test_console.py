"""What is shown: no secrets, nothing that steers the terminal, aligned columns."""

from __future__ import annotations

import pytest

from ops.console import duration, redact, say, table


def test_no_query_of_a_url_is_shown() -> None:
    assert redact("of https://x.example/a.mp4?X-Amz-Signature=s, or") == (
        "of https://x.example/a.mp4?… or"
    )


def test_no_log_line_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("talk\x1b[2J\x07.mp4")
    assert capsys.readouterr().out == "talk�[2J�.mp4\n"


def test_columns_are_aligned() -> None:
    assert table([("id", "name"), ("1234", "x")]) == ["id    name", "1234  x"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(48, "48 s"), (720, "12 min"), (12000, "3 h 20 min"), (3600, "1 h 00 min")],
)
def test_times_are_said_as_a_person_would(seconds: int, text: str) -> None:
    assert duration(seconds) == text
