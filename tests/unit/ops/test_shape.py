"""The operator package: small modules without circular imports, documented, one entry point."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ops.__main__ import COMMANDS, build_parser, main

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "ops"
# What scripts/setup installs without --dev, and the tree's own.
AT_RUN_TIME = {"boto3", "botocore", "ops", "pydantic", "rich", "worker"}
# From the top down; ops/__init__.py says the same.
LAYERS = (
    {"__main__"},
    {"commands"},
    {"batch", "stack", "legacy"},
    {"aws", "console", "options", "names", "errors"},
)
# What describes a job; nothing that runs one.
OF_THE_WORKER = {"config", "errors", "layout", "messages", "monitoring.logs", "records"}


def modules() -> dict[str, Path]:
    """Every module of ops by its dotted name below it; a package is named as its folder."""
    names = {
        p.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."): p
        for p in sorted(PACKAGE.rglob("*.py"))
    }
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


MODULES = modules()


def imports(path: Path) -> set[str]:
    """Everything that a module imports; of `from ops.batch import log`, `ops.batch.log`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = {n for n in names if n.removeprefix("ops.") in MODULES}
            found |= submodules or {node.module}
    return found


def inner(path: Path) -> set[str]:
    """The modules of ops that a module imports."""
    return {name.removeprefix("ops.") for name in imports(path) if name.startswith("ops.")}


def assert_no_circle(graph: Mapping[str, set[str]]) -> None:
    """`graph` maps each name to those that it imports."""
    done: set[str] = set()
    while len(done) < len(graph):
        free = {name for name, needs in graph.items() if name not in done and needs <= done}
        assert free, f"a circle among {sorted(set(graph) - done)}"
        done |= free


def package(name: str) -> str:
    """The part of ops that a module belongs to: its folder, or itself."""
    return name.partition(".")[0]


def functions(path: Path) -> dict[str, int]:
    """The length of each function, in lines."""
    return {
        f"{path.stem}.{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {o for a in parser._actions for o in a.option_strings if o.startswith("--")}


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: n for name, n in lengths.items() if n > 300} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    lengths = {name: n for path in MODULES.values() for name, n in functions(path).items()}
    assert {name: n for name, n in lengths.items() if n > 50} == {}


def test_no_folder_has_more_than_14_modules() -> None:
    folders = [PACKAGE, *(p for p in PACKAGE.iterdir() if p.is_dir())]
    assert {f.name: n for f in folders if (n := len(list(f.glob("*.py")))) > 14} == {}


def test_every_part_belongs_to_a_layer() -> None:
    assert {package(name) for name in MODULES if name != "__init__"} == set().union(*LAYERS)


def test_imports_go_down() -> None:
    depth = {part: i for i, layer in enumerate(LAYERS) for part in layer}
    upward = [
        f"{name} imports {other}"
        for name, path in MODULES.items()
        for other in inner(path)
        if depth[package(other)] < depth[package(name)]
    ]
    assert upward == []


def test_no_package_imports_itself_through_others() -> None:
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        others = {package(other) for other in inner(path)} - {package(name)}
        graph.setdefault(package(name), set()).update(others)
    assert_no_circle(graph)


def test_no_command_imports_another() -> None:
    found = {
        name: others
        for name, path in MODULES.items()
        if package(name) == "commands" and (others := _commands_in(inner(path)))
    }
    assert found == {}


def _commands_in(names: set[str]) -> set[str]:
    return {name for name in names if package(name) == "commands"}


def test_every_package_says_what_it_is_for_and_may_import() -> None:
    for part in ("commands", "batch", "stack", "legacy"):
        docstring = ast.get_docstring(ast.parse(MODULES[part].read_text())) or ""
        imported = {package(o) for n, p in MODULES.items() if package(n) == part for o in inner(p)}
        allowed = set(re.findall(r"\w+", docstring.partition("May import: ")[2].partition(".")[0]))
        assert imported - {part} <= allowed, part


def test_of_the_worker_only_what_describes_a_job_is_imported() -> None:
    found = {
        other.removeprefix("worker.")
        for path in MODULES.values()
        for other in imports(path)
        if package(other) == "worker"
    }
    assert {n for n in found if not {n, package(n)} & OF_THE_WORKER} == set()


def test_only_the_console_writes_what_is_shown() -> None:
    """It leaves out secrets and control characters."""
    pattern = r"sys\.std(out|err)|(?<![.\w])print\("
    writers = {n for n, p in MODULES.items() if re.search(pattern, p.read_text())}
    assert writers == {"console"}


def test_only_the_entry_point_exits() -> None:
    exits = {n for n, p in MODULES.items() if re.search(r"sys\.exit|os\._exit", p.read_text())}
    assert exits == {"__main__"}


def test_no_module_imports_itself_through_others() -> None:
    assert_no_circle({name: inner(path) for name, path in MODULES.items()})


def test_it_needs_nothing_that_the_worker_does_not() -> None:
    found = {name.partition(".")[0] for path in MODULES.values() for name in imports(path)}
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
