"""Operators read these pages in Korean: the same headings and tables as the English ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README", "docs/operations", "docs/deployment"]


def text_of(page: str) -> str:
    """A page without its code, where `#` is a comment and not a heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def headings(text: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


def tables(text: str) -> list[list[list[str]]]:
    """All tables of a page: rows of cells, without the line below the head."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if not line.startswith("|"):
            found.append([])
        elif not re.fullmatch(r"[|:\s-]+", line):
            found[-1].append([cell.strip() for cell in line.strip("|").split(" | ")])
    return [table for table in found if table]


def names(cell: str) -> list[str]:
    """What both languages write alike: code, numbers."""
    return re.findall(r"`[^`]+`|\d+", cell)


def code(text: str) -> list[str]:
    return sorted(re.findall(r"`(--[a-z0-9-]+|scripts/[a-z-]+|WORKER_[A-Z0-9_]+)", text))


@pytest.mark.parametrize("page", PAGES)
def test_the_korean_page_has_the_same_headings(page: str) -> None:
    assert headings(text_of(f"{page}.ko.md")) == headings(text_of(f"{page}.md"))


@pytest.mark.parametrize("page", PAGES)
def test_the_korean_page_has_the_same_tables_row_by_row(page: str) -> None:
    english, korean = tables(text_of(f"{page}.md")), tables(text_of(f"{page}.ko.md"))
    assert [len(table) for table in korean] == [len(table) for table in english]
    for ours, theirs in zip(english, korean, strict=True):
        for row, other in zip(ours[1:], theirs[1:], strict=True):
            assert len(other) == len(row), (row, other)
            assert names(other[0]) == names(row[0])


@pytest.mark.parametrize("page", PAGES)
def test_the_korean_page_names_the_same_options_and_commands(page: str) -> None:
    assert set(code(text_of(f"{page}.ko.md"))) == set(code(text_of(f"{page}.md")))


@pytest.mark.parametrize("page", PAGES)
def test_the_korean_page_is_korean(page: str) -> None:
    """A page that was copied and not translated has the same tables, too."""
    assert len(re.findall(r"[가-힣]", text_of(f"{page}.ko.md"))) > 500
