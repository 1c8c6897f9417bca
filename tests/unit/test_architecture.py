"""The packages: their order, their purity, their sizes, and what each may import."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture import (
    LAYERS,
    ROOT,
    circle,
    imported,
    module_graph,
    modules,
    package_graph,
    package_of,
    upward,
)

PURE = ("plan", "hls", "media", "text")
IMPURE = {
    *("subprocess", "socket", "time", "os", "threading", "random", "shutil", "tempfile"),
    *("boto3", "urllib3", "requests", "http"),
}
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_FILES = 300, 50, 14
TOPS = ("worker", "ops")


@pytest.mark.parametrize("top", TOPS)
def test_every_package_has_a_layer(top: str) -> None:
    named = [name for layer in LAYERS[top] for name in layer]
    assert sorted(named) == sorted({package_of(name) for name in modules(top)})


@pytest.mark.parametrize("top", TOPS)
def test_imports_lead_down(top: str) -> None:
    assert upward(top) == []


@pytest.mark.parametrize("top", TOPS)
def test_no_module_imports_itself_through_others(top: str) -> None:
    assert circle(module_graph(top)) == []


def test_a_circle_and_an_upward_import_are_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


@pytest.mark.parametrize("top", TOPS)
def test_each_package_says_what_it_is_for_and_what_it_may_import(top: str) -> None:
    """And it imports nothing else."""
    graph = package_graph(top)
    for folder in sorted((ROOT / top).iterdir()):
        if not (folder / "__init__.py").is_file():
            continue
        doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
        match = re.search(r"May import: ([a-z_, \n]+)\.", doc)
        assert match, f"{folder.name}: its docstring says `May import: …`"
        allowed = {name.strip() for name in match[1].split(",")} - {"nothing"}
        depth = {name: i for i, layer in enumerate(LAYERS[top]) for name in layer}
        assert all(depth[name] > depth[folder.name] for name in allowed), folder.name
        assert graph[folder.name] - {"__init__"} == allowed, folder.name


def test_planning_and_rendering_are_pure() -> None:
    found = {
        name: {each.partition(".")[0] for each in imported(path)} & IMPURE
        for name, path in modules("worker").items()
        if package_of(name) in PURE
    }
    assert {name: impure for name, impure in found.items() if impure} == {}


def test_one_module_starts_processes() -> None:
    there = modules("worker")
    starters = {name for name, path in there.items() if "subprocess" in imported(path)}
    assert starters == {"runtime.child"}


@pytest.mark.parametrize(
    ("top", "programs"), [("worker", {"__main__", "runtime.launcher"}), ("ops", {"__main__"})]
)
def test_only_the_entry_point_of_a_program_exits(top: str, programs: set[str]) -> None:
    exits = {n for n, p in modules(top).items() if re.search(r"sys\.exit|os\._exit", p.read_text())}
    assert exits == programs


def sources() -> list[Path]:
    return [path for top in (*TOPS, "tests") for path in (ROOT / top).rglob("*.py")]


def test_files_are_short() -> None:
    guard = list((ROOT / "cdn").glob("*.js"))
    assert guard
    lengths = {path: len(path.read_text().splitlines()) for path in (*sources(), *guard)}
    assert {str(path): n for path, n in lengths.items() if n > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    long = [
        f"{path.name} {node.name}: {node.end_lineno - node.lineno + 1}"
        for top in TOPS
        for path in (ROOT / top).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert long == []


def test_folders_are_small() -> None:
    folders: dict[Path, int] = {}
    for top in TOPS:
        for path in (ROOT / top).rglob("*.py"):
            folders[path.parent] = folders.get(path.parent, 0) + 1
    assert {str(folder): n for folder, n in folders.items() if n > MAX_FILES} == {}
