"""The operator package: small, without circles, documented, and alone with its own exits."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path

import pytest

from ops.__main__ import COMMANDS, build_parser, main
from tests.unit.test_architecture import assert_no_circle

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted((ROOT / "ops").glob("*.py"))
# What scripts/setup installs without --dev, and the tree's own.
AT_RUN_TIME = {"boto3", "botocore", "ops", "worker"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if node.module == "ops" else {node.module}
    return found


def commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {o for a in parser._actions for o in a.option_strings if o.startswith("--")}


def test_files_fit_in_the_head() -> None:
    assert {p.name: n for p in MODULES if (n := len(p.read_text().splitlines())) > 300} == {}


def test_only_the_door_exits() -> None:
    exits = {p.name for p in MODULES if re.search(r"sys\.exit|os\._exit", p.read_text())}
    assert exits == {"__main__.py"}


def test_no_module_imports_itself_through_others() -> None:
    graph = {
        p.stem: {n.removeprefix("ops.") for n in imports(p) if n.startswith("ops.")}
        for p in MODULES
    }
    assert_no_circle(graph)


def test_it_needs_nothing_that_the_worker_does_not() -> None:
    found = {name.partition(".")[0] for path in MODULES for name in imports(path)}
    others = {n for n in found - AT_RUN_TIME if n not in sys.stdlib_module_names}
    # Stubs, imported for the type checker alone.
    assert {name for name in others if not name.startswith("mypy_boto3_")} == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_script_and_each_option_is_documented(command: str) -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    script = ROOT / "scripts" / command
    assert f'/ops" {command} "$@"' in script.read_text()
    assert script.stat().st_mode & 0o111
    assert f"scripts/{command}" in page
    missing = {o for o in options(commands()[command]) if f"`{o}" not in page} - {"--help"}
    worker_options = (ROOT / "docs" / "job-parameters.md").read_text()
    assert {o for o in missing if f"| `{o}` |" not in worker_options} == set()


def test_each_exit_status_is_documented() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    for status in (0, 1, 64, 65, 66, 69, 70, 75, 76, 77, 78, 130):
        assert re.search(rf"^\| {status} \|", page, re.MULTILINE), status


def test_each_template_parameter_is_documented() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    template = (ROOT / "scripts" / "aws" / "template.yaml").read_text()
    section = template.partition("\nParameters:\n")[2].partition("\nConditions:")[0]
    for name in re.findall(r"^  (\w+):$", section, re.MULTILINE):
        assert f"`{name}`" in page, name


def test_a_faulty_command_line_ends_with_64(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["submit", "s3://a/b"])
    assert caught.value.code == 64
    assert "DESTINATION" in capsys.readouterr().err


def test_help_is_there_before_anything_is_installed_or_configured() -> None:
    for command in COMMANDS:
        help_text = commands()[command].format_help()
        for word in ("--region", "--profile", "--endpoint-url", f"scripts/{command}"):
            assert word in help_text


def test_the_image_declares_the_volume_that_a_read_only_job_needs() -> None:
    assert re.search(r"^VOLUME /scratch$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
