"""The documents say what the code does: events, options, packages, codes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import worker.monitoring.logs
from ops.audit.finding import Code, Finding
from tests.architecture import LAYERS
from worker.errors import SourceFault
from worker.messages import TEACHER_MESSAGES

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
        return function.id == "write"  # info or error, at the entry point
    return isinstance(function, ast.Attribute) and function.attr in LEVELS


def test_every_event_is_documented_with_its_level_and_no_other() -> None:
    page = (DOCS / "log-events.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)` \| ([a-z ]+) \|", page, re.MULTILINE)
    assert {event: set(levels.split(" or ")) for event, levels in rows} == events()


def test_every_package_is_in_the_architecture() -> None:
    page = (DOCS / "architecture.md").read_text()
    named = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))
    packages = {name for layer in LAYERS["worker"] for name in layer} - {"__init__"}
    assert packages <= named


@pytest.mark.parametrize("code", SourceFault)
def test_every_code_of_a_bad_source_is_documented(code: SourceFault) -> None:
    page = (DOCS / "operations.md").read_text()
    (row,) = re.findall(rf"^\| `{code}` \|.*$", page, re.MULTILINE)
    assert TEACHER_MESSAGES[code].en in row


def test_every_finding_of_an_audit_is_documented_with_its_severity() -> None:
    page = (DOCS / "operations.md").read_text()
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| (damage|waste|note) \|", page, re.MULTILINE)
    documented = {
        code: severity for codes, severity in rows for code in re.findall("[a-z_]+", codes)
    }
    findings = [Finding(code=code, key="", detail="") for code in Code]
    assert documented == {finding.code: finding.severity for finding in findings}


@pytest.mark.parametrize("page", ["README.md", "README.ko.md"])
def test_the_readme_is_short(page: str) -> None:
    assert len((ROOT / page).read_text().splitlines()) <= 150
