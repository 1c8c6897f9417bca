"""The rooms: a module imports from its own room or one below, and the mind stays pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "worker"

# From the top down. docs/architecture.md says what each room is for.
ROOMS = {
    "door": {"__main__"},
    "story": {"pipeline", "preview.command"},
    "hands": {
        *("encode", "failures", "thumbnail", "subtitles", "pilot", "prepare", "probe"),
        "pictures",
        *("mend", "listen", "fetch", "environment", "places"),
        *("preview.page", "preview.serve", "preview.folder"),
    },
    "delivery": {"gallery", "files", "publish", "verify", "upload", "checkpoint"},
    "voice": {"progress", "bars", "status", "lease", "logs", "cloudwatch"},
    "store": {
        *("store", "store.address", "store.base", "store.https"),
        *("store.local", "store.s3", "store.steady"),
    },
    "machine": {"alone", "process", "limits", "apart"},
    "mind": {
        *("webvtt", "playlist", "segment", "samples", "command", "inputs", "transport_stream"),
        *("sound", "remux", "repeats", "copying", "decode", "decoded"),
        *("forecast", "lanes", "plan", "ladder"),
        *("timeline", "recolor", "color", "description", "language", "media", "packets"),
        *("chapters", "looks", "stills", "storyboard", "account", "framecrc"),
        *("report", "report.figures", "report.plot", "report.reading", "report.render"),
        "report.words",
    },
    "ground": {
        *("parameters", "job", "location", "outcome", "budget", "errors", "__init__"),
        *("preview", "preview.options"),
    },
}
IMPURE = {"subprocess", "socket", "time", "os", "threading", "boto3", "urllib3", "random", "shutil"}


def modules() -> dict[str, Path]:
    paths = (p for p in PACKAGE.rglob("*.py"))
    names = {p.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."): p for p in paths}
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def inner(path: Path) -> set[str]:
    return {
        "__init__" if name == "worker" else name.removeprefix("worker.")
        for name in imports(path)
        if name.partition(".")[0] == "worker"
    }


def test_every_module_has_a_room() -> None:
    rooms = [name for room in ROOMS.values() for name in room]
    assert sorted(rooms) == sorted(modules())


def test_imports_go_down() -> None:
    depth = {name: i for i, room in enumerate(ROOMS.values()) for name in room}
    upward = [
        f"{name} imports {other}"
        for name, path in modules().items()
        for other in inner(path)
        if depth[other] < depth[name]
    ]
    assert upward == []


def assert_no_circle(graph: Mapping[str, set[str]]) -> None:
    """`graph` maps each module to those that it imports."""
    done: set[str] = set()
    while len(done) < len(graph):
        free = {name for name, needs in graph.items() if name not in done and needs <= done}
        assert free, f"a circle among {sorted(set(graph) - done)}"
        done |= free


def test_no_module_imports_itself_through_others() -> None:
    assert_no_circle({name: inner(path) - {"__init__"} for name, path in modules().items()})


def test_the_mind_is_pure() -> None:
    found = {name: imports(modules()[name]) & IMPURE for name in ROOMS["mind"]}
    assert {name: impure for name, impure in found.items() if impure} == {}


def test_one_module_starts_processes() -> None:
    starters = {name for name, path in modules().items() if "subprocess" in imports(path)}
    assert starters == {"process"}


def test_only_the_door_exits() -> None:
    exits = {n for n, p in modules().items() if re.search(r"sys\.exit|os\._exit", p.read_text())}
    assert exits == {"__main__"}


def test_files_fit_in_the_head() -> None:
    lengths = {name: len(path.read_text().splitlines()) for name, path in modules().items()}
    assert {name: n for name, n in lengths.items() if n > 300} == {}
