"""The documents say what the code does: parameters, events, options."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import worker.monitoring.logs
from worker.config.job import Job, option_name, variable_name

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LEVELS = {"debug", "info", "warning", "error", "exception"}


def events() -> dict[str, set[str]]:
    """Every event name that some call of a logger in worker/ uses, and at which levels."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "worker").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and _is_log_call(node.func):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.setdefault(str(first.value), set()).update(_levels(node.func))
                elif isinstance(first, ast.Name):
                    name = str(getattr(worker.monitoring.logs, first.id))
                    found.setdefault(name, set()).update(_levels(node.func))
    return found


def _levels(function: ast.expr) -> set[str]:
    if isinstance(function, ast.Attribute):
        return {"error" if function.attr == "exception" else function.attr}
    return {"info", "error"}


def _is_log_call(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "tell"  # info or error, in the door
    return isinstance(function, ast.Attribute) and function.attr in LEVELS


def test_every_parameter_is_documented() -> None:
    page = (DOCS / "job-parameters.md").read_text()
    for field in Job.model_fields:
        row = rf"^\| `{option_name(field)}` \| `{variable_name(field)}` \|"
        assert re.search(row, page, re.MULTILINE), field


def test_no_parameter_is_documented_that_is_not_there() -> None:
    page = (DOCS / "job-parameters.md").read_text()
    told = set(re.findall(r"^\| `(--[a-z0-9-]+)` \|", page, re.MULTILINE))
    assert told == {option_name(field) for field in Job.model_fields}


def test_every_event_is_documented_with_its_level_and_no_other() -> None:
    page = (DOCS / "log-events.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)` \| ([a-z ]+) \|", page, re.MULTILINE)
    assert {event: set(levels.split(" or ")) for event, levels in rows} == events()


def test_every_room_is_in_the_architecture() -> None:
    from tests.unit.test_architecture import ROOMS

    page = (DOCS / "architecture.md").read_text()
    for room, modules in ROOMS.items():
        (row,) = re.findall(rf"^\| {room} \|(.*)$", page, re.MULTILINE)
        told = set(re.findall(r"`([a-z0-9_.]+)`", row.split("|")[0]))
        assert told == modules - {"__init__"}, room


@pytest.mark.parametrize("page", ["README.md"])
def test_the_readme_is_short(page: str) -> None:
    assert len((ROOT / page).read_text().splitlines()) <= 150
