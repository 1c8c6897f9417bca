"""The guard's own tests, which Node.js runs: tokens, rewriting, caching, ranges."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.functional.cdn.conftest import CDN, NODE


@pytest.mark.parametrize("path", sorted((NODE / "guard").glob("*.test.mjs")), ids=lambda p: p.name)
def test_the_tests_in_node_pass(path: Path) -> None:
    answer = subprocess.run(
        ["node", "--test", path], capture_output=True, text=True, timeout=120, check=False
    )
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr[-4000:]
    assert "# pass 0" not in answer.stdout


def test_the_guard_imports_nothing_but_its_own_files() -> None:
    """It needs no package, and no module that only Node.js has; sign.js alone runs there."""
    for path in CDN.glob("*.js"):
        imports = [line for line in path.read_text().splitlines() if line.startswith("import ")]
        foreign = [line for line in imports if ' from "./' not in line]
        assert path.name == "sign.js" or foreign == [], path.name
