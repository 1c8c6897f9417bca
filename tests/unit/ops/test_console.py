"""What is shown: no secrets, nothing that controls the terminal, complete aligned columns."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from ops.console import duration, say, show_table, warn

HEADING = ("created (UTC)", "id", "reason")
ROW = ("2026-01-01 00:00:00", "4c7599ae-0a82-49aa-ba5a-4727fcce14a8", "because " * 20 + "end")


class Terminal(io.StringIO):
    """A stdout that is a terminal."""

    def isatty(self) -> bool:
        return True


def in_a_table(text: str) -> None:
    show_table(["a", "b"], [["", text]])


@pytest.mark.parametrize("show", [say, warn, in_a_table])
def test_no_query_of_a_url_is_shown(
    capsys: pytest.CaptureFixture[str],
    show: Callable[[str], None],
) -> None:
    show("of https://x.example/a.mp4?X-Amz-Signature=s and /a.mp4?X-Amz-Signature=s")
    shown = "".join(capsys.readouterr())
    assert "of https://x.example/a.mp4?… and /a.mp4?…" in shown
    assert "Signature" not in shown


@pytest.mark.parametrize("show", [say, warn, in_a_table])
def test_no_line_controls_the_terminal(
    capsys: pytest.CaptureFixture[str], show: Callable[[str], None]
) -> None:
    show("talk\x1b[2J\x07.mp4")
    assert "talk�[2J�.mp4\n" in "".join(capsys.readouterr())


def test_columns_are_aligned_also_where_characters_are_wide(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_table(["id", "name"], [("1234", "x"), ("강의", "[b]y[/b] :smile:")])
    assert capsys.readouterr().out.splitlines() == [
        "id    name",
        "1234  x",
        "강의  [b]y[/b] :smile:",
    ]


@pytest.mark.parametrize("columns", ["20", "80", "500"])
def test_off_a_terminal_each_row_is_one_complete_line_whatever_the_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    show_table(HEADING, [ROW, (*ROW[:2], "two\nlines")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["  ".join(ROW), "  ".join((*ROW[:2], "two lines"))]
    assert lines[0].split() == ["created", "(UTC)", "id", "reason"]


@pytest.mark.parametrize(("columns", "width"), [("120", 120), ("40", 79)])
def test_on_a_terminal_the_last_column_is_folded_and_nothing_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    show_table(HEADING, [ROW])
    lines = terminal.getvalue().splitlines()
    assert lines[1].startswith(f"{ROW[0]}  {ROW[1]}  because")
    assert max(map(len, lines)) <= width
    assert terminal.getvalue().count("because") == 20
    assert "\x1b" not in terminal.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(48, "48 s"), (720, "12 min"), (12000, "3 h 20 min"), (3600, "1 h 00 min")],
)
def test_times_are_written_as_people_write_them(seconds: int, text: str) -> None:
    assert duration(seconds) == text
