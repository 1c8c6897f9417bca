"""The import graph of the packages of worker/ and ops/; `scripts/imports` prints it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# From the top down: a package or top-level module imports from itself and from lower layers.
LAYERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "worker": (
        ("__main__",),
        ("entry",),
        ("pipeline", "preview"),
        ("team_steps", "early_steps", "lead"),
        ("steps",),
        ("context", "encode", "publish"),
        ("source", "images", "download", "upload", "report"),
        ("text",),
        ("ffmpeg", "hls", "monitoring", "outcome", "callbacks", "team"),
        ("plan", "storage"),
        ("runtime", "config", "messages"),
        ("media", "records"),
        ("errors", "layout", "__init__"),
    ),
    "ops": (
        ("__main__",),
        ("commands",),
        ("bulk",),
        ("legacy", "keeper", "repair", "machines"),
        ("audit",),
        ("batch", "stack", "verify"),
        ("aws", "options"),
        ("console", "names", "errors", "__init__"),
    ),
}

Graph = dict[str, set[str]]


def modules(top: str) -> dict[str, Path]:
    """Map dotted names below a top package to files; a package is named like its `__init__`."""
    found = {}
    for path in sorted((ROOT / top).rglob("*.py")):
        name = path.relative_to(ROOT / top).with_suffix("").as_posix().replace("/", ".")
        found[name.removesuffix(".__init__")] = path
    return found


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports, at any level of it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def module_graph(top: str) -> Graph:
    """Map each module to those of the same top package that it imports."""
    there = modules(top)
    return {
        name: {
            _inner(each, top) for each in imported(path) if each.partition(".")[0] == top
        }.intersection(there)
        - {name, "__init__"}
        for name, path in there.items()
    }


def _inner(name: str, top: str) -> str:
    return name.removeprefix(f"{top}.") if name != top else "__init__"


def package_of(module: str) -> str:
    """Return the package or top-level module to which a module belongs."""
    return module.partition(".")[0]


def package_graph(top: str) -> Graph:
    """Map each package to the others that it imports."""
    graph: Graph = {}
    for name, needs in module_graph(top).items():
        package = package_of(name)
        graph.setdefault(package, set()).update(package_of(each) for each in needs)
    return {package: needs - {package} for package, needs in graph.items()}


def upward(top: str) -> list[str]:
    """Return the imports between packages that do not lead to a lower layer."""
    depth = {name: i for i, layer in enumerate(LAYERS[top]) for name in layer}
    return [
        f"{package} imports {other}"
        for package, needs in sorted(package_graph(top).items())
        for other in sorted(needs)
        if depth.get(other, -1) <= depth.get(package, -1)
    ]


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the modules that import each other in a circle, and those above them; none if none."""
    done: set[str] = set()
    while free := {name for name, needs in graph.items() if name not in done and needs <= done}:
        done |= free
    return sorted(set(graph) - done)


def main() -> int:
    """Print the packages of each layer with what they import; 1 where an import leads upward."""
    faults = []
    for top, layers in LAYERS.items():
        graph = package_graph(top)
        for layer in layers:
            for package in (name for name in layer if name in graph and name != "__init__"):
                print(f"{top}.{package:10} -> {', '.join(sorted(graph[package])) or '–'}")
        faults += [f"{top}: {fault}" for fault in upward(top)]
        faults += [
            f"{top}: a circle among {', '.join(found)}" for found in [circle(graph)] if found
        ]
    print("\n".join(faults) or "No import leads upward; no circles.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
